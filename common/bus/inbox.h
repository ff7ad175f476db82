/*
 * What a consumer group has taken in, in PostgreSQL: bus.inbox, bus.failures, bus.consumers.
 *
 * An event is taken by inserting its inbox row in the transaction of its effect; the row's primary
 * key is what makes the effect happen once. An event whose effect failed has a row in bus.failures
 * until it is taken or, after enough tries, parked. Events older than the retention of the outbox
 * are never taken: their inbox rows may be gone.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The statements of this module. */
extern const struct es_db_statement *const es_inbox_statements[];
extern const size_t es_inbox_statement_count;

/* A group with its topics. */
struct es_inbox {
    const char *group;
    const char *const *topics;
    size_t topic_count;
    int32_t failures_to_park;
};

struct es_inbox_survey {
    int64_t waiting;   /* events not taken, those that wait for their next try included */
    int64_t oldest_ms; /* age of the oldest of them, 0 when there is none */
};

/* Count what waits (at most 10,000 a topic are looked at) and move the group's mark up to it. */
enum es_db_result es_inbox_survey(struct es_db *db, const struct es_inbox *inbox,
                                  struct es_inbox_survey *ret_survey) ES_MUST_CHECK;

/* At most COUNT events that wait, are at least MIN_AGE_MS old and not to be left alone for now;
 * oldest first. Column event_id. */
enum es_db_result es_inbox_waiting(struct es_db *db, const struct es_inbox *inbox, size_t count,
                                   int64_t min_age_ms, struct es_db_rows **ret_rows) ES_MUST_CHECK;

/* Take EVENT_ID: to be called in the transaction of the effect, before it. ES_DB_NO_ROW: there is
 * nothing to do (taken or parked already, unknown, too old, not of these topics). Columns topic and
 * payload. Waits while another transaction is taking the same event. */
enum es_db_result es_inbox_take(struct es_db *db, const struct es_inbox *inbox, int64_t event_id,
                                struct es_db_rows **ret_rows) ES_MUST_CHECK;

enum es_inbox_try {
    ES_INBOX_GO,     /* the try is counted: go on with es_inbox_take() */
    ES_INBOX_DONE,   /* taken already */
    ES_INBOX_BUSY,   /* somebody began a try a moment ago, or its pause is not over */
    ES_INBOX_PARKED, /* too many tries came to no end: parked just now */
};

/* Count a try of EVENT_ID before it is made, so that an event that ends the process is noticed. */
enum es_db_result es_inbox_begin_try(struct es_db *db, const struct es_inbox *inbox,
                                     int64_t event_id, enum es_inbox_try *ret_try) ES_MUST_CHECK;

/* The try failed because of ERROR (a few stable words, cut after 200 bytes); COUNTED says whether
 * es_inbox_begin_try() has counted it. *RET_PARKED: it was one too many. */
enum es_db_result es_inbox_fail(struct es_db *db, const struct es_inbox *inbox, int64_t event_id,
                                const char *error, bool counted, bool *ret_parked) ES_MUST_CHECK;

/* The try that es_inbox_begin_try() counted came to nothing, and not through the event: it is made
 * again after its pause and, but for the first one, brings the event no nearer to being parked. */
enum es_db_result es_inbox_uncount(struct es_db *db, const struct es_inbox *inbox,
                                   int64_t event_id) ES_MUST_CHECK;
