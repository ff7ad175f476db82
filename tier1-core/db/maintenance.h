/* Regular jobs of the core's schema, each idempotent and safe when two processes run it. */
#pragma once

#include "common/db/db.h"

#include <stdint.h>

/* Make the partitions of core.signals for the coming MONTHS. */
enum es_db_result maintenance_partitions(struct es_db *db, int32_t months,
                                         int64_t *ret_created) ES_MUST_CHECK;

/* Remove what has ended: logins, idempotency keys, revocations, sessions; events long delivered. Of
 * each table a batch; *RET_MOST is what the fullest lost, so that the caller knows whether to call
 * again. */
enum es_db_result maintenance_prune(struct es_db *db, int64_t *ret_most) ES_MUST_CHECK;

extern const struct es_db_statement maintenance_partitions_statement,
    maintenance_prune_core_statement, maintenance_prune_bus_statement, maintenance_ping_statement;
