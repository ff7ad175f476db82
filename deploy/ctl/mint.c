#include "deploy/ctl/mint.h"

#include "common/base/clock.h"
#include "common/base/random.h"

#include <sodium.h>
#include <string.h>

#define AUDIENCE        "eldersafe-core" /* the tier the tokens are for */
#define HASH_SIZE       16               /* of a token's id, as core.sessions keeps it */
#define REQUEST_ID_SIZE 16
#define DEVICE          "other"

/* As a sign-in (verify) or a device asked for (device) would write it. */
const struct es_db_statement es_mint_sessions_statement = {
    .name = "mint_sessions",
    .params = "IXttzttu",
    .sql = "WITH added AS ("
           " INSERT INTO core.sessions (member_id, token_hash, scope, device, expires_at)"
           " SELECT member_id, token_hash, $3, $4, $5"
           " FROM unnest($1::bigint[], $2::bytea[]) AS t (member_id, token_hash)"
           " RETURNING session_id, member_id"
           ") INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)"
           " SELECT member_id, $6, $7, $8,"
           "  jsonb_build_object('session', session_id::text, 'change', 'minted') FROM added",
};

static const struct {
    const char *name;
    const char *audit_event;
} scopes[] = {
    [ES_SCOPE_SIGNAL] = {"signal", "device"},
    [ES_SCOPE_SESSION] = {"session", "verify"},
};

static struct es_claims make_claims(const struct es_mint *mint, const struct es_member *member,
                                    int64_t now_s)
{
    struct es_claims claims = {
        .member_id = member->member_id,
        .issued_at_s = now_s,
        .expires_at_s = now_s + mint->lifetime_s,
        .scope = mint->scope,
    };
    memcpy(claims.subject, member->public_id, sizeof(claims.subject));
    es_random_bytes(claims.token_id, sizeof(claims.token_id));
    return claims;
}

static struct es_db_bytes hash_token_id(struct es_arena *arena,
                                        const unsigned char token_id[ES_TOKEN_ID_SIZE])
{
    unsigned char *hash = es_arena_alloc(arena, crypto_hash_sha256_BYTES);
    (void)crypto_hash_sha256(hash, token_id, ES_TOKEN_ID_SIZE);
    return (struct es_db_bytes){.bytes = hash, .length = HASH_SIZE};
}

static enum es_db_result add_sessions(const struct es_mint *mint, struct es_db *db,
                                      const int64_t *member_ids, const struct es_db_bytes *hashes,
                                      size_t count, int64_t expires_us)
{
    unsigned char request_id[REQUEST_ID_SIZE];
    es_random_bytes(request_id, sizeof(request_id));
    return es_db_run(db, &es_mint_sessions_statement, NULL,
                     &(struct es_db_array){.items = member_ids, .count = count},
                     &(struct es_db_array){.items = hashes, .count = count},
                     scopes[mint->scope].name, DEVICE, expires_us, scopes[mint->scope].audit_event,
                     mint->actor, request_id);
}

enum es_db_result es_mint_tokens(const struct es_mint *mint, struct es_db *db,
                                 const struct es_member *members, size_t count, struct es_buf *out)
{
    static const char *const audiences[] = {AUDIENCE, NULL};
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    int64_t now_s = es_clock_now_us() / ES_US_PER_S;
    int64_t expires_us = (now_s + mint->lifetime_s) * ES_US_PER_S;
    int64_t *member_ids = es_arena_alloc(arena, count * sizeof(*member_ids));
    struct es_db_bytes *hashes = es_arena_alloc(arena, count * sizeof(*hashes));
    size_t before = out->length;
    for (size_t i = 0; i < count; i++) {
        struct es_claims claims = make_claims(mint, &members[i], now_s);
        member_ids[i] = members[i].member_id;
        hashes[i] = hash_token_id(arena, claims.token_id);
        es_token_sign(mint->signer, mint->issuer, audiences, &claims, out);
        es_buf_add_byte(out, '\n');
    }
    enum es_db_result result = add_sessions(mint, db, member_ids, hashes, count, expires_us);
    if (result != ES_DB_OK) {
        sodium_memzero(out->data + before, out->length - before);
        out->length = before;
    }
    return result;
}
