#include "common/http/retry-after.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <curl/curl.h>
#include <stddef.h>

int64_t es_retry_after_parse(const char *text, int64_t now_us)
{
    int64_t seconds = 0;
    if (text == NULL) {
        return -1;
    }
    if (text[0] >= '0' && text[0] <= '9') {
        return es_parse_i64(text, &seconds) ? seconds : -1;
    }
    time_t date = curl_getdate(text, NULL); /* all three date forms that HTTP has had */
    if (date == -1) {
        return -1;
    }
    seconds = (int64_t)date - now_us / ES_US_PER_S;
    return seconds > 0 ? seconds : 0;
}
