#include "common/http/retry-after.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <curl/curl.h>
#include <stddef.h>

static int64_t bounded(int64_t seconds)
{
    if (seconds < 0) {
        return 0;
    }
    return seconds < ES_RETRY_AFTER_MAX_S ? seconds : ES_RETRY_AFTER_MAX_S;
}

int64_t es_retry_after_parse(const char *text, int64_t now_us)
{
    int64_t seconds = 0;
    if (text == NULL) {
        return -1;
    }
    if (text[0] >= '0' && text[0] <= '9') {
        return es_parse_i64(text, &seconds) ? bounded(seconds) : -1;
    }
    time_t date = curl_getdate(text, NULL); /* all three date forms that HTTP has had */
    return date != -1 ? bounded((int64_t)date - now_us / ES_US_PER_S) : -1;
}
