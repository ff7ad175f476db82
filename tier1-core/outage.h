/*
 * One word for the whole process on whether the database is away: so that those who wait behind a
 * statement that ran into its deadline are answered at once instead of waiting for a deadline of
 * their own (E131), and so that the log says it once.
 *
 * Whoever loses a connection says so. From then on ordinary requests are refused without being
 * tried, until a thread of this module has found that a new connection answers (it tries at once,
 * then every second), or the probe that its own does: the server may have no room for a new one. A
 * statement that the server itself has cut off is no outage.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stdint.h>

struct app;
struct outage;

struct outage *outage_start(struct app *app) ES_MUST_CHECK;
/* NULL accepted. Returns NULL. */
struct outage *outage_stop(struct outage *outage);

/* A statement on DB has failed for want of an answer. From any thread. */
void outage_notice(struct outage *outage, const struct es_db *db);

/* The database has answered. From any thread. */
void outage_end(struct outage *outage);

/* Is the database away, as far as we know? */
bool outage_now(const struct outage *outage);

/* A request was answered 503. True when that is to be logged: never during an outage, whose end is
 * logged with their number, and else at most once a second; *RET_UNSAID is then how many were not
 * logged since the last one. */
bool outage_count_refusal(struct outage *outage, int64_t *ret_unsaid) ES_MUST_CHECK;
