#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/wait.h"
#include "common/db/internal.h"

#include <poll.h>
#include <string.h>

static void free_pq(void *pointer_to_pointer)
{
    PQfreemem(*(void **)pointer_to_pointer);
}

enum es_db_result es_dbi_listen_now(struct es_db *db, const char *channel, int64_t deadline_us)
{
    ES_CLEANUP(free_pq) char *quoted = PQescapeIdentifier(db->conn, channel, strlen(channel));
    if (quoted == NULL) {
        return es_dbi_bug(db, "channel", channel, "not a name");
    }
    ES_CLEANUP(es_buf_done) struct es_buf sql = ES_BUF_INIT;
    es_buf_printf(&sql, "LISTEN %s", quoted);
    return es_dbi_simple(db, es_buf_str(&sql), deadline_us, NULL);
}

static bool is_listened_to(const struct es_db *db, const char *channel)
{
    for (size_t i = 0; i < db->channel_count; i++) {
        if (strcmp(db->channels[i], channel) == 0) {
            return true;
        }
    }
    return false;
}

enum es_db_result es_db_listen(struct es_db *db, const char *channel)
{
    es_dbi_clear_error(db);
    if (!is_listened_to(db, channel)) {
        if (db->channel_count == ES_DB_MAX_CHANNELS) {
            return es_dbi_bug(db, "channel", channel, "too many are listened to");
        }
        db->channels[db->channel_count++] = es_strdup(channel);
    }
    int64_t deadline_us = es_dbi_deadline_us(db);
    enum es_db_result result = es_dbi_ready(db, true, deadline_us);
    return result == ES_DB_OK ? es_dbi_listen_now(db, channel, deadline_us) : result;
}

/* Take every notification that is there; true when there was one, or one may have been missed. */
static bool take_notifies(struct es_db *db)
{
    bool any = db->missed_notifies;
    db->missed_notifies = false;
    for (PGnotify *notify = NULL; (notify = PQnotifies(db->conn)) != NULL; any = true) {
        PQfreemem(notify);
    }
    return any;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Not connected: wait until the next attempt is due, not longer. */
static void wait_for_retry(const struct es_db *db, int64_t deadline_us)
{
    int64_t left_us = earlier(db->retry_at_us, deadline_us) - es_clock_mono_us();
    if (left_us > 0) {
        (void)poll(NULL, 0, (int)(left_us / ES_US_PER_MS + 1));
    }
}

bool es_db_wait_notify(struct es_db *db, int64_t timeout_ms)
{
    int64_t deadline_us = es_clock_mono_us() + timeout_ms * ES_US_PER_MS;
    do {
        if (es_dbi_ready(db, true, deadline_us) != ES_DB_OK) {
            wait_for_retry(db, deadline_us);
            continue;
        }
        if (take_notifies(db)) {
            return true;
        }
        (void)es_wait_fd(PQsocket(db->conn), POLLIN | POLLRDHUP, deadline_us);
    } while (es_clock_mono_us() < deadline_us);
    return db->conn != NULL && PQconsumeInput(db->conn) && take_notifies(db);
}
