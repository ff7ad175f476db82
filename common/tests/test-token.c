/* Unit tests of common/crypto/token: what is signed, what is accepted, and all that is not. */
#include "common/crypto/token.h"

#include "common/base/buf.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/tests/unit.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#define ISSUER      "https://api.eldersafe.example"
#define AUDIENCE    "core"
#define ISSUED_AT_S INT64_C(1795248131) /* 2026-11-21 */
#define LIFETIME_S  INT64_C(86400)
#define NOW_S       (ISSUED_AT_S + 100)
#define SUBJECT     "000102030405060708090a0b0c0d0e0f"
#define TOKEN_ID    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

static const char *const audiences[] = {AUDIENCE, "pay", NULL};

/* RFC 8037 appendix A.1: a key as JWK. */
static const char rfc_d[] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
static const char rfc_x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
static const char rfc_jws_text[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char rfc_jws_signature[] =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

static struct es_signer *signer;
static struct es_key_ring *ring;
static unsigned char seed[32];

static bool make_signer(void)
{
    size_t length = 0;
    es_random_init();
    signer = es_parse_base64url(rfc_d, strlen(rfc_d), seed, sizeof(seed), &length)
                 ? es_signer_new(seed)
                 : NULL;
    ring = es_key_ring_new();
    return signer != NULL;
}

/* As every process but core: the public key is all it knows. */
static int make_public_ring(void **state)
{
    (void)state;
    return make_signer() && es_key_ring_add(ring, es_signer_public_key(signer)) ? 0 : -1;
}

/* As core, which signs. */
static int make_signing_ring(void **state)
{
    (void)state;
    return make_signer() && es_key_ring_add_signer(ring, signer) ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    ring = es_key_ring_free(ring);
    signer = es_signer_free(signer);
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
    assert_true(es_parse_hex(SUBJECT, claims.subject, sizeof(claims.subject)));
    assert_true(es_parse_hex(TOKEN_ID, claims.token_id, sizeof(claims.token_id)));
    return claims;
}

static struct es_buf sign(const struct es_claims *claims)
{
    struct es_buf token = ES_BUF_INIT;
    es_token_sign(signer, ISSUER, audiences, claims, &token);
    return token;
}

static enum es_token_result verify_at(const char *token, size_t length, int64_t now_s)
{
    struct es_claims claims;
    struct es_claims untouched;
    memset(&claims, 0x55, sizeof(claims));
    memset(&untouched, 0x55, sizeof(untouched));
    enum es_token_result result =
        es_token_verify(ring, ISSUER, AUDIENCE, now_s, token, length, &claims);
    if (result != ES_TOKEN_OK) {
        assert_memory_equal(&claims, &untouched, sizeof(claims));
    }
    return result;
}

static enum es_token_result verify(const struct es_buf *token)
{
    return verify_at(es_buf_str(token), token->length, NOW_S);
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

/* --- what is signed -------------------------------------------------------------------------- */

static void a_token_says_what_was_signed(void **state)
{
    (void)state;
    struct es_claims claims = some_claims();
    struct es_claims got;
    claims.scope = ES_SCOPE_SIGNAL;
    claims.member_id = INT64_MAX;
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    assert_int_equal(
        es_token_verify(ring, ISSUER, "pay", NOW_S, es_buf_str(&token), token.length, &got),
        ES_TOKEN_OK);
    assert_same_claims(&got, &claims);
}

/* Part NUMBER of TOKEN, decoded. */
static struct es_buf decode_part(const char *token, int number)
{
    struct es_buf part = ES_BUF_INIT;
    size_t length = 0;
    for (; number > 0; number--) {
        token = strchr(token, '.') + 1;
    }
    void *at = es_buf_reserve(&part, ES_TOKEN_MAX_LENGTH);
    assert_true(es_parse_base64url(token, strcspn(token, "."), at, ES_TOKEN_MAX_LENGTH, &length));
    part.length = length;
    part.data[length] = '\0';
    return part;
}

static void the_text_of_a_token_is_exactly_this(void **state)
{
    (void)state;
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    ES_CLEANUP(es_buf_done) struct es_buf header = decode_part(es_buf_str(&token), 0);
    ES_CLEANUP(es_buf_done) struct es_buf payload = decode_part(es_buf_str(&token), 1);
    assert_string_equal(es_buf_str(&header),
                        "{\"alg\":\"EdDSA\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}");
    assert_string_equal(es_buf_str(&payload),
                        "{\"iss\":\"" ISSUER "\",\"aud\":[\"core\",\"pay\"],\"sub\":\"" SUBJECT
                        "\",\"mid\":\"4711\",\"scope\":\"session\",\"jti\":\"" TOKEN_ID
                        "\",\"iat\":1795248131,\"exp\":1795334531}");
    assert_true(token.length <= ES_TOKEN_MAX_LENGTH);
}

/* OpenSSL, which we do not use for this, agrees that SIGNATURE is that of the RFC's key on TEXT. */
static bool openssl_agrees(const unsigned char signature[64], const char *text, size_t length)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, es_signer_public_key(signer), 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key), 1);
    bool agrees =
        EVP_DigestVerify(context, signature, 64, (const unsigned char *)text, length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return agrees;
}

static void RFC_8037_key_and_signature_are_what_the_appendix_says(void **state)
{
    (void)state;
    unsigned char expected[64];
    size_t length = 0;
    ES_CLEANUP(es_buf_done) struct es_buf x = ES_BUF_INIT;
    es_buf_add_base64url(&x, es_signer_public_key(signer), 32);
    assert_string_equal(es_buf_str(&x), rfc_x); /* A.2 */
    /* A.4 and A.5, through the library that the verifier calls. */
    assert_true(es_parse_base64url(rfc_jws_signature, strlen(rfc_jws_signature), expected,
                                   sizeof(expected), &length));
    assert_int_equal(
        crypto_sign_ed25519_verify_detached(expected, (const unsigned char *)rfc_jws_text,
                                            strlen(rfc_jws_text), es_signer_public_key(signer)),
        0);
    /* And what we sign with that key satisfies an independent implementation. */
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    ES_CLEANUP(es_buf_done) struct es_buf signature = decode_part(es_buf_str(&token), 2);
    assert_int_equal(signature.length, 64);
    size_t signed_length = (size_t)(strrchr(es_buf_str(&token), '.') - es_buf_str(&token));
    assert_true(openssl_agrees(signature.data, es_buf_str(&token), signed_length));
    assert_false(openssl_agrees(signature.data, es_buf_str(&token), signed_length - 1));
}

static void RFC_8037_the_appendix_token_is_not_one_of_ours(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf token = ES_BUF_INIT;
    es_buf_printf(&token, "%s.%s", rfc_jws_text, rfc_jws_signature);
    assert_int_equal(verify(&token), ES_TOKEN_MALFORMED);
}

/* --- when it is valid ------------------------------------------------------------------------ */

static void E48_a_token_passes_at_23_59_59_and_is_refused_at_24_00_01(void **state)
{
    (void)state;
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    const struct {
        int64_t after_issue_s;
        enum es_token_result result;
    } cases[] = {
        {0, ES_TOKEN_OK},
        {23 * 3600 + 59 * 60 + 59, ES_TOKEN_OK},
        {24 * 3600, ES_TOKEN_EXPIRED},
        {24 * 3600 + 1, ES_TOKEN_EXPIRED},
        {INT64_MAX - ISSUED_AT_S - 100, ES_TOKEN_EXPIRED},
        {-60, ES_TOKEN_OK}, /* our clocks may differ by a minute */
        {-61, ES_TOKEN_NOT_YET},
        {-ISSUED_AT_S, ES_TOKEN_NOT_YET},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        assert_int_equal(
            verify_at(es_buf_str(&token), token.length, ISSUED_AT_S + cases[i].after_issue_s),
            cases[i].result);
    }
}

/* --- what is refused ------------------------------------------------------------------------- */

/* HEADER and PAYLOAD as they are, correctly signed with the ring's key. */
static struct es_buf sign_texts(const char *header, const char *payload)
{
    struct es_buf token = ES_BUF_INIT;
    unsigned char public_key[32];
    unsigned char secret_key[64];
    unsigned char signature[64];
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    es_buf_add_base64url(&token, header, strlen(header));
    es_buf_add_byte(&token, '.');
    es_buf_add_base64url(&token, payload, strlen(payload));
    (void)crypto_sign_detached(signature, NULL, token.data, token.length, secret_key);
    es_buf_add_byte(&token, '.');
    es_buf_add_base64url(&token, signature, sizeof(signature));
    return token;
}

static enum es_token_result verify_texts(const char *header, const char *payload)
{
    ES_CLEANUP(es_buf_done) struct es_buf token = sign_texts(header, payload);
    return verify(&token);
}

#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}"
#define ISS    "\"iss\":\"" ISSUER "\""
#define AUD    "\"aud\":[\"core\"]"
#define SUB    "\"sub\":\"" SUBJECT "\""
#define MID    "\"mid\":\"1\""
#define SCOPE  "\"scope\":\"signal\""
#define JTI    "\"jti\":\"" TOKEN_ID "\""
#define IAT    "\"iat\":1795248131"
#define EXP    "\"exp\":1795334531"
#define FRONT  "{" ISS "," AUD "," SUB ","
#define BACK   "," JTI "," IAT "," EXP "}"

static void E111_only_our_own_form_of_claims_is_accepted_even_with_a_good_signature(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        enum es_token_result result;
    } cases[] = {
        {FRONT MID "," SCOPE BACK, ES_TOKEN_OK},
        {FRONT "\"mid\":\"9223372036854775807\"," SCOPE BACK, ES_TOKEN_OK},
        {"{" ISS ",\"aud\":[\"pay\",\"core\"]," SUB "," MID "," SCOPE BACK, ES_TOKEN_OK},
        /* duplicate, unknown, missing and reordered members */
        {FRONT MID "," MID "," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE "," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE "," JTI "," IAT "," EXP "," EXP "}", ES_TOKEN_MALFORMED},
        {FRONT MID ",\"admin\":true," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE "," JTI "," IAT "}", ES_TOKEN_MALFORMED},
        {FRONT SCOPE BACK, ES_TOKEN_MALFORMED},
        {"{" AUD "," ISS "," SUB "," MID "," SCOPE BACK, ES_TOKEN_MALFORMED},
        {"{}", ES_TOKEN_MALFORMED},
        {"", ES_TOKEN_MALFORMED},
        /* wrong types and values */
        {FRONT "\"mid\":1," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT "\"mid\":\"0\"," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT "\"mid\":\"-1\"," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT "\"mid\":\"01\"," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT "\"mid\":\"\"," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT "\"mid\":\"9223372036854775808\"," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT "\"mid\":\"10000000000000000000\"," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT MID ",\"scope\":\"admin\"" BACK, ES_TOKEN_MALFORMED},
        {FRONT MID ",\"scope\":\"Signal\"" BACK, ES_TOKEN_MALFORMED},
        {FRONT MID ",\"scope\":[\"signal\"]" BACK, ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE ",\"jti\":\"f0f1\"," IAT "," EXP "}", ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE ",\"jti\":\"F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF\"," IAT "," EXP "}",
         ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE ",\"jti\":\"g0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\"," IAT "," EXP "}",
         ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE "," JTI ",\"iat\":1795248131.0," EXP "}", ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE "," JTI ",\"iat\":\"1795248131\"," EXP "}", ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE "," JTI "," IAT ",\"exp\":1e99}", ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE "," JTI "," IAT ",\"exp\":1795248131}", ES_TOKEN_MALFORMED},
        /* other spellings of the same JSON, and something behind it */
        {"{ " ISS "," AUD "," SUB "," MID "," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT "\"m\\u0069d\":\"1\"," SCOPE BACK, ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE BACK " ", ES_TOKEN_MALFORMED},
        {FRONT MID "," SCOPE BACK "{}", ES_TOKEN_MALFORMED},
        /* somebody else's token */
        {"{\"iss\":\"https://evil.example\"," AUD "," SUB "," MID "," SCOPE BACK, ES_TOKEN_ISSUER},
        {"{\"iss\":\"\"," AUD "," SUB "," MID "," SCOPE BACK, ES_TOKEN_ISSUER},
        {"{\"iss\":\"" ISSUER "/\"," AUD "," SUB "," MID "," SCOPE BACK, ES_TOKEN_ISSUER},
        {"{" ISS ",\"aud\":[\"pay\"]," SUB "," MID "," SCOPE BACK, ES_TOKEN_AUDIENCE},
        {"{" ISS ",\"aud\":[\"cor\",\"core2\"]," SUB "," MID "," SCOPE BACK, ES_TOKEN_AUDIENCE},
        {"{" ISS ",\"aud\":[]," SUB "," MID "," SCOPE BACK, ES_TOKEN_MALFORMED},
        {"{" ISS ",\"aud\":[\"core\",]," SUB "," MID "," SCOPE BACK, ES_TOKEN_MALFORMED},
        {"{" ISS ",\"aud\":\"core\"," SUB "," MID "," SCOPE BACK, ES_TOKEN_MALFORMED},
        {"{" ISS ",\"aud\":[[\"core\"]]," SUB "," MID "," SCOPE BACK, ES_TOKEN_MALFORMED},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        enum es_token_result result = verify_texts(HEADER, cases[i].payload);
        if (result != cases[i].result) {
            fail_msg("%s for %s", es_token_result_name(result), cases[i].payload);
        }
    }
}

static void E111_algorithm_and_key_are_ours_to_choose_not_the_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum es_token_result result;
    } cases[] = {
        {HEADER, ES_TOKEN_OK},
        {"{\"alg\":\"none\"}", ES_TOKEN_ALGORITHM},
        {"{\"alg\":\"none\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}", ES_TOKEN_ALGORITHM},
        {"{\"alg\":\"HS256\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}", ES_TOKEN_ALGORITHM},
        {"{\"alg\":\"ES256\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}", ES_TOKEN_ALGORITHM},
        {"{\"alg\":\"eddsa\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}", ES_TOKEN_ALGORITHM},
        {"{\"alg\":\"\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}", ES_TOKEN_ALGORITHM},
        {"{\"alg\":\"EdDSA\",\"kid\":\"00000000\",\"typ\":\"JWT\"}", ES_TOKEN_UNKNOWN_KEY},
        {"{\"alg\":\"EdDSA\",\"kid\":\"21FE31DF\",\"typ\":\"JWT\"}", ES_TOKEN_UNKNOWN_KEY},
        {"{\"alg\":\"EdDSA\",\"kid\":\"21fe31d\",\"typ\":\"JWT\"}", ES_TOKEN_MALFORMED},
        {"{\"alg\":\"EdDSA\",\"kid\":\"21fe31df0\",\"typ\":\"JWT\"}", ES_TOKEN_MALFORMED},
        {"{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}", ES_TOKEN_MALFORMED},
        {"{\"alg\":\"EdDSA\",\"kid\":\"21fe31df\",\"typ\":\"jwt\"}", ES_TOKEN_MALFORMED},
        {"{\"alg\":\"EdDSA\",\"alg\":\"none\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"}",
         ES_TOKEN_MALFORMED},
        {"{\"alg\":\"EdDSA\",\"kid\":\"21fe31df\",\"typ\":\"JWT\",\"crit\":[]}",
         ES_TOKEN_MALFORMED},
        {"{\"alg\":\"EdDSA\",\"kid\":\"21fe31df\",\"typ\":\"JWT\"} ", ES_TOKEN_MALFORMED},
        {"{\"alg\":7}", ES_TOKEN_MALFORMED},
        {"[]", ES_TOKEN_MALFORMED},
        {"", ES_TOKEN_MALFORMED},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        enum es_token_result result = verify_texts(cases[i].header, FRONT MID "," SCOPE BACK);
        if (result != cases[i].result) {
            fail_msg("%s for %s", es_token_result_name(result), cases[i].header);
        }
    }
}

static void E111_a_token_changed_in_any_character_is_refused(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    assert_int_equal(verify(&token), ES_TOKEN_OK);
    for (size_t i = 0; i < token.length; i++) {
        unsigned char original = token.data[i];
        const char *place = strchr(alphabet, original);
        /* One step in the alphabet changes the lowest bits: at the end of a part, spare ones. */
        token.data[i] = place != NULL ? (unsigned char)alphabet[(place - alphabet + 1) % 64] : '-';
        assert_int_not_equal(verify(&token), ES_TOKEN_OK);
        token.data[i] = original;
    }
    for (size_t length = 0; length < token.length; length++) {
        assert_int_not_equal(verify_at(es_buf_str(&token), length, NOW_S), ES_TOKEN_OK);
    }
    assert_int_equal(verify(&token), ES_TOKEN_OK);
}

static void what_surrounds_a_token_makes_it_malformed(void **state)
{
    (void)state;
    static const char *const forms[] = {"%s=",  "%s==",  "%s.", ".%s", "%s ",      " %s",
                                        "%s\n", "%s.AA", "%sA", "%s+", "Bearer %s"};
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf token = sign(&claims);
    for (size_t i = 0; i < ES_ARRAY_LEN(forms); i++) {
        const char *hole = strstr(forms[i], "%s");
        ES_CLEANUP(es_buf_done) struct es_buf changed = ES_BUF_INIT;
        es_buf_add(&changed, forms[i], (size_t)(hole - forms[i]));
        es_buf_add(&changed, token.data, token.length);
        es_buf_add_str(&changed, hole + 2);
        assert_int_equal(verify(&changed), ES_TOKEN_MALFORMED);
    }
    assert_int_equal(verify_at(es_buf_str(&token), token.length + 1, NOW_S), ES_TOKEN_MALFORMED);
    assert_int_equal(verify_at("..", 2, NOW_S), ES_TOKEN_MALFORMED);
    assert_int_equal(verify_at("", 0, NOW_S), ES_TOKEN_MALFORMED);
    char endless[ES_TOKEN_MAX_LENGTH + 1];
    memset(endless, 'A', sizeof(endless));
    assert_int_equal(verify_at(endless, sizeof(endless), NOW_S), ES_TOKEN_MALFORMED);
    endless[500] = '.';
    endless[900] = '.';
    assert_int_equal(verify_at(endless, ES_TOKEN_MAX_LENGTH, NOW_S), ES_TOKEN_MALFORMED);
}

static void E111_a_signature_of_another_key_is_refused(void **state)
{
    (void)state;
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf ours = sign(&claims);
    ES_CLEANUP(es_buf_done) struct es_buf forged = ES_BUF_INIT;
    unsigned char other_seed[32] = {1};
    struct es_signer *other = es_signer_new(other_seed);
    es_token_sign(other, ISSUER, audiences, &claims, &forged);
    assert_int_equal(verify(&forged), ES_TOKEN_UNKNOWN_KEY);
    /* Under our key id, with the other key's signature. */
    const char *signature = strrchr(es_buf_str(&forged), '.');
    size_t signed_length = (size_t)(strrchr(es_buf_str(&ours), '.') - es_buf_str(&ours));
    ES_CLEANUP(es_buf_done) struct es_buf mixed = ES_BUF_INIT;
    es_buf_add(&mixed, ours.data, signed_length);
    es_buf_add_str(&mixed, signature);
    assert_int_equal(verify(&mixed), ES_TOKEN_SIGNATURE);
    (void)es_signer_free(other);
}

/* --- keys ------------------------------------------------------------------------------------ */

static void keys_rotate_with_two_valid_at_once(void **state)
{
    (void)state;
    struct es_claims claims = some_claims();
    ES_CLEANUP(es_buf_done) struct es_buf old_token = sign(&claims);
    unsigned char new_seed[32] = {2};
    struct es_signer *new_signer = es_signer_new(new_seed);
    ES_CLEANUP(es_buf_done) struct es_buf new_token = ES_BUF_INIT;
    es_token_sign(new_signer, ISSUER, audiences, &claims, &new_token);
    struct es_key_ring *both = es_key_ring_new();
    struct es_key_ring *new_only = es_key_ring_new();
    assert_true(es_key_ring_add(both, es_signer_public_key(new_signer)));
    assert_true(es_key_ring_add(both, es_signer_public_key(signer)));
    assert_true(es_key_ring_add(new_only, es_signer_public_key(new_signer)));
    const struct {
        const struct es_key_ring *ring;
        const struct es_buf *token;
        enum es_token_result result;
    } cases[] = {
        {both, &old_token, ES_TOKEN_OK},
        {both, &new_token, ES_TOKEN_OK},
        {new_only, &old_token, ES_TOKEN_UNKNOWN_KEY},
        {new_only, &new_token, ES_TOKEN_OK},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct es_claims got;
        assert_int_equal(es_token_verify(cases[i].ring, ISSUER, AUDIENCE, NOW_S,
                                         es_buf_str(cases[i].token), cases[i].token->length, &got),
                         cases[i].result);
    }
    (void)es_key_ring_free(both);
    (void)es_key_ring_free(new_only);
    (void)es_signer_free(new_signer);
}

static void a_ring_holds_so_many_different_keys(void **state)
{
    (void)state;
    struct es_key_ring *full = es_key_ring_new();
    unsigned char keys[ES_KEY_RING_MAX + 1][32] = {{0}};
    for (unsigned char i = 0; i <= ES_KEY_RING_MAX; i++) {
        keys[i][0] = i;
        assert_int_equal(es_key_ring_add(full, keys[i]), i < ES_KEY_RING_MAX);
        assert_false(es_key_ring_add(full, keys[0]));
    }
    (void)es_key_ring_free(full);
}

static void the_public_keys_are_a_json_web_key_set(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_key_ring_render_jwks(ring, &text);
    assert_string_equal(es_buf_str(&text),
                        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\","
                        "\"alg\":\"EdDSA\",\"kid\":\"21fe31df\","
                        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    unsigned char hash[32];
    char kid[ES_KID_SIZE];
    char hex[2 * sizeof(hash) + 1];
    (void)crypto_hash_sha256(hash, es_signer_public_key(signer), 32);
    (void)sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    es_key_id(es_signer_public_key(signer), kid);
    assert_int_equal(strlen(kid), 8);
    assert_memory_equal(kid, hex, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_what_was_signed),
        cmocka_unit_test(the_text_of_a_token_is_exactly_this),
        cmocka_unit_test(RFC_8037_key_and_signature_are_what_the_appendix_says),
        cmocka_unit_test(RFC_8037_the_appendix_token_is_not_one_of_ours),
        cmocka_unit_test(E48_a_token_passes_at_23_59_59_and_is_refused_at_24_00_01),
        cmocka_unit_test(E111_only_our_own_form_of_claims_is_accepted_even_with_a_good_signature),
        cmocka_unit_test(E111_algorithm_and_key_are_ours_to_choose_not_the_tokens),
        cmocka_unit_test(E111_a_token_changed_in_any_character_is_refused),
        cmocka_unit_test(what_surrounds_a_token_makes_it_malformed),
        cmocka_unit_test(E111_a_signature_of_another_key_is_refused),
        cmocka_unit_test(keys_rotate_with_two_valid_at_once),
        cmocka_unit_test(a_ring_holds_so_many_different_keys),
        cmocka_unit_test(the_public_keys_are_a_json_web_key_set),
    };
    return cmocka_run_group_tests_name("token", tests, make_public_ring, free_keys) +
           cmocka_run_group_tests_name("token, own key", tests, make_signing_ring, free_keys);
}
