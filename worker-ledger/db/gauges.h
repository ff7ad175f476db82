/* What is counted for metrics, and the counters of failed broadcasts (E119). */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/anchor/state.h"

#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_gauges_states_statement;
extern const struct es_db_statement es_gauges_age_statement;
extern const struct es_db_statement es_gauges_failed_statement;

struct es_gauges {
    int64_t states[ES_TX_STATE_COUNT]; /* transactions in each state that is not an end */
    int64_t unanchored;                /* checkpoints that need a transaction */
};
enum es_db_result es_gauges_read(struct es_db *db, struct es_gauges *ret_gauges) ES_MUST_CHECK;

/* How long ago the oldest checkpoint was sealed that has no transaction the network has seen
 * (E118); 0 when there is none. */
enum es_db_result es_gauges_age(struct es_db *db, int64_t *ret_oldest_ms) ES_MUST_CHECK;

/* Count one failure of PROVIDER with REASON, a stable word. */
enum es_db_result es_gauges_count_failure(struct es_db *db, const char *provider,
                                          const char *reason) ES_MUST_CHECK;
