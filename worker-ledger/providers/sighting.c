#include "worker-ledger/providers/sighting.h"

#include "worker-ledger/chain/hash256.h"

#include <stdio.h>

#define HTTP_UNAUTHORIZED      401
#define HTTP_FORBIDDEN         403
#define HTTP_TOO_MANY_REQUESTS 429

const char *es_sight_name(enum es_sight sight)
{
    static const char *const names[ES_SIGHT_COUNT] = {
        [ES_SIGHT_UNCLEAR] = "unclear",     [ES_SIGHT_BUSY] = "busy",
        [ES_SIGHT_UNKNOWN] = "unknown",     [ES_SIGHT_TAKEN] = "taken",
        [ES_SIGHT_ORPHAN] = "orphan",       [ES_SIGHT_SEEN] = "seen",
        [ES_SIGHT_CONTESTED] = "contested", [ES_SIGHT_STALE_BLOCK] = "stale_block",
        [ES_SIGHT_MINED] = "mined",         [ES_SIGHT_REFUSED] = "refused",
    };
    return names[sight];
}

const char *es_refusal_name(enum es_refusal refusal)
{
    static const char *const names[] = {
        [ES_REFUSAL_NONE] = "none",           [ES_REFUSAL_FEE] = "refused_fee",
        [ES_REFUSAL_COIN] = "refused_coin",   [ES_REFUSAL_FROZEN] = "refused_frozen",
        [ES_REFUSAL_OTHER] = "refused_other",
    };
    return names[refusal];
}

struct es_sighting es_sighting_make(enum es_sight sight, const char *reason)
{
    struct es_sighting sighting = {.sight = sight};
    (void)snprintf(sighting.reason, sizeof(sighting.reason), "%s", reason);
    return sighting;
}

struct es_sighting es_sighting_refused(enum es_refusal refusal)
{
    struct es_sighting sighting = es_sighting_make(ES_SIGHT_REFUSED, es_refusal_name(refusal));
    sighting.refusal = refusal;
    return sighting;
}

struct es_sighting es_sighting_of_http(long status)
{
    bool did_nothing =
        status == HTTP_TOO_MANY_REQUESTS || status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN;
    struct es_sighting sighting =
        es_sighting_make(did_nothing ? ES_SIGHT_BUSY : ES_SIGHT_UNCLEAR, "");
    (void)snprintf(sighting.reason, sizeof(sighting.reason), "http_%ld", status);
    return sighting;
}

struct es_sighting es_sighting_in_block(const char *block)
{
    if (block == NULL) {
        return es_sighting_make(ES_SIGHT_SEEN, "seen");
    }
    struct es_sighting sighting = es_sighting_make(ES_SIGHT_MINED, "mined");
    if (!es_hash256_parse(block, &sighting.block_hash)) {
        return es_sighting_make(ES_SIGHT_UNCLEAR, "mined_without_block");
    }
    sighting.has_block = true;
    return sighting;
}

void es_sighting_set_detail(struct es_sighting *sighting, const void *text, size_t length)
{
    const unsigned char *bytes = text;
    size_t kept = 0;
    for (size_t i = 0; i < length && kept < sizeof(sighting->detail) - 1; i++) {
        if (bytes[i] >= ' ' && bytes[i] <= '~') {
            sighting->detail[kept++] = (char)bytes[i];
        }
    }
    sighting->detail[kept] = '\0';
}
