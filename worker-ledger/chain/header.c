#include "worker-ledger/chain/header.h"

#include "common/base/reader.h"
#include "worker-ledger/chain/hash256.h"

#include <string.h>

#define RETARGET_WINDOW     144 /* blocks */
#define BITS_PER_WINDOW     2   /* growth of 4 */
#define BITS_BEFORE_LIST    4   /* factor 16 */
#define TARGET_BITS         256
#define COMPACT_MANTISSA    0x007fffffU
#define COMPACT_SIGN        0x00800000U
#define COMPACT_WIDTH_SHIFT 24
#define COMPACT_WIDTH_MIN   3

struct es_header es_header_parse(const unsigned char raw[ES_HEADER_SIZE])
{
    struct es_reader reader = es_reader_make(raw, ES_HEADER_SIZE);
    struct es_header header;
    header.version = es_reader_le32(&reader);
    header.previous = es_hash_read(&reader);
    header.merkle_root = es_hash_read(&reader);
    header.time = es_reader_le32(&reader);
    header.bits = es_reader_le32(&reader);
    header.nonce = es_reader_le32(&reader);
    return header;
}

struct es_hash es_header_hash(const unsigned char raw[ES_HEADER_SIZE])
{
    return es_hash256(raw, ES_HEADER_SIZE);
}

/* A compact number is mantissa * 256^(width - 3): three bytes, the last of which stands WIDTH bytes
 * from the low end. Bytes below the low end are dropped; above the high end they must be zero. */
bool es_target_from_bits(uint32_t bits, struct es_target *ret_target)
{
    struct es_target target = {{0}};
    size_t width = bits >> COMPACT_WIDTH_SHIFT;
    uint32_t mantissa = bits & COMPACT_MANTISSA;
    bool zero = true;
    if ((bits & COMPACT_SIGN) != 0) {
        return false;
    }
    for (size_t i = 0; i < COMPACT_WIDTH_MIN; i++) {
        unsigned char byte = (unsigned char)(mantissa >> (8 * (COMPACT_WIDTH_MIN - 1 - i)));
        if (byte == 0 || width < i + 1) {
            continue;
        }
        if (width - i > sizeof(target.bytes)) {
            return false;
        }
        target.bytes[sizeof(target.bytes) - (width - i)] = byte;
        zero = false;
    }
    if (zero) {
        return false;
    }
    *ret_target = target;
    return true;
}

static bool target_at_most(const struct es_target *a, const struct es_target *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) <= 0;
}

/* Number of bits the target takes without leading zeros. */
static unsigned target_width(const struct es_target *target)
{
    unsigned width = TARGET_BITS;
    for (size_t i = 0; i < sizeof(target->bytes); i++, width -= 8) {
        if (target->bytes[i] != 0) {
            return width - ((unsigned)__builtin_clz(target->bytes[i]) - 24);
        }
    }
    return 0;
}

unsigned es_target_work_log2(const struct es_target *target)
{
    return TARGET_BITS - target_width(target);
}

bool es_header_has_work(const unsigned char raw[ES_HEADER_SIZE], enum es_network network)
{
    struct es_target target;
    struct es_target limit;
    struct es_hash hash = es_header_hash(raw);
    struct es_hash shown = es_hash_reversed(&hash);
    return es_target_from_bits(es_header_parse(raw).bits, &target) &&
           es_target_from_bits(es_network_rules(network)->easiest_bits, &limit) &&
           target_at_most(&target, &limit) &&
           memcmp(shown.bytes, target.bytes, sizeof(target.bytes)) <= 0;
}

bool es_target_may_follow(const struct es_target *first, const struct es_target *later,
                          size_t number)
{
    size_t windows = (number + RETARGET_WINDOW - 1) / RETARGET_WINDOW;
    return target_width(later) <=
           target_width(first) + BITS_BEFORE_LIST + BITS_PER_WINDOW * windows;
}

bool es_header_target_allowed(const unsigned char known[ES_HEADER_SIZE],
                              const unsigned char raw[ES_HEADER_SIZE], size_t number,
                              enum es_network network)
{
    struct es_target first;
    struct es_target later;
    return !es_network_rules(network)->steady_target ||
           (es_target_from_bits(es_header_parse(known).bits, &first) &&
            es_target_from_bits(es_header_parse(raw).bits, &later) &&
            es_target_may_follow(&first, &later, number > 0 ? number : 1));
}

static enum es_header_list_result check_one(const unsigned char *raws, size_t at,
                                            enum es_network network)
{
    const unsigned char *raw = raws + at * ES_HEADER_SIZE;
    if (!es_header_has_work(raw, network)) {
        return ES_HEADER_LIST_WORK;
    }
    if (at == 0) {
        return ES_HEADER_LIST_OK;
    }
    struct es_header header = es_header_parse(raw);
    struct es_hash previous = es_header_hash(raw - ES_HEADER_SIZE);
    if (!es_hash_equal(&header.previous, &previous)) {
        return ES_HEADER_LIST_LINK;
    }
    return es_header_target_allowed(raws, raw, at, network) ? ES_HEADER_LIST_OK
                                                            : ES_HEADER_LIST_TARGET;
}

enum es_header_list_result es_header_list_check(const unsigned char *raws, size_t count,
                                                enum es_network network, size_t *ret_at)
{
    for (size_t at = 0; at < count; at++) {
        enum es_header_list_result result = check_one(raws, at, network);
        if (result != ES_HEADER_LIST_OK) {
            *ret_at = at;
            return result;
        }
    }
    return ES_HEADER_LIST_OK;
}
