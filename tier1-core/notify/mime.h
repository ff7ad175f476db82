/*
 * The encodings a mail of ours needs (RFC 2045, 2047). Pure: no I/O.
 *
 * Whatever text goes in, no line end comes out that was not put there by these functions on
 * purpose, so no header and no part can be injected.
 */
#pragma once

#include "common/base/buf.h"

/* TEXT (UTF-8) as the value of a header: as it is when it is printable ASCII, else as encoded
 * words, folded. */
void mime_add_header_text(struct es_buf *out, const char *text);

/* A name before an address, without quotes and backslashes: quoted, or encoded words. */
void mime_add_phrase(struct es_buf *out, const char *text);

/* TEXT (UTF-8, lines end with LF) as quoted-printable with CRLF: ASCII lines of at most 76. */
void mime_add_quoted_printable(struct es_buf *out, const char *text);

/* TEXT as it is, with CRLF: for readers that take 8 bits, such as people looking at a file. */
void mime_add_8bit(struct es_buf *out, const char *text);
