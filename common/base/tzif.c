#include "common/base/tzif.h"

#include "common/base/mem.h"
#include "common/base/reader.h"
#include "common/base/tz-rule.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC         "TZif"
#define RESERVED_SIZE 15
#define MOST_TYPES    256
#define MOST_CHANGES  10000 /* the largest real file has some 250 */
#define TYPE_SIZE     6
#define V1_TIME_SIZE  4
#define V1_LEAP_SIZE  8
#define TIME_SIZE     8

struct change {
    int64_t at_s;
    int32_t offset_s; /* from then on */
};

struct es_tzif {
    int32_t first_offset_s; /* before the first change */
    bool has_rule;
    struct es_tz_rule rule; /* from the last change on */
    size_t count;
    struct change changes[];
};

/* The six counts of a header, RFC 8536 section 3.1, in their order. */
struct counts {
    uint32_t utc, standard, leap, time, type, character;
};

static uint32_t read_be32(struct es_reader *reader)
{
    return __builtin_bswap32(es_reader_le32(reader));
}

static int64_t read_be64(struct es_reader *reader)
{
    return (int64_t)__builtin_bswap64(es_reader_le64(reader));
}

static bool read_header(struct es_reader *reader, struct counts *ret_counts)
{
    const unsigned char *magic = es_reader_bytes(reader, strlen(MAGIC));
    uint8_t version = es_reader_u8(reader);
    (void)es_reader_bytes(reader, RESERVED_SIZE);
    ret_counts->utc = read_be32(reader);
    ret_counts->standard = read_be32(reader);
    ret_counts->leap = read_be32(reader);
    ret_counts->time = read_be32(reader);
    ret_counts->type = read_be32(reader);
    ret_counts->character = read_be32(reader);
    return !reader->failed && memcmp(magic, MAGIC, strlen(MAGIC)) == 0 && version >= '2';
}

/* The block for readers of version 1: its header says how long it is. */
static bool skip_v1_block(struct es_reader *reader)
{
    struct counts counts;
    if (!read_header(reader, &counts)) {
        return false;
    }
    /* 32-bit counts times small sizes cannot overflow 64 bits. */
    uint64_t size = (uint64_t)counts.time * (V1_TIME_SIZE + 1) + (uint64_t)counts.type * TYPE_SIZE +
                    counts.character + (uint64_t)counts.leap * V1_LEAP_SIZE + counts.standard +
                    counts.utc;
    return es_reader_bytes(reader, size) != NULL;
}

static bool counts_are_sound(const struct counts *counts)
{
    return counts->type >= 1 && counts->type <= MOST_TYPES && counts->character >= 1 &&
           counts->time <= MOST_CHANGES && counts->leap == 0 &&
           (counts->utc == 0 || counts->utc == counts->type) &&
           (counts->standard == 0 || counts->standard == counts->type);
}

static bool read_types(struct es_reader *reader, uint32_t count, int32_t ret_offsets[MOST_TYPES])
{
    bool sound = true;
    for (uint32_t i = 0; i < count; i++) {
        ret_offsets[i] = (int32_t)read_be32(reader);
        (void)es_reader_bytes(reader, TYPE_SIZE - sizeof(int32_t)); /* summer or not, its name */
        sound = sound && ret_offsets[i] >= ES_TZIF_SMALLEST_OFFSET_S &&
                ret_offsets[i] <= ES_TZIF_LARGEST_OFFSET_S;
    }
    return sound && !reader->failed;
}

/* The data block of version 2 into TZIF, which has room for counts->time changes. */
static bool read_block(struct es_reader *reader, const struct counts *counts, struct es_tzif *tzif)
{
    int32_t offsets[MOST_TYPES];
    bool sound = true;
    for (uint32_t i = 0; i < counts->time; i++) {
        tzif->changes[i].at_s = read_be64(reader);
        sound = sound && (i == 0 || tzif->changes[i].at_s > tzif->changes[i - 1].at_s);
    }
    const unsigned char *types = es_reader_bytes(reader, counts->time);
    sound = read_types(reader, counts->type, offsets) && sound;
    (void)es_reader_bytes(reader, counts->character);
    (void)es_reader_bytes(reader, counts->standard);
    (void)es_reader_bytes(reader, counts->utc);
    if (!sound || reader->failed) {
        return false;
    }
    for (uint32_t i = 0; i < counts->time; i++) {
        if (types[i] >= counts->type) {
            return false;
        }
        tzif->changes[i].offset_s = offsets[types[i]];
    }
    tzif->first_offset_s = offsets[0];
    tzif->count = counts->time;
    return true;
}

/* "\n" rule "\n"; an empty rule says that nobody knows what comes after the table. */
static bool read_footer(struct es_reader *reader, struct es_tzif *tzif)
{
    size_t length = es_reader_left(reader);
    const char *text = (const char *)es_reader_bytes(reader, length);
    if (length < 2 || text[0] != '\n' || text[length - 1] != '\n') {
        return false;
    }
    tzif->has_rule = length > 2;
    return !tzif->has_rule || es_tz_rule_parse(text + 1, length - 2, &tzif->rule);
}

static void free_tzif_p(struct es_tzif **tzif)
{
    free(*tzif);
}

struct es_tzif *es_tzif_parse(const void *file, size_t length)
{
    struct es_reader reader = es_reader_make(file, length);
    struct counts counts;
    if (!skip_v1_block(&reader) || !read_header(&reader, &counts) || !counts_are_sound(&counts) ||
        es_reader_left(&reader) < (uint64_t)counts.time * (TIME_SIZE + 1)) {
        return NULL;
    }
    ES_CLEANUP(free_tzif_p)
    struct es_tzif *tzif = es_calloc(1, sizeof(*tzif) + counts.time * sizeof(tzif->changes[0]));
    if (!read_block(&reader, &counts, tzif) || !read_footer(&reader, tzif)) {
        return NULL;
    }
    return ES_STEAL(tzif);
}

struct es_tzif *es_tzif_free(struct es_tzif *tzif)
{
    free(tzif);
    return NULL;
}

/* How many changes have happened at AT_S. */
static size_t changes_until(const struct es_tzif *tzif, int64_t at_s)
{
    size_t low = 0;
    size_t high = tzif->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tzif->changes[middle].at_s <= at_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct es_tzif_span es_tzif_at(const struct es_tzif *tzif, int64_t at_s)
{
    struct es_tzif_span span = {.offset_s = tzif->first_offset_s, .end_s = INT64_MAX};
    size_t happened = changes_until(tzif, at_s);
    if (happened == tzif->count && tzif->has_rule) {
        span.offset_s = es_tz_rule_at(&tzif->rule, at_s, &span.end_s);
        return span;
    }
    if (happened > 0) {
        span.offset_s = tzif->changes[happened - 1].offset_s;
    }
    if (happened < tzif->count) {
        span.end_s = tzif->changes[happened].at_s;
    }
    return span;
}
