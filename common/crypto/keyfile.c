#include "common/crypto/keyfile.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_SECRET 4096
#define OTHERS         (S_IRWXG | S_IRWXO)
#define KEY_FILE_MODE  (S_IRUSR | S_IWUSR)
#define ALL_MODES      (S_IRWXU | S_IRWXG | S_IRWXO)
#define NEW_SUFFIX     ".new"

/* What was read from a file: a secret until its owner wipes it. */
struct content {
    char text[LONGEST_SECRET + 2]; /* a final newline and our NUL */
    size_t length;
};

static void wipe_content(struct content *content)
{
    sodium_memzero(content, sizeof(*content));
}

static bool fail(struct es_buf *error, const char *path, const char *why)
{
    es_buf_printf(error, "%s: %s\n", path, why);
    return false;
}

static bool check_owner(int fd, const char *path, struct es_buf *error)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0) {
        return fail(error, path, strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return fail(error, path, "is not a regular file");
    }
    if ((facts.st_mode & OTHERS) != 0) {
        return fail(error, path, "can be used by others than its owner (chmod 600 it)");
    }
    if (facts.st_uid != geteuid() && facts.st_uid != 0 && geteuid() != 0) {
        return fail(error, path, "belongs to somebody else");
    }
    return true;
}

/* Read all of FD; a file longer than any secret is refused. Removes one final newline. */
static bool read_content(int fd, const char *path, struct content *ret, struct es_buf *error)
{
    while (ret->length < sizeof(ret->text)) {
        ssize_t got = read(fd, ret->text + ret->length, sizeof(ret->text) - ret->length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(error, path, strerror(errno));
        }
        if (got == 0) {
            break;
        }
        ret->length += (size_t)got;
    }
    if (ret->length > 0 && ret->text[ret->length - 1] == '\n') {
        ret->length--;
    }
    if (ret->length > LONGEST_SECRET) {
        return fail(error, path, "is too long for a secret");
    }
    ret->text[ret->length] = '\0';
    if (strlen(ret->text) != ret->length) {
        return fail(error, path, "contains a NUL byte");
    }
    return true;
}

static bool read_file(const char *path, struct content *ret, struct es_buf *error)
{
    /* O_NONBLOCK: a pipe under this name must not hold up the start; it is refused below. */
    ES_CLEANUP(es_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return fail(error, path, strerror(errno));
    }
    return check_owner(fd, path, error) && read_content(fd, path, ret, error);
}

bool es_keyfile_read(const char *path, void *ret_key, size_t size, struct es_buf *error)
{
    ES_CLEANUP(wipe_content) struct content content = {.length = 0};
    if (!read_file(path, &content, error)) {
        return false;
    }
    if (!es_parse_hex(content.text, ret_key, size)) {
        es_buf_printf(error, "%s: must hold %zu bytes as %zu hexadecimal digits\n", path, size,
                      2 * size);
        return false;
    }
    return true;
}

bool es_keyfile_read_list(const char *path, void *ret_keys, size_t size, size_t most,
                          size_t *ret_count, struct es_buf *error)
{
    ES_CLEANUP(wipe_content) struct content content = {.length = 0};
    if (!read_file(path, &content, error)) {
        return false;
    }
    size_t count = 0;
    char *rest = content.text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (count == most) {
            es_buf_printf(error, "%s: holds more than %zu keys\n", path, most);
            return false;
        }
        if (!es_parse_hex(line, (unsigned char *)ret_keys + count * size, size)) {
            es_buf_printf(error, "%s: line %zu must hold %zu bytes as %zu hexadecimal digits\n",
                          path, count + 1, size, 2 * size);
            return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

bool es_keyfile_read_text(const char *path, char **ret_text, struct es_buf *error)
{
    ES_CLEANUP(wipe_content) struct content content = {.length = 0};
    if (!read_file(path, &content, error)) {
        return false;
    }
    if (content.length == 0) {
        return fail(error, path, "is empty");
    }
    *ret_text = es_strdup(content.text);
    return true;
}

static bool write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* The new name itself must be on disk, too: flush the folder that holds it. */
static bool flush_folder_of(const char *path)
{
    ES_CLEANUP(es_free_p) char *copy = es_strdup(path);
    ES_CLEANUP(es_close_p) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

/* KEYS as text, one a line; wiped when released. */
static char *format_keys(const unsigned char *keys, size_t size, size_t count)
{
    size_t line = 2 * size + 1;
    char *text = es_calloc(count * line + 1, 1);
    for (size_t i = 0; i < count; i++) {
        (void)sodium_bin2hex(text + i * line, line, keys + i * size, size);
        text[(i + 1) * line - 1] = '\n';
    }
    return text;
}

/* A new file PATH with TEXT, of OWNER (NULL: this process) and MODE, on disk. */
static bool create_file(const char *path, const char *text, mode_t mode, const struct stat *owner)
{
    ES_CLEANUP(es_close_p)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, KEY_FILE_MODE);
    if (fd < 0) {
        return false;
    }
    /* fchmod, because a umask must not decide about a key file. */
    if ((owner == NULL || fchown(fd, owner->st_uid, owner->st_gid) == 0) && fchmod(fd, mode) == 0 &&
        write_all(fd, text, strlen(text)) && fsync(fd) == 0) {
        return true;
    }
    int why = errno;
    (void)unlink(path);
    errno = why;
    return false;
}

bool es_keyfile_write(const char *path, const void *key, size_t size, struct es_buf *error)
{
    ES_CLEANUP(es_secret_free_p) char *text = format_keys(key, size, 1);
    if (!create_file(path, text, KEY_FILE_MODE, NULL)) {
        return fail(error, path, strerror(errno));
    }
    if (!flush_folder_of(path)) {
        (void)fail(error, path, strerror(errno));
        (void)unlink(path);
        return false;
    }
    return true;
}

bool es_keyfile_replace(const char *path, const char *like, const void *keys, size_t size,
                        size_t count, struct es_buf *error)
{
    struct stat facts;
    ES_CLEANUP(es_secret_free_p) char *text = format_keys(keys, size, count);
    ES_CLEANUP(es_buf_done) struct es_buf name = ES_BUF_INIT;
    es_buf_printf(&name, "%s" NEW_SUFFIX, path);
    const char *new_path = es_buf_str(&name);
    if (stat(like, &facts) != 0) {
        return fail(error, like, strerror(errno));
    }
    (void)unlink(new_path); /* of an attempt that was cut short */
    if (!create_file(new_path, text, facts.st_mode & ALL_MODES, &facts)) {
        return fail(error, new_path, strerror(errno));
    }
    if (rename(new_path, path) != 0) {
        (void)fail(error, path, strerror(errno));
        (void)unlink(new_path);
        return false;
    }
    return flush_folder_of(path) || fail(error, path, strerror(errno));
}

void es_secret_free(char *text)
{
    if (text != NULL) {
        sodium_memzero(text, strlen(text));
        free(text);
    }
}

void es_secret_free_p(char **text)
{
    es_secret_free(*text);
}
