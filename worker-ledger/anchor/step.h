/*
 * One step of one transaction: take it (a lease in the database, so that several processes share
 * the work), ask the providers, let decide.h decide, change the row by compare-and-swap.
 *
 * What is sent is always the stored bytes. No database transaction is open while a provider is
 * asked.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/anchor/work.h"

#include <stdbool.h>

/* Do the next step that is due; *RET_ANY tells whether there was one. */
enum es_db_result es_step_next(struct es_anchor_work *work, bool *ret_any) ES_MUST_CHECK;
