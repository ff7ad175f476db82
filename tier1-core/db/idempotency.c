#include "tier1-core/db/idempotency.h"

#include <string.h>

/* A key is remembered for a day; a request that died frees it when its lease is over. I is the row,
 * MARK the fingerprint of who asks. */
#define IS_FREE(mark)                                                                              \
    "(i.expires_at <= now()"                                                                       \
    "  OR (i.state = 'running' AND i.lease_until <= now() AND i.fingerprint = " mark "))"

const struct es_db_statement idempotency_claim_statement = {
    .name = "idempotency_claim",
    .params = "xxxi",
    .sql = "INSERT INTO core.idempotency AS i (caller, key_hash, fingerprint, state, expires_at,"
           "  lease_until)"
           " VALUES ($1, $2, $3, 'running', now() + interval '1 day',"
           "  now() + make_interval(secs => $4::bigint))"
           " ON CONFLICT (caller, key_hash) DO UPDATE SET fingerprint = excluded.fingerprint,"
           "  state = 'running', status = NULL, content_type = NULL, body = NULL,"
           "  expires_at = excluded.expires_at, lease_until = excluded.lease_until"
           " WHERE " IS_FREE("excluded.fingerprint") " RETURNING true AS claimed",
};

const struct es_db_statement idempotency_finish_statement = {
    .name = "idempotency_finish",
    .params = "xxstx",
    .sql = "UPDATE core.idempotency SET state = 'done', status = $3, content_type = $4, body = $5"
           " WHERE caller = $1 AND key_hash = $2 AND state = 'running'",
};

enum es_db_result idempotency_finish(struct es_db *db, const struct idempotency_key *key,
                                     const struct idempotency_answer *answer)
{
    return es_db_run(db, &idempotency_finish_statement, NULL, key->caller,
                     (size_t)IDEMPOTENCY_CALLER_SIZE, key->key_hash, (size_t)IDEMPOTENCY_HASH_SIZE,
                     (int)answer->status, answer->content_type, answer->body, answer->length);
}

const struct es_db_statement idempotency_release_statement = {
    .name = "idempotency_release",
    .params = "xx",
    .sql = "DELETE FROM core.idempotency WHERE caller = $1 AND key_hash = $2"
           " AND state = 'running'",
};

enum es_db_result idempotency_release(struct es_db *db, const struct idempotency_key *key)
{
    return es_db_run(db, &idempotency_release_statement, NULL, key->caller,
                     (size_t)IDEMPOTENCY_CALLER_SIZE, key->key_hash, (size_t)IDEMPOTENCY_HASH_SIZE);
}

/* LATERAL with a LIMIT: one look into the index for each key, however few rows the planner believes
 * the table has. */
const struct es_db_statement idempotency_known_statement = {
    .name = "idempotency_known",
    .params = "XXX",
    .sql = "SELECT (k.place - 1)::integer AS place, i.fingerprint = k.fingerprint AS same, i.state,"
           "  coalesce(i.status, 0) AS status, coalesce(i.content_type, '') AS content_type,"
           "  coalesce(i.body, '') AS body"
           " FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY"
           "  AS k (caller, key_hash, fingerprint, place)"
           " CROSS JOIN LATERAL (SELECT * FROM core.idempotency one"
           "  WHERE one.caller = k.caller AND one.key_hash = k.key_hash LIMIT 1) i"
           " WHERE NOT " IS_FREE("k.fingerprint"),
};

static struct idempotency_known read_known(const struct es_db_rows *rows, size_t row)
{
    struct idempotency_known known = {.place = (size_t)es_db_i64(rows, row, "place")};
    if (!es_db_bool(rows, row, "same")) {
        known.found = IDEMPOTENCY_OTHER;
    } else if (strcmp(es_db_text(rows, row, "state"), "done") != 0) {
        known.found = IDEMPOTENCY_BUSY;
    } else {
        known.found = IDEMPOTENCY_DONE;
        known.answer.status = es_db_i64(rows, row, "status");
        known.answer.content_type = es_db_text(rows, row, "content_type");
        known.answer.body = es_db_bytea(rows, row, "body", &known.answer.length);
    }
    return known;
}

enum es_db_result idempotency_known(struct es_db *db, const struct idempotency_set *set,
                                    struct es_arena *arena, struct idempotency_known **ret_known,
                                    size_t *ret_count, struct es_db_rows **ret_rows)
{
    struct es_db_array callers = {set->callers, set->count, NULL};
    struct es_db_array key_hashes = {set->key_hashes, set->count, NULL};
    struct es_db_array fingerprints = {set->fingerprints, set->count, NULL};
    struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(db, &idempotency_known_statement, &rows, &callers, &key_hashes, &fingerprints);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct idempotency_known *known = es_arena_alloc(arena, count * sizeof(*known));
    for (size_t i = 0; i < count; i++) {
        known[i] = read_known(rows, i);
    }
    *ret_known = known;
    *ret_count = count;
    *ret_rows = rows;
    return ES_DB_OK;
}

const struct idempotency_answer *idempotency_copy_answer(struct es_arena *arena,
                                                         const struct idempotency_answer *answer)
{
    struct idempotency_answer *copy = ES_ARENA_NEW(arena, struct idempotency_answer);
    *copy = *answer;
    copy->content_type = es_arena_strdup(arena, answer->content_type);
    copy->body = es_arena_strndup(arena, answer->body, answer->length);
    return copy;
}

/* What is known of a key that could not be claimed. Nothing: it was released in between, and the
 * client tries again. */
static enum es_db_result find_one(struct es_db *db, const struct idempotency_key *key,
                                  const unsigned char *fingerprint, struct es_arena *arena,
                                  enum idempotency_found *ret_found,
                                  struct idempotency_answer *ret_answer)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct es_db_bytes caller = {key->caller, IDEMPOTENCY_CALLER_SIZE};
    struct es_db_bytes key_hash = {key->key_hash, IDEMPOTENCY_HASH_SIZE};
    struct es_db_bytes mark = {fingerprint, IDEMPOTENCY_HASH_SIZE};
    struct idempotency_set one = {
        .count = 1, .callers = &caller, .key_hashes = &key_hash, .fingerprints = &mark};
    struct idempotency_known *known = NULL;
    size_t count = 0;
    enum es_db_result result = idempotency_known(db, &one, arena, &known, &count, &rows);
    if (result != ES_DB_OK) {
        return result;
    }
    *ret_found = count > 0 ? known->found : IDEMPOTENCY_BUSY;
    if (*ret_found == IDEMPOTENCY_DONE) {
        *ret_answer = *idempotency_copy_answer(arena, &known->answer);
    }
    return ES_DB_OK;
}

enum es_db_result idempotency_begin(struct es_db *db, const struct idempotency_key *key,
                                    const unsigned char *fingerprint, int64_t lease_s,
                                    struct es_arena *arena, enum idempotency_found *ret_found,
                                    struct idempotency_answer *ret_answer)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *claimed = NULL;
    enum es_db_result result =
        es_db_one(db, &idempotency_claim_statement, &claimed, key->caller,
                  (size_t)IDEMPOTENCY_CALLER_SIZE, key->key_hash, (size_t)IDEMPOTENCY_HASH_SIZE,
                  fingerprint, (size_t)IDEMPOTENCY_HASH_SIZE, lease_s);
    if (result == ES_DB_NO_ROW) {
        return find_one(db, key, fingerprint, arena, ret_found, ret_answer);
    }
    *ret_found = IDEMPOTENCY_CLAIMED;
    return result;
}

/* In the order of the keys, so that two processes never wait for each other crosswise. */
const struct es_db_statement idempotency_keep_statement = {
    .name = "idempotency_keep",
    .params = "XXXXst",
    .sql = "INSERT INTO core.idempotency AS i (caller, key_hash, fingerprint, state, status,"
           "  content_type, body, expires_at, lease_until)"
           " SELECT k.caller, k.key_hash, k.fingerprint, 'done', $5, $6, k.body,"
           "  now() + interval '1 day', now()"
           " FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[])"
           "  AS k (caller, key_hash, fingerprint, body) ORDER BY k.caller, k.key_hash"
           " ON CONFLICT (caller, key_hash) DO UPDATE SET fingerprint = excluded.fingerprint,"
           "  state = excluded.state, status = excluded.status,"
           "  content_type = excluded.content_type, body = excluded.body,"
           "  expires_at = excluded.expires_at, lease_until = excluded.lease_until"
           " WHERE " IS_FREE("excluded.fingerprint"),
};

enum es_db_result idempotency_keep(struct es_db *db, const struct idempotency_set *set, int status,
                                   const char *content_type, size_t *ret_kept)
{
    struct es_db_array callers = {set->callers, set->count, NULL};
    struct es_db_array key_hashes = {set->key_hashes, set->count, NULL};
    struct es_db_array fingerprints = {set->fingerprints, set->count, NULL};
    struct es_db_array bodies = {set->bodies, set->count, NULL};
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &idempotency_keep_statement, &rows, &callers,
                                         &key_hashes, &fingerprints, &bodies, status, content_type);
    if (result == ES_DB_OK) {
        *ret_kept = es_db_affected(rows);
    }
    return result;
}
