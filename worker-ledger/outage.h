/*
 * PostgreSQL being away, as one fact of the process: each thread reports how its work went, and the
 * log gets one line when the first one finds the server gone and one when all have found it again
 * (E131), however long that takes and however often they try.
 *
 * Safe from any thread. Logs, unlike other parts: that is its purpose.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/observe/metrics.h"

#include <stdbool.h>

/* The threads that report. */
enum es_outage_thread { ES_OUTAGE_SEALER, ES_OUTAGE_ANCHORER, ES_OUTAGE_WALLET };
#define ES_OUTAGE_THREADS ((size_t)ES_OUTAGE_WALLET + 1)

struct es_outage;
struct es_outage *es_outage_new(struct es_metrics *metrics) ES_MUST_CHECK;
struct es_outage *es_outage_free(struct es_outage *outage);

/* THREAD's last work with DB ended in RESULT. ES_DB_OK and ES_DB_NO_ROW are well; a failure that is
 * not an outage is our mistake and logged BROKEN when it first occurs. True when all was well. */
bool es_outage_report(struct es_outage *outage, enum es_outage_thread thread,
                      const struct es_db *db, enum es_db_result result);

bool es_outage_is_up(struct es_outage *outage);
