/*
 * Amounts of money as whole minor units with a currency: never a double, never a bare integer.
 *
 * Only amount.c looks inside; operations that could overflow, mix currencies or go below zero
 * return false and leave the result alone.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_currency {
    ES_CURRENCY_SAT, /* internal satoshi: a unit of account until a pay-out exists */
    ES_CURRENCY_DKK, /* øre */
};

struct es_amount {
    int64_t private_minor;
    enum es_currency private_currency;
};

/* MINOR may be negative (a pool account's balance is). */
struct es_amount es_amount_make(int64_t minor, enum es_currency currency);
int64_t es_amount_minor(struct es_amount amount);
enum es_currency es_amount_currency(struct es_amount amount);

bool es_amount_add(struct es_amount a, struct es_amount b, struct es_amount *ret_sum) ES_MUST_CHECK;
bool es_amount_sub(struct es_amount a, struct es_amount b,
                   struct es_amount *ret_difference) ES_MUST_CHECK;
/* AMOUNT times COUNT. */
bool es_amount_mul(struct es_amount amount, int64_t count, struct es_amount *ret) ES_MUST_CHECK;

/* -1, 0 or 1; false when the currencies differ. */
bool es_amount_compare(struct es_amount a, struct es_amount b, int *ret_order) ES_MUST_CHECK;

/* ISO-like code: "SAT", "DKK". */
const char *es_currency_code(enum es_currency currency);
bool es_currency_parse(const char *code, enum es_currency *ret_currency) ES_MUST_CHECK;

/* Decimal text of the minor units, for JSON and SQL ("1250"). 21 bytes with the NUL suffice. */
#define ES_AMOUNT_TEXT_SIZE 21
void es_amount_format(struct es_amount amount, char ret_text[ES_AMOUNT_TEXT_SIZE]);
bool es_amount_parse(const char *text, enum es_currency currency,
                     struct es_amount *ret_amount) ES_MUST_CHECK;
