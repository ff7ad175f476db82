/* Unit tests of the cache of verified tokens: what it knows, forgets and never mixes up. */
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/crypto/token.h"
#include "common/tests/unit.h"

#include <pthread.h>
#include <string.h>

#define ISSUER      "https://api.eldersafe.example"
#define AUDIENCE    "core"
#define ISSUED_AT_S INT64_C(1795248131) /* 2026-11-21 */
#define LIFETIME_S  INT64_C(86400)
#define NOW_S       (ISSUED_AT_S + 100)

static const char *const audiences[] = {AUDIENCE, NULL};
static struct es_signer *signer;
static struct es_key_ring *ring;

static int make_keys(void **state)
{
    static const unsigned char seed[32] = {3};
    (void)state;
    es_random_init();
    signer = es_signer_new(seed);
    ring = es_key_ring_new();
    return es_key_ring_add(ring, es_signer_public_key(signer)) ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    signer = es_signer_free(signer);
    ring = es_key_ring_free(ring);
    return 0;
}

static struct es_claims some_claims(void)
{
    struct es_claims claims = {
        .member_id = 4711,
        .issued_at_s = ISSUED_AT_S,
        .expires_at_s = ISSUED_AT_S + LIFETIME_S,
        .scope = ES_SCOPE_SESSION,
    };
    memset(claims.subject, 0x1A, sizeof(claims.subject));
    memset(claims.token_id, 0x2B, sizeof(claims.token_id));
    return claims;
}

static struct es_buf sign(const struct es_claims *claims)
{
    struct es_buf token = ES_BUF_INIT;
    es_token_sign(signer, ISSUER, audiences, claims, &token);
    return token;
}

static void assert_same_claims(const struct es_claims *a, const struct es_claims *b)
{
    assert_memory_equal(a->subject, b->subject, sizeof(a->subject));
    assert_memory_equal(a->token_id, b->token_id, sizeof(a->token_id));
    assert_int_equal(a->member_id, b->member_id);
    assert_int_equal(a->issued_at_s, b->issued_at_s);
    assert_int_equal(a->expires_at_s, b->expires_at_s);
    assert_int_equal(a->scope, b->scope);
}

static void a_token_seen_before_is_known_with_all_its_claims(void **state)
{
    (void)state;
    struct es_token_cache *cache = es_token_cache_new(1024);
    struct es_claims claims = some_claims();
    struct es_claims got;
    static const enum es_scope scopes[] = {ES_SCOPE_SESSION, ES_SCOPE_SIGNAL};
    for (size_t i = 0; i < ES_ARRAY_LEN(scopes); i++) {
        claims.scope = scopes[i];
        ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
        const char *text = es_buf_str(&token);
        assert_false(es_token_cache_get(cache, text, token.length, NOW_S, &got));
        es_token_cache_put(cache, text, token.length, &claims);
        assert_true(es_token_cache_get(cache, text, token.length, NOW_S, &got));
        assert_same_claims(&got, &claims);
        assert_false(es_token_cache_get(cache, text, token.length - 1, NOW_S, &got));
        token.data[token.length - 1] ^= 1;
        assert_false(es_token_cache_get(cache, text, token.length, NOW_S, &got));
    }
    (void)es_token_cache_free(cache);
}

static void E48_the_cache_does_not_prolong_a_token(void **state)
{
    (void)state;
    struct es_token_cache *cache = es_token_cache_new(8);
    struct es_claims claims = some_claims();
    struct es_claims got;
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    const char *text = es_buf_str(&token);
    int64_t end_s = ISSUED_AT_S + LIFETIME_S;
    es_token_cache_put(cache, text, token.length, &claims);
    assert_true(es_token_cache_get(cache, text, token.length, end_s - 1, &got));
    assert_false(es_token_cache_get(cache, text, token.length, end_s, &got));
    /* It is forgotten, not only refused. */
    assert_false(es_token_cache_get(cache, text, token.length, end_s - 1, &got));
    (void)es_token_cache_free(cache);
}

static void claims_that_do_not_fit_an_entry_are_not_cached_wrongly(void **state)
{
    (void)state;
    struct es_token_cache *cache = es_token_cache_new(8);
    struct es_claims got;
    struct es_claims far_off = some_claims();
    far_off.issued_at_s = INT64_C(1) << 32;
    far_off.expires_at_s = far_off.issued_at_s + 1;
    es_token_cache_put(cache, "far", 3, &far_off);
    assert_false(es_token_cache_get(cache, "far", 3, NOW_S, &got));
    struct es_claims endless = some_claims();
    /* Cut to the bits an entry has, this would look like a token of one more day. */
    endless.expires_at_s = endless.issued_at_s + (INT64_C(1) << 31) + LIFETIME_S;
    es_token_cache_put(cache, "endless", 7, &endless);
    assert_false(es_token_cache_get(cache, "endless", 7, NOW_S, &got));
    endless.expires_at_s = endless.issued_at_s + INT32_MAX;
    es_token_cache_put(cache, "endless", 7, &endless);
    assert_true(es_token_cache_get(cache, "endless", 7, NOW_S, &got));
    assert_same_claims(&got, &endless);
    (void)es_token_cache_free(cache);
}

static void in_a_full_cache_the_least_recently_used_token_gives_way(void **state)
{
    (void)state;
    struct es_token_cache *cache = es_token_cache_new(8); /* one set */
    struct es_claims claims = some_claims();
    struct es_claims got;
    for (char name = 'a'; name < 'i'; name++) {
        es_token_cache_put(cache, &name, 1, &claims);
    }
    assert_true(es_token_cache_get(cache, "a", 1, NOW_S, &got));
    es_token_cache_put(cache, "i", 1, &claims);
    assert_true(es_token_cache_get(cache, "a", 1, NOW_S, &got));
    assert_false(es_token_cache_get(cache, "b", 1, NOW_S, &got));
    /* To put what is there makes it the most recent and drops nobody. */
    es_token_cache_put(cache, "c", 1, &claims);
    for (char name = 'c'; name <= 'i'; name++) {
        assert_true(es_token_cache_get(cache, &name, 1, NOW_S, &got));
    }
    (void)es_token_cache_free(cache);
}

static void a_cache_of_the_usual_size_holds_nearly_that_many_tokens(void **state)
{
    (void)state;
    enum { ENTRIES = 65536, TOKENS = ENTRIES / 2 };
    struct es_token_cache *cache = es_token_cache_new(ENTRIES);
    struct es_claims claims = some_claims();
    struct es_claims got;
    size_t known = 0;
    for (int32_t i = 0; i < TOKENS; i++) {
        es_token_cache_put(cache, (const char *)&i, sizeof(i), &claims);
    }
    for (int32_t i = 0; i < TOKENS; i++) {
        known += es_token_cache_get(cache, (const char *)&i, sizeof(i), NOW_S, &got);
    }
    /* Half full, sets of eight lose 2 % (Poisson with mean 4: P(more than 8) weighted). */
    assert_true(known > TOKENS * 95 / 100);
    (void)es_token_cache_free(cache);
}

#define CACHE_THREADS 8
#define CACHE_ROUNDS  20000
#define CACHE_TOKENS  200

static void *use_cache(void *context)
{
    struct es_token_cache *cache = context;
    struct es_claims claims = some_claims();
    struct es_claims got;
    for (int i = 0; i < CACHE_ROUNDS; i++) {
        int64_t name = i % CACHE_TOKENS + 1;
        claims.member_id = name;
        if (!es_token_cache_get(cache, (const char *)&name, sizeof(name), NOW_S, &got)) {
            es_token_cache_put(cache, (const char *)&name, sizeof(name), &claims);
        } else if (got.member_id != name) {
            return context; /* somebody else's claims */
        }
    }
    return NULL;
}

static void many_threads_never_get_each_others_claims(void **state)
{
    (void)state;
    pthread_t threads[CACHE_THREADS];
    struct es_token_cache *cache = es_token_cache_new(64); /* small: entries come and go */
    for (size_t i = 0; i < CACHE_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, cache), 0);
    }
    for (size_t i = 0; i < CACHE_THREADS; i++) {
        void *mixed_up = NULL;
        assert_int_equal(pthread_join(threads[i], &mixed_up), 0);
        assert_null(mixed_up);
    }
    (void)es_token_cache_free(cache);
}

static void a_hit_costs_far_less_than_a_verification(void **state)
{
    (void)state;
    enum { REPEATS = 20, ROUNDS = 50 };
    struct es_token_cache *cache = es_token_cache_new(1024);
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    const char *text = es_buf_str(&token);
    int64_t best_hits_us = INT64_MAX;
    int64_t best_checks_us = INT64_MAX;
    es_token_cache_put(cache, text, token.length, &claims);
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        int64_t start_us = es_clock_mono_us();
        for (int i = 0; i < ROUNDS; i++) {
            assert_true(es_token_cache_get(cache, text, token.length, NOW_S, &claims));
        }
        int64_t middle_us = es_clock_mono_us();
        for (int i = 0; i < ROUNDS; i++) {
            assert_int_equal(
                es_token_verify(ring, ISSUER, AUDIENCE, NOW_S, text, token.length, &claims),
                ES_TOKEN_OK);
        }
        int64_t end_us = es_clock_mono_us();
        best_hits_us = middle_us - start_us < best_hits_us ? middle_us - start_us : best_hits_us;
        best_checks_us = end_us - middle_us < best_checks_us ? end_us - middle_us : best_checks_us;
    }
    print_message("hit %.2f us, verification %.2f us\n", (double)best_hits_us / ROUNDS,
                  (double)best_checks_us / ROUNDS);
    assert_true(best_hits_us * 5 < best_checks_us);
    (void)es_token_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_seen_before_is_known_with_all_its_claims),
        cmocka_unit_test(E48_the_cache_does_not_prolong_a_token),
        cmocka_unit_test(claims_that_do_not_fit_an_entry_are_not_cached_wrongly),
        cmocka_unit_test(in_a_full_cache_the_least_recently_used_token_gives_way),
        cmocka_unit_test(a_cache_of_the_usual_size_holds_nearly_that_many_tokens),
        cmocka_unit_test(many_threads_never_get_each_others_claims),
        cmocka_unit_test(a_hit_costs_far_less_than_a_verification),
    };
    return cmocka_run_group_tests_name("token-cache", tests, make_keys, free_keys);
}
