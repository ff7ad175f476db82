#include "worker-ledger/providers/arc-answer.h"

#include "common/base/text.h"
#include "worker-ledger/chain/bump.h"
#include "worker-ledger/providers/json.h"
#include "worker-ledger/providers/words.h"

#include <string.h>

#define HTTP_OK          200
#define HTTP_MULTIPLE    300
#define HTTP_BAD_REQUEST 400
#define HTTP_NOT_FOUND   404
#define RATE_SIZE        1000
#define RATE_MAX         INT64_C(1000000000)
#define CODE_FIRST       460
#define CODE_LAST        476

struct status {
    const char *text;
    enum es_sight sight;
};

/* ARC: metamorph status enum. Arcade: models/transaction.go. */
static const struct status statuses[] = {
    {"UNKNOWN", ES_SIGHT_UNKNOWN},
    {"QUEUED", ES_SIGHT_TAKEN},
    {"RECEIVED", ES_SIGHT_TAKEN},
    {"STORED", ES_SIGHT_TAKEN},
    {"ANNOUNCED_TO_NETWORK", ES_SIGHT_TAKEN},
    {"REQUESTED_BY_NETWORK", ES_SIGHT_TAKEN},
    {"SENT_TO_NETWORK", ES_SIGHT_TAKEN},
    {"ACCEPTED_BY_NETWORK", ES_SIGHT_TAKEN},
    {"PENDING_RETRY", ES_SIGHT_TAKEN},
    {"SEEN_IN_ORPHAN_MEMPOOL", ES_SIGHT_ORPHAN},
    {"SEEN_ON_NETWORK", ES_SIGHT_SEEN},
    {"SEEN_MULTIPLE_NODES", ES_SIGHT_SEEN},
    {"STUMP_PROCESSING", ES_SIGHT_SEEN},
    {"DOUBLE_SPEND_ATTEMPTED", ES_SIGHT_CONTESTED},
    {"MINED_IN_STALE_BLOCK", ES_SIGHT_STALE_BLOCK},
    {"MINED", ES_SIGHT_MINED},
    {"IMMUTABLE", ES_SIGHT_MINED},
    {"REJECTED", ES_SIGHT_REFUSED},
};

/* Meaning of the codes 460 to 476 (doc/errors.md). 467 is Arcade's "generic" and says nothing. */
static const struct {
    enum es_sight sight;
    enum es_refusal refusal;
} codes[CODE_LAST - CODE_FIRST + 1] = {
    [460 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_COIN},
    [461 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_OTHER},
    [462 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_COIN},
    [463 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_OTHER},
    [464 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_OTHER},
    [465 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_FEE},
    [466 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_COIN},
    [467 - CODE_FIRST] = {ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE},
    [468 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_OTHER},
    [469 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_OTHER},
    [470 - CODE_FIRST] = {ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE},
    [471 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_FROZEN},
    [472 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_FROZEN},
    [473 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_FEE},
    [474 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_OTHER},
    [475 - CODE_FIRST] = {ES_SIGHT_REFUSED, ES_REFUSAL_OTHER},
    [476 - CODE_FIRST] = {ES_SIGHT_BUSY, ES_REFUSAL_NONE},
};

static bool is_code(int64_t code)
{
    return code >= CODE_FIRST && code <= CODE_LAST;
}

static void set_text(struct es_sighting *sighting, const json_t *answer)
{
    static const char *const members[] = {"extraInfo", "reason", "detail", "error"};
    for (size_t i = 0; i < ES_ARRAY_LEN(members); i++) {
        const char *text = es_provider_json_text(answer, members[i]);
        if (text != NULL && text[0] != '\0') {
            es_sighting_set_detail(sighting, text, strlen(text));
            return;
        }
    }
}

static struct es_sighting of_code(int64_t code, const json_t *answer)
{
    enum es_sight sight = codes[code - CODE_FIRST].sight;
    struct es_sighting sighting = sight == ES_SIGHT_REFUSED
                                      ? es_sighting_refused(codes[code - CODE_FIRST].refusal)
                                      : es_sighting_make(sight, "generic");
    set_text(&sighting, answer);
    return sighting;
}

static enum es_sight sight_of(const char *text)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(statuses); i++) {
        if (strcmp(statuses[i].text, text) == 0) {
            return statuses[i].sight;
        }
    }
    return strstr(text, "ORPHAN") != NULL ? ES_SIGHT_ORPHAN : ES_SIGHT_UNCLEAR;
}

/* REJECTED is definite whatever the words; they only tell which part of the transaction is at
 * fault. Lost against a competing transaction means that the coin is gone. */
static struct es_sighting rejected(const json_t *answer)
{
    int64_t code = 0;
    if (es_provider_json_int(answer, "status", &code) && is_code(code) &&
        codes[code - CODE_FIRST].sight == ES_SIGHT_REFUSED) {
        return of_code(code, answer);
    }
    const char *text = es_provider_json_text(answer, "extraInfo");
    struct es_sighting sighting;
    if (text != NULL && es_words_read(text, strlen(text), &sighting) &&
        sighting.sight == ES_SIGHT_REFUSED) {
        return sighting;
    }
    bool lost = json_array_size(json_object_get(answer, "competingTxs")) > 0;
    sighting = es_sighting_refused(lost ? ES_REFUSAL_COIN : ES_REFUSAL_OTHER);
    set_text(&sighting, answer);
    return sighting;
}

static void take_bump(struct es_arena *arena, const json_t *answer, struct es_sighting *sighting)
{
    const char *hex = es_provider_json_text(answer, "merklePath");
    size_t digits = hex != NULL ? strlen(hex) : 0;
    if (digits == 0 || digits % 2 != 0 || digits / 2 > ES_BUMP_SIZE_MAX) {
        return;
    }
    unsigned char *bytes = es_arena_alloc(arena, digits / 2);
    if (es_parse_hex(hex, bytes, digits / 2)) {
        sighting->bump = bytes;
        sighting->bump_length = digits / 2;
    }
}

static struct es_sighting mined(struct es_arena *arena, const json_t *answer)
{
    struct es_sighting sighting = es_sighting_make(ES_SIGHT_MINED, "mined");
    if (!es_provider_json_id(answer, "blockHash", &sighting.block_hash)) {
        return es_sighting_make(ES_SIGHT_UNCLEAR, "mined_without_block");
    }
    sighting.has_block = true;
    take_bump(arena, answer, &sighting);
    return sighting;
}

static struct es_sighting of_status(struct es_arena *arena, const char *text, const json_t *answer)
{
    enum es_sight sight = sight_of(text);
    if (sight == ES_SIGHT_REFUSED) {
        return rejected(answer);
    }
    if (sight == ES_SIGHT_MINED) {
        return mined(arena, answer);
    }
    struct es_sighting sighting = es_sighting_make(
        sight, sight == ES_SIGHT_UNCLEAR ? "unknown_status" : es_sight_name(sight));
    set_text(&sighting, answer);
    return sighting;
}

static struct es_sighting read_failure(const json_t *answer, long http_status)
{
    int64_t code = http_status;
    if (http_status == HTTP_BAD_REQUEST && !es_provider_json_int(answer, "status", &code)) {
        code = http_status; /* Arcade says 400 and names the code inside */
    }
    if (is_code(code) && json_is_object(answer)) {
        return of_code(code, answer);
    }
    struct es_sighting sighting = es_sighting_of_http(http_status);
    set_text(&sighting, answer);
    return sighting;
}

struct es_sighting es_arc_read(struct es_arena *arena, const struct es_hash *txid, long http_status,
                               const void *body, size_t length)
{
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = es_provider_json(body, length);
    if (http_status == HTTP_NOT_FOUND && json_is_object(answer)) {
        return es_sighting_make(ES_SIGHT_UNKNOWN, "unknown");
    }
    if (http_status < HTTP_OK || http_status >= HTTP_MULTIPLE) {
        return read_failure(answer, http_status);
    }
    const char *status = es_provider_json_text(answer, "txStatus");
    if (status == NULL || !es_provider_json_is_id(answer, "txid", txid)) {
        return es_sighting_make(ES_SIGHT_UNCLEAR, "garbage");
    }
    return of_status(arena, status, answer);
}

bool es_arc_read_policy(const void *body, size_t length, int64_t *ret_rate)
{
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = es_provider_json(body, length);
    const json_t *fee = json_object_get(json_object_get(answer, "policy"), "miningFee");
    int64_t satoshis = 0;
    int64_t bytes = 0;
    if (!es_provider_json_int(fee, "satoshis", &satoshis) ||
        !es_provider_json_int(fee, "bytes", &bytes) || satoshis < 0 || satoshis > RATE_MAX ||
        bytes <= 0 || bytes > RATE_MAX) {
        return false;
    }
    *ret_rate = (satoshis * RATE_SIZE + bytes - 1) / bytes;
    return true;
}
