#include "common/base/amount.h"

#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const codes[] = {
    [ES_CURRENCY_SAT] = "SAT",
    [ES_CURRENCY_DKK] = "DKK",
};

struct es_amount es_amount_make(int64_t minor, enum es_currency currency)
{
    return (struct es_amount){.private_minor = minor, .private_currency = currency};
}

int64_t es_amount_minor(struct es_amount amount)
{
    return amount.private_minor;
}

enum es_currency es_amount_currency(struct es_amount amount)
{
    return amount.private_currency;
}

bool es_amount_add(struct es_amount a, struct es_amount b, struct es_amount *ret_sum)
{
    int64_t minor = 0;
    if (a.private_currency != b.private_currency ||
        __builtin_add_overflow(a.private_minor, b.private_minor, &minor)) {
        return false;
    }
    *ret_sum = es_amount_make(minor, a.private_currency);
    return true;
}

bool es_amount_sub(struct es_amount a, struct es_amount b, struct es_amount *ret_difference)
{
    int64_t minor = 0;
    if (a.private_currency != b.private_currency ||
        __builtin_sub_overflow(a.private_minor, b.private_minor, &minor)) {
        return false;
    }
    *ret_difference = es_amount_make(minor, a.private_currency);
    return true;
}

bool es_amount_mul(struct es_amount amount, int64_t count, struct es_amount *ret)
{
    int64_t minor = 0;
    if (__builtin_mul_overflow(amount.private_minor, count, &minor)) {
        return false;
    }
    *ret = es_amount_make(minor, amount.private_currency);
    return true;
}

bool es_amount_compare(struct es_amount a, struct es_amount b, int *ret_order)
{
    if (a.private_currency != b.private_currency) {
        return false;
    }
    *ret_order = (a.private_minor > b.private_minor) - (a.private_minor < b.private_minor);
    return true;
}

const char *es_currency_code(enum es_currency currency)
{
    return codes[currency];
}

bool es_currency_parse(const char *code, enum es_currency *ret_currency)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(codes); i++) {
        if (strcmp(codes[i], code) == 0) {
            *ret_currency = (enum es_currency)i;
            return true;
        }
    }
    return false;
}

void es_amount_format(struct es_amount amount, char ret_text[ES_AMOUNT_TEXT_SIZE])
{
    (void)snprintf(ret_text, ES_AMOUNT_TEXT_SIZE, "%" PRId64, amount.private_minor);
}

bool es_amount_parse(const char *text, enum es_currency currency, struct es_amount *ret_amount)
{
    int64_t minor = 0;
    if (!es_parse_i64(text, &minor)) {
        return false;
    }
    *ret_amount = es_amount_make(minor, currency);
    return true;
}
