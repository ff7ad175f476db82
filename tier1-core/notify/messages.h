/*
 * Messages on their way out: vault.messages, with the addressee's sealed contact.
 *
 * A message is claimed by moving its next_at to the end of a lease; who does not come back within
 * it (crash, freeze) leaves it to the next one. Any number of processes may claim at once.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement *const messages_statements[];
extern const size_t messages_statement_count;

struct messages_new {
    int64_t event_id;
    int64_t member_id;
    const char *template_name;
    const void *sealed;
    size_t sealed_length;
    int64_t expires_at_us;
};

/* Queue a message for the event; one that is there already stays as it is. */
enum es_db_result messages_enqueue(struct es_db *db,
                                   const struct messages_new *message) ES_MUST_CHECK;

/* A claimed message. Pointers live as long as ROWS. */
struct messages_claimed {
    struct es_db_rows *rows;
    int64_t message_id;
    int64_t attempts; /* this one included */
    int64_t age_ms;
    int64_t created_at_us;
    bool expired;
    const char *template_name;
    const void *sealed;
    size_t sealed_length;
    const void *contact; /* NULL: the member has none of this kind */
    size_t contact_length;
};

void messages_claimed_done(struct messages_claimed *claimed);

/* Claim the message that is due for longest, for LEASE_MS. ES_DB_NO_ROW: none is due. */
enum es_db_result messages_claim(struct es_db *db, int64_t lease_ms,
                                 struct messages_claimed *ret_claimed) ES_MUST_CHECK;

/* It was sent: so it is, whoever may have claimed it meanwhile. */
enum es_db_result messages_set_sent(struct es_db *db, int64_t message_id,
                                    const char *provider_ref) ES_MUST_CHECK;

/* End it as STATE ("failed", "expired") because of ERROR (NULL: as before); postpone it by PAUSE_MS
 * (not beyond its end). Both only while try number ATTEMPTS is the latest: nobody else's try is
 * overridden. */
enum es_db_result messages_end(struct es_db *db, int64_t message_id, int64_t attempts,
                               const char *state, const char *error) ES_MUST_CHECK;
enum es_db_result messages_postpone(struct es_db *db, int64_t message_id, int64_t attempts,
                                    int64_t pause_ms, const char *error) ES_MUST_CHECK;

struct messages_survey {
    int64_t queued;
    int64_t oldest_ms; /* 0: none */
};
enum es_db_result messages_survey(struct es_db *db,
                                  struct messages_survey *ret_survey) ES_MUST_CHECK;

/* Forget messages that ended and were made more than KEEP_DAYS ago, at most 1,000; how many. */
enum es_db_result messages_prune(struct es_db *db, int64_t keep_days,
                                 uint64_t *ret_count) ES_MUST_CHECK;
