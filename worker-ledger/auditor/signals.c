/* Signals: one leaf each, an event that says what the row says, and liveness that follows. */
#include "common/base/civil.h"
#include "common/base/clock.h"
#include "common/json/json.h"
#include "common/tlog/leaf.h"
#include "worker-ledger/auditor/internal.h"

#include <inttypes.h>
#include <string.h>

#define SIGNALS_PAGE     10000
#define SUBJECT_SIZE     16
#define SUBJECT_TEXT     (2 * SUBJECT_SIZE)
#define LONGEST_EVENT    65536
#define EVENT_VERSION    1
#define DAYS_LOOKED_BACK 3 /* a signal may come a day late, and zones differ by a day */

const struct es_db_statement es_audit_signals_statement = {
    .name = "audit_signals",
    .params = "idnid",
    .sql = "SELECT s.member_id, s.signal_day, s.slot, s.signal_id, s.channel, s.evidence,"
           "  s.received_at, s.salt, s.event, encode(m.public_id, 'hex') AS subject,"
           "  m.reward_account AS account, e.hash AS entry_hash, e.reward_account AS entry_account,"
           "  w.hash AS waiting_hash, w.reward_account AS waiting_account, l.last_day, l.streak,"
           "  l.last_signal_at"
           " FROM (SELECT * FROM core.signals"
           "  WHERE (member_id, signal_day, slot) > ($1, $2, $3::smallint) AND signal_day >= $5"
           "  ORDER BY member_id, signal_day, slot LIMIT $4) s"
           " LEFT JOIN core.members m USING (member_id)"
           " LEFT JOIN core.liveness l USING (member_id)"
           " LEFT JOIN anchor.entries e ON e.leaf_id = s.signal_id"
           " LEFT JOIN anchor.leaves w ON w.leaf_id = s.signal_id"
           " ORDER BY s.member_id, s.signal_day, s.slot",
};

const struct es_db_statement es_audit_silent_statement = {
    .name = "audit_silent",
    .params = "",
    .sql = "SELECT l.member_id AS subject, format('last day of member %s', l.member_id) AS what,"
           "  'none, as there is no signal' AS expected, l.last_day::text AS found"
           " FROM core.liveness l WHERE l.last_day IS NOT NULL AND NOT EXISTS"
           "  (SELECT FROM core.signals s WHERE s.member_id = l.member_id) LIMIT 1000",
};

/* What the signals of one member amount to. */
struct life {
    int64_t member_id; /* 0: none yet */
    int32_t last_day;
    int64_t streak;
    int64_t last_signal_us;
    bool doubtful; /* one of its signals was told of already */
    bool known;    /* there is a row of core.liveness, and it says: */
    int32_t said_day;
    int64_t said_streak;
    int64_t said_signal_us;
};

/* --- one signal ---------------------------------------------------------------------------- */
static void check_one_leaf(struct es_audit *audit, const struct es_db_rows *rows, size_t row,
                           int64_t id)
{
    bool sealed = !es_db_is_null(rows, row, "entry_hash");
    bool waiting = !es_db_is_null(rows, row, "waiting_hash");
    if (sealed != waiting) {
        return;
    }
    if (!sealed && audit->lost_entries > 0) { /* the hole was told of */
        audit->lost_entries--;
    } else {
        es_audit_find(audit, ES_AUDIT_LEAF, "one leaf", sealed ? "two" : "none", "signal %" PRId64,
                      id);
    }
    es_audit_suspect(audit, ES_SUSPECT_LEAF, id);
}

static void check_leaf(struct es_audit *audit, const struct es_db_rows *rows, size_t row,
                       int64_t id)
{
    bool sealed = !es_db_is_null(rows, row, "entry_hash");
    size_t salt_length = 0;
    const void *salt = es_db_bytea(rows, row, "salt", &salt_length);
    const char *event = es_db_text(rows, row, "event");
    if (salt_length != ES_LEAF_SALT_SIZE) {
        es_audit_find(audit, ES_AUDIT_LEAF, "a salt of 16 bytes", "another length",
                      "signal %" PRId64, id);
        es_audit_suspect(audit, ES_SUSPECT_LEAF, id);
        return;
    }
    struct es_hash expected = es_leaf_hash(salt, event, strlen(event));
    struct es_hash found = es_audit_hash(rows, row, sealed ? "entry_hash" : "waiting_hash");
    if (!es_hash_equal(&expected, &found)) {
        es_audit_find(audit, ES_AUDIT_LEAF, es_audit_hex(audit, expected.bytes, ES_HASH_SIZE),
                      es_audit_hex(audit, found.bytes, ES_HASH_SIZE), "leaf of signal %" PRId64,
                      id);
        es_audit_suspect(audit, ES_SUSPECT_LEAF, id);
    }
}

/* The reward goes to the account of the member whose signal it is. */
static void check_account(struct es_audit *audit, const struct es_db_rows *rows, size_t row,
                          int64_t id)
{
    const char *column =
        es_db_is_null(rows, row, "entry_hash") ? "waiting_account" : "entry_account";
    int64_t expected = es_db_i64(rows, row, "account");
    int64_t found = es_db_is_null(rows, row, column) ? 0 : es_db_i64(rows, row, column);
    if (found != 0 && found != expected) {
        es_audit_find(audit, ES_AUDIT_LEAF, es_audit_number(audit, expected),
                      es_audit_number(audit, found),
                      "account that the leaf of signal %" PRId64 " rewards", id);
        es_audit_suspect(audit, ES_SUSPECT_LEAF, id);
    }
}

struct event {
    int64_t version;
    const char *type;
    const char *subject;
    const char *day;
    int64_t slot;
    const char *channel;
    const char *evidence;
    const char *received_at;
    const char *made_at;
};

static bool read_event(struct es_audit *audit, const char *text, struct event *event)
{
    const char *why = NULL;
    const struct es_json_member members[] = {
        {"v", ES_JSON_INT, true, 0, INT64_MAX, 0, &event->version},
        {"type", ES_JSON_TEXT, true, 1, 32, 0, &event->type},
        {"subject", ES_JSON_TEXT, true, SUBJECT_TEXT, SUBJECT_TEXT, 0, &event->subject},
        {"day", ES_JSON_TEXT, true, 1, 32, 0, &event->day},
        {"slot", ES_JSON_INT, true, 0, INT64_MAX, 0, &event->slot},
        {"channel", ES_JSON_TEXT, true, 1, 32, 0, &event->channel},
        {"evidence", ES_JSON_TEXT, true, 1, 32, 0, &event->evidence},
        {"received_at", ES_JSON_TEXT, true, 1, 32, 0, &event->received_at},
        {"made_at", ES_JSON_TEXT, false, 1, 32, 0, &event->made_at},
    };
    size_t length = strlen(text);
    return length <= LONGEST_EVENT && es_json_read(audit->arena, text, length, members,
                                                   ES_ARRAY_LEN(members), &why) == ES_JSON_OK;
}

static void check_event(struct es_audit *audit, const struct es_db_rows *rows, size_t row,
                        int64_t id)
{
    struct event event = {0};
    char day[ES_DATE_TEXT_SIZE];
    char received[ES_TIME_TEXT_SIZE];
    if (!read_event(audit, es_db_text(rows, row, "event"), &event) ||
        event.version != EVENT_VERSION || strcmp(event.type, "signal") != 0) {
        es_audit_find(audit, ES_AUDIT_EVENT, "a signal event of version 1", "something else",
                      "event of signal %" PRId64, id);
        return;
    }
    es_civil_format(es_db_date(rows, row, "signal_day"), day);
    es_clock_format(es_db_time_us(rows, row, "received_at"), received);
    const struct {
        const char *name;
        const char *row;
        const char *event;
    } facts[] = {
        {"subject", es_db_text(rows, row, "subject"), event.subject},
        {"day", day, event.day},
        {"slot", es_audit_number(audit, es_db_i64(rows, row, "slot")),
         es_audit_number(audit, event.slot)},
        {"channel", es_db_text(rows, row, "channel"), event.channel},
        {"evidence", es_db_text(rows, row, "evidence"), event.evidence},
        {"received_at", received, event.received_at},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(facts); i++) {
        if (strcmp(facts[i].row, facts[i].event) != 0) {
            es_audit_find(audit, ES_AUDIT_EVENT, facts[i].event, facts[i].row,
                          "%s of signal %" PRId64, facts[i].name, id);
            return;
        }
    }
}

/* False when something about the signal was told of, now or before. */
static bool check_signal(struct es_audit *audit, const struct es_db_rows *rows, size_t row)
{
    int64_t id = es_db_i64(rows, row, "signal_id");
    uint64_t before = es_audit_findings(&audit->report);
    if (es_audit_is_suspect(audit, ES_SUSPECT_LEAF, id)) {
        return true; /* the entry, which is no reason to doubt the row */
    }
    if (es_db_is_null(rows, row, "subject")) {
        es_audit_find(audit, ES_AUDIT_EVENT, "a member", "none", "signal %" PRId64, id);
        return false;
    }
    check_one_leaf(audit, rows, row, id);
    if (!es_audit_is_suspect(audit, ES_SUSPECT_LEAF, id)) {
        check_leaf(audit, rows, row, id);
    }
    if (!es_audit_is_suspect(audit, ES_SUSPECT_LEAF, id)) {
        check_account(audit, rows, row, id);
        check_event(audit, rows, row, id);
    }
    return es_audit_findings(&audit->report) == before;
}

/* --- liveness ------------------------------------------------------------------------------ */
static void close_life(struct es_audit *audit, const struct life *life)
{
    char expected_day[ES_DATE_TEXT_SIZE];
    char found_day[ES_DATE_TEXT_SIZE] = "none";
    if (life->member_id == 0 || life->doubtful ||
        (life->known && life->said_day == life->last_day && life->said_streak == life->streak &&
         life->said_signal_us == life->last_signal_us)) {
        return;
    }
    es_civil_format(life->last_day, expected_day);
    if (life->known) {
        es_civil_format(life->said_day, found_day);
    }
    es_audit_find(audit, ES_AUDIT_LIVENESS,
                  es_arena_printf(audit->arena, "%s, %" PRId64 " days", expected_day, life->streak),
                  es_arena_printf(
                      audit->arena, "%s, %" PRId64 " days%s", found_day, life->said_streak,
                      life->said_signal_us != life->last_signal_us ? ", another last moment" : ""),
                  "last day and streak of member %" PRId64, life->member_id);
}

/* Unless its signals are read from the first one on, a streak cannot be counted. */
static struct life open_life(const struct es_db_rows *rows, size_t row, int64_t member_id,
                             bool from_start)
{
    bool known = !es_db_is_null(rows, row, "last_day");
    return (struct life){
        .member_id = member_id,
        .doubtful = !from_start,
        .known = known,
        .said_day = known ? es_db_date(rows, row, "last_day") : 0,
        .said_streak = known ? es_db_i64(rows, row, "streak") : 0,
        .said_signal_us = known ? es_db_time_us(rows, row, "last_signal_at") : 0,
    };
}

static void add_to_life(struct life *life, int32_t day, int64_t received_us)
{
    if (life->streak == 0 || day != life->last_day) {
        life->streak = life->streak > 0 && day == life->last_day + 1 ? life->streak + 1 : 1;
        life->last_day = day;
    }
    life->last_signal_us = received_us > life->last_signal_us ? received_us : life->last_signal_us;
}

/* --- all of them --------------------------------------------------------------------------- */
struct position {
    int64_t member_id;
    int32_t day;
    int32_t slot;
};

static void check_page(struct es_audit *audit, const struct es_db_rows *rows, struct life *life,
                       struct position *position)
{
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        int64_t member_id = es_db_i64(rows, i, "member_id");
        int32_t day = es_db_date(rows, i, "signal_day");
        if (member_id != life->member_id) {
            close_life(audit, life);
            *life = open_life(rows, i, member_id, audit->since->signal_day == 0);
        }
        life->doubtful |= !check_signal(audit, rows, i);
        audit->earning += !es_db_is_null(rows, i, "entry_account");
        add_to_life(life, day, es_db_time_us(rows, i, "received_at"));
        *position = (struct position){
            .member_id = member_id, .day = day, .slot = (int32_t)es_db_i64(rows, i, "slot")};
        audit->report.totals.signals++;
    }
}

static enum es_db_result check_silent(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(audit->db, &es_audit_planner_statement, NULL, "on");
    if (result == ES_DB_OK) {
        result = es_db_run(audit->db, &es_audit_silent_statement, &rows);
    }
    for (size_t i = 0; result == ES_DB_OK && i < es_db_row_count(rows); i++) {
        es_audit_find_row(audit, ES_AUDIT_LIVENESS, rows, i);
    }
    return result == ES_DB_OK ? es_db_run(audit->db, &es_audit_planner_statement, NULL, "off")
                              : result;
}

enum es_db_result es_audit_signals(struct es_audit *audit)
{
    struct life life = {0};
    struct position position = {0};
    bool from_start = audit->since->signal_day == 0;
    enum es_db_result result = ES_DB_OK;
    size_t count = SIGNALS_PAGE;
    while (count == SIGNALS_PAGE && result == ES_DB_OK) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        es_arena_reset(audit->arena);
        result = es_audit_go_on(audit);
        if (result == ES_DB_OK) {
            result = es_db_run(audit->db, &es_audit_signals_statement, &rows, position.member_id,
                               position.day, position.slot, (int64_t)SIGNALS_PAGE,
                               audit->since->signal_day);
        }
        count = result == ES_DB_OK ? es_db_row_count(rows) : 0;
        if (count > 0) {
            check_page(audit, rows, &life, &position);
        }
    }
    if (result == ES_DB_OK) {
        close_life(audit, &life);
        audit->next->signal_day =
            (int32_t)(es_clock_now_us() / ES_US_PER_S / 86400) - DAYS_LOOKED_BACK;
        result = from_start ? check_silent(audit) : ES_DB_OK;
    }
    return result;
}
