/*
 * Files of a published tree of static files: a name holds its old content or its new one, never a
 * part. It is written beside it as NAME.new and renamed, so one process at a time may write: the
 * caller holds a lock.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Write LENGTH bytes to PATH below the directory DIRECTORY_FD; directories on the way are made.
 * Readable by everybody. Not flushed to disk: see es_static_flush(). False with errno set. */
bool es_static_write(int directory_fd, const char *path, const void *bytes,
                     size_t length) ES_MUST_CHECK;

/* Append the content of PATH (at most LIMIT bytes) to OUT. False with errno set; ENOENT when there
 * is no such file. */
bool es_static_read(int directory_fd, const char *path, size_t limit,
                    struct es_buf *out) ES_MUST_CHECK;

/* Remove the directory PATH and the plain files in it; it need not exist. */
void es_static_remove_directory(int directory_fd, const char *path);

/* Everything written so far survives a power failure. False with errno set. */
bool es_static_flush(int directory_fd) ES_MUST_CHECK;
