/*
 * Fuzz target: zone files. What is accepted must answer for any instant with a sane offset and a
 * span that ends later, and its days must begin where they say.
 */
#include "common/base/tzif.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_YEAR_S INT64_C(-62167219200) /* year 0 */
#define LAST_YEAR_S  INT64_C(253402300799) /* year 9999 */
#define MOST_SPANS   1000

static void check_span(const struct es_tzif *tzif, int64_t at_s)
{
    struct es_tzif_span span = es_tzif_at(tzif, at_s);
    if (span.end_s <= at_s || span.offset_s < ES_TZIF_SMALLEST_OFFSET_S ||
        span.offset_s > ES_TZIF_LARGEST_OFFSET_S) {
        abort();
    }
    /* The same answer at the last second of the span. */
    if (span.end_s != INT64_MAX && es_tzif_at(tzif, span.end_s - 1).offset_s != span.offset_s) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t instants_s[] = {FIRST_YEAR_S, -1,         0,          946684800,
                                         1795248131,   4102444800, LAST_YEAR_S};
    struct es_tzif *tzif = es_tzif_parse(data, size);
    if (tzif == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(instants_s) / sizeof(instants_s[0]); i++) {
        check_span(tzif, instants_s[i]);
    }
    int64_t at_s = FIRST_YEAR_S;
    for (size_t i = 0; i < MOST_SPANS && at_s < LAST_YEAR_S; i++) {
        check_span(tzif, at_s);
        at_s = es_tzif_at(tzif, at_s).end_s;
    }
    (void)es_tzif_free(tzif);
    return 0;
}
