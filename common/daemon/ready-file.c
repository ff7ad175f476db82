#include "common/daemon/ready-file.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_ADDRESSES 8
#define FILE_MODE      0644
#define NEW_SUFFIX     ".new"

/* What this process has announced: there is one process, so there is one list. */
static struct {
    const char *key;
    char *value;
} addresses[MOST_ADDRESSES];
static size_t address_count;

/* What this process has written; empty: nothing. */
static struct es_buf written;

void es_ready_file_announce(const char *key, const char *value)
{
    if (address_count == MOST_ADDRESSES) {
        abort(); /* a daemon has a handful of listeners, known when it is written */
    }
    addresses[address_count].key = key;
    addresses[address_count].value = es_strdup(value);
    address_count++;
}

const char *es_ready_file_value(const char *key)
{
    for (size_t i = 0; i < address_count; i++) {
        if (strcmp(addresses[i].key, key) == 0) {
            return addresses[i].value;
        }
    }
    return NULL;
}

static void write_line(struct es_buf *out)
{
    struct es_json_writer writer = es_json_writer_make(out);
    es_json_begin_object(&writer);
    es_json_put_int(&writer, "pid", getpid());
    for (size_t i = 0; i < address_count; i++) {
        es_json_put_text(&writer, addresses[i].key, addresses[i].value);
    }
    es_json_end_object(&writer);
    es_buf_add_byte(out, '\n');
}

bool es_ready_file_write(const char *path)
{
    ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf beside = ES_BUF_INIT;
    write_line(&line);
    es_buf_printf(&beside, "%s" NEW_SUFFIX, path);
    const char *new_path = es_buf_str(&beside);
    ES_CLEANUP(es_close_p)
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        return false;
    }
    if (write(fd, line.data, line.length) == (ssize_t)line.length && rename(new_path, path) == 0) {
        es_buf_done(&written);
        written = line;
        line = ES_BUF_INIT;
        return true;
    }
    int why = errno;
    (void)unlink(new_path);
    errno = why;
    return false;
}

void es_ready_file_clear(const char *path)
{
    if (path != NULL) {
        (void)unlink(path);
    }
}

/* The line names the process, so nobody else's is the same. The file's inode would not tell: that
 * of a removed file is given to the next one. */
static bool is_ours(const char *path)
{
    ES_CLEANUP(es_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ES_CLEANUP(es_free_p) char *found = es_calloc(1, written.length + 1);
    return fd >= 0 && written.length > 0 &&
           read(fd, found, written.length + 1) == (ssize_t)written.length &&
           memcmp(found, written.data, written.length) == 0;
}

void es_ready_file_withdraw(const char *path)
{
    if (path != NULL && is_ours(path)) {
        (void)unlink(path);
    }
    es_buf_done(&written);
    for (size_t i = 0; i < address_count; i++) {
        free(addresses[i].value);
    }
    address_count = 0;
}
