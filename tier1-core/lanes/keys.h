/*
 * The Idempotency-Keys of a batch: found, and their first answers kept, set-wise.
 *
 * There is no claim: an answer is kept in the transaction that writes its signal, so a key is
 * either free or has its answer, whenever a process dies. Of two processes with one key, one
 * commits; the other learns of it before it does, takes back all it wrote and asks again.
 */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"
#include "tier1-core/lanes/lanes.h"

/* True when one of COUNT jobs has a key. Batches without need none of what follows. */
bool keys_any(struct lane_job *const *jobs, size_t count);

/* Give those of COUNT jobs their verdict whose key is not free, or free and the signal too old. One
 * statement; none when there is no key. */
enum es_db_result keys_answer(struct es_db *db, struct es_arena *arena,
                              struct lane_job *const *jobs, size_t count) ES_MUST_CHECK;

/* Move the jobs whose key an earlier one has as well to the end; returns how many are before. */
size_t keys_firsts(struct es_arena *arena, struct lane_job **jobs, size_t count);

/* Within a transaction: keep the answers to the outcomes of COUNT jobs under their keys, which are
 * distinct. *RET_OVERTAKEN: somebody has taken one of the keys, nothing may be committed. */
enum es_db_result keys_keep(struct es_db *db, struct es_arena *arena, struct lane_job *const *jobs,
                            size_t count, bool *ret_overtaken) ES_MUST_CHECK;
