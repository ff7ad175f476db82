/*
 * Small functions on text from outside: exact parsing, normalising, UTF-8.
 *
 * Parsers accept the whole text or nothing: no leading blanks, no trailing characters, no
 * overflow. They return false and leave *RET_... alone when the text is not of the form.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal integers: digits, and for the signed form an optional '-'. No '+', no leading zeros. */
bool es_parse_u64(const char *text, uint64_t *ret_value) ES_MUST_CHECK;
bool es_parse_i64(const char *text, int64_t *ret_value) ES_MUST_CHECK;

/* VALUE as es_parse_i64() takes it, and a NUL; returns the number of characters. */
#define ES_I64_TEXT_SIZE 21
size_t es_format_i64(int64_t value, char ret_text[ES_I64_TEXT_SIZE]);

/* VALUE, 0 to 99, as two characters without a NUL; returns TEXT moved on. */
char *es_put_two_digits(char *text, unsigned value);

/* Exactly SIZE bytes from 2*SIZE hexadecimal digits (either case). */
bool es_parse_hex(const char *text, void *ret_bytes, size_t size) ES_MUST_CHECK;

/* Base64url without padding (RFC 4648 section 5), LENGTH characters, into at most CAPACITY bytes;
 * non-canonical spare bits are refused. */
bool es_parse_base64url(const char *text, size_t length, void *ret_bytes, size_t capacity,
                        size_t *ret_length) ES_MUST_CHECK;

/* True when LENGTH bytes are well-formed UTF-8 without NUL (no surrogates, no overlong forms). */
bool es_utf8_valid(const void *bytes, size_t length) ES_MUST_CHECK;

/* ASCII only; other bytes stay. In place. Trims blanks at both ends; returns TEXT moved on. */
char *es_ascii_lower(char *text);
char *es_trim(char *text);

bool es_starts_with(const char *text, const char *prefix) ES_MUST_CHECK;

/* Copy TEXT into BUFFER when it fits with its NUL; false (BUFFER untouched) when it does not. */
bool es_copy_str(char *buffer, size_t size, const char *text) ES_MUST_CHECK;
