/*
 * The letters members get: words only, no addresses, no transport.
 *
 * Each is Danish and English in one, plain text and simple HTML, without pictures or anything
 * loaded from elsewhere: nothing in it tells anybody that it was opened. Pure: no I/O.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/base/day.h"

#include <stdbool.h>
#include <stdint.h>

/* UTF-8, lines end with LF. Holds link and code: wipe it (letter_done does). */
struct letter {
    struct es_buf subject;
    struct es_buf text;
    struct es_buf html;
};

#define LETTER_INIT ((struct letter){.subject = ES_BUF_INIT})

/* Wipe and release. */
void letter_done(struct letter *letter);

/* What a sign-in letter says. */
struct letter_sign_in {
    const char *link; /* https://… or http://…, printable ASCII, at most 512 characters */
    const char *code; /* six digits */
    int64_t expires_at_us;
};

/* False when link or code are not of that form. ZONE is the one times are told in. */
bool letter_sign_in(const struct letter_sign_in *what, const struct es_zone *zone,
                    struct letter *ret_letter) ES_MUST_CHECK;
