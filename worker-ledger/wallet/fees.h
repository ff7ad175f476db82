/*
 * What to pay: the fee rate the provider asks for, as last heard, and what refusals teach beyond
 * it.
 *
 * Rates are satoshis per 1000 bytes. Shared by the threads of the process; safe from any of them.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct es_fees;

/* Start with FALLBACK; never pay above CAP. */
struct es_fees *es_fees_new(int64_t fallback, int64_t cap) ES_MUST_CHECK;
struct es_fees *es_fees_free(struct es_fees *fees);

/* The rate to pay now, whatever the cap. */
int64_t es_fees_rate(struct es_fees *fees);
int64_t es_fees_cap(const struct es_fees *fees);

/* A provider says that it asks for RATE. When that is news, what refusals taught is forgotten. */
void es_fees_learn_policy(struct es_fees *fees, int64_t rate);

/* A transaction that paid REFUSED_RATE was refused for its fee. For an hour the rate is at least
 * what es_fees_after_refusal() gives. */
void es_fees_learn_refusal(struct es_fees *fees, int64_t refused_rate);

/* The rate to try after REFUSED_RATE was too little: RATE, which is paid by now, when that is more,
 * else half as much again. */
int64_t es_fees_after_refusal(int64_t rate, int64_t refused_rate);
