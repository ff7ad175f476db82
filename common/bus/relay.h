/*
 * The relay: tells the Redis stream of every event that was committed to bus.outbox.
 *
 * One thread with connections of its own, inside eldersafe-core. Of all relays of an installation
 * one leads (an advisory lock of its database session); the others try for the lock every second
 * and take over when it is free, at once after a crash. Should two lead for a moment (a session
 * that died unnoticed), both publish, one moves the position (compare-and-swap), and the doubled
 * entries cost the consumers a look-up each (C13).
 *
 * Order and completeness (C14): a batch is what one snapshot of the database shows and the one
 * before it did not, in the order of the event ids. So an event that commits late is in a later
 * batch and never passed by, a transaction that stays open holds nobody else back, and events of
 * one aggregate keep their order: who could write the second one has seen the first one committed,
 * so no snapshot shows the second without the first, and its id is the larger one. (Reading in the
 * order of transaction ids keeps no such order: PostgreSQL may give a transaction its id before
 * it waits for a row's lock.) Both rest on bus.outbox's identities being handed out uncached.
 *
 * Redis away or full: nothing is lost, the position stays, and it is tried again every second.
 * Tables: bus.outbox (read), bus.relay_position. Redis: eldersafe:bus. Unlike other library code
 * the relay logs: bus.leading, bus.redis_lost, bus.redis_back, bus.database_lost,
 * bus.database_back, bus.restored, bus.overtaken.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/redis/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement *const es_relay_statements[];
extern const size_t es_relay_statement_count;

struct es_relay_config {
    struct es_db_config db;
    struct es_redis_config redis; /* address NULL: no Redis, nobody is told */
};

/* Where a relay stands. The figures about the outbox are the leader's, at most 5 s old, and 0 when
 * this one does not lead. */
struct es_relay_status {
    bool leading;
    bool redis_up;
    bool database_up;
    int64_t published;   /* since start */
    int64_t unpublished; /* events that wait, at most 100,000 are counted */
    int64_t oldest_ms;   /* age of the oldest of them */
};

struct es_relay;

/* The texts of CONFIG must outlive the relay. */
struct es_relay *es_relay_start(const struct es_relay_config *config) ES_MUST_CHECK;

/* Finish the batch at hand (within about a second when there is none), end the thread, release.
 * NULL accepted. Returns NULL. */
struct es_relay *es_relay_stop(struct es_relay *relay);

/* From any thread. */
struct es_relay_status es_relay_status(const struct es_relay *relay);

/* False when the thread has made no progress for longer than its time-outs allow. */
bool es_relay_alive(const struct es_relay *relay);
