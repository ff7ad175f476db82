/*
 * Secrets live in files, one secret a file, readable by their owner only.
 *
 * A file that a group member or others could read (mode & 077), that is not a regular file, or
 * that belongs to somebody other than this process's user or root, is refused. Root itself reads
 * everybody's: an operator's commands need keys of several processes. The content is hexadecimal
 * text with an optional final newline, or free text for provider keys.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Read exactly SIZE bytes as hex from PATH. On failure one line (with its line end) is appended to
 * ERROR; it names the path, never the content. */
bool es_keyfile_read(const char *path, void *ret_key, size_t size,
                     struct es_buf *error) ES_MUST_CHECK;

/* As es_keyfile_read(), of a file with 1 to MOST keys, one a line, into RET_KEYS (MOST * SIZE
 * bytes); *RET_COUNT tells how many there are. */
bool es_keyfile_read_list(const char *path, void *ret_keys, size_t size, size_t most,
                          size_t *ret_count, struct es_buf *error) ES_MUST_CHECK;

/* Read a text secret (no NUL, 1 to 4096 bytes, final newline removed) into *RET_TEXT (heap; release
 * with es_secret_free). */
bool es_keyfile_read_text(const char *path, char **ret_text, struct es_buf *error) ES_MUST_CHECK;

/* Write KEY as hex to a new file of mode 0600; an existing file is never replaced. Flushed to disk
 * before it returns. */
bool es_keyfile_write(const char *path, const void *key, size_t size,
                      struct es_buf *error) ES_MUST_CHECK;

/* Put COUNT keys of SIZE bytes, one a line, into PATH in place of what it holds, with the owner,
 * group and mode of the file LIKE. Whoever reads PATH, after a power cut too, finds either the old
 * keys or all of the new ones; PATH.new is used on the way. */
bool es_keyfile_replace(const char *path, const char *like, const void *keys, size_t size,
                        size_t count, struct es_buf *error) ES_MUST_CHECK;

/* Wipe and release a text secret. NULL accepted. */
void es_secret_free(char *text);
void es_secret_free_p(char **text);
