/*
 * Compiler attributes used everywhere, and the two scope helpers of the house style:
 * ES_CLEANUP releases a local when it goes out of scope, ES_STEAL moves ownership out of one.
 *
 *     ES_CLEANUP(es_free_p) char *text = es_strdup(name);
 *     ...
 *     return ES_STEAL(text);
 */
#pragma once

#include <stddef.h>

#define ES_MUST_CHECK         __attribute__((warn_unused_result))
#define ES_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define ES_NORETURN           __attribute__((noreturn))
#define ES_CLEANUP(release)   __attribute__((cleanup(release)))
#define ES_ARRAY_LEN(array)   (sizeof(array) / sizeof((array)[0]))

/* Yields the pointer held by VAR and leaves NULL in it. VAR is evaluated once, as an lvalue. */
#define ES_STEAL(var)                                                                              \
    __extension__({                                                                                \
        __typeof__(&(var)) es_steal_at_ = &(var);                                                  \
        __typeof__(var) es_stolen_ = *es_steal_at_;                                                \
        *es_steal_at_ = NULL;                                                                      \
        es_stolen_;                                                                                \
    })
