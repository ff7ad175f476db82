#include "worker-ledger/log/static-file.h"

#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE      0644
#define DIRECTORY_MODE 0755
#define PATH_LIMIT     256
#define READ_SIZE      4096

/* Make the directories that PATH leads through. */
static bool make_directories(int directory_fd, const char *path)
{
    char part[PATH_LIMIT];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - path);
        memcpy(part, path, length);
        part[length] = '\0';
        if (mkdirat(directory_fd, part, DIRECTORY_MODE) != 0 && errno != EEXIST) {
            return false;
        }
    }
    return true;
}

static bool write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return true;
}

bool es_static_write(int directory_fd, const char *path, const void *bytes, size_t length)
{
    char draft[PATH_LIMIT];
    int drafted = snprintf(draft, sizeof(draft), "%s.new", path);
    if (drafted < 0 || (size_t)drafted >= sizeof(draft)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    ES_CLEANUP(es_close_p) int fd = openat(directory_fd, draft, flags, FILE_MODE);
    if (fd < 0 && errno == ENOENT && make_directories(directory_fd, path)) {
        fd = openat(directory_fd, draft, flags, FILE_MODE);
    }
    if (fd < 0 || !write_all(fd, bytes, length)) {
        return false;
    }
    return renameat(directory_fd, draft, directory_fd, path) == 0;
}

bool es_static_read(int directory_fd, const char *path, size_t limit, struct es_buf *out)
{
    ES_CLEANUP(es_close_p) int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t before = out->length;
    for (;;) {
        void *room = es_buf_reserve(out, READ_SIZE);
        ssize_t got = read(fd, room, READ_SIZE);
        if (got == 0) {
            return true;
        }
        if (got < 0) {
            return false;
        }
        out->length += (size_t)got;
        out->data[out->length] = '\0';
        if (out->length - before > limit) {
            errno = EFBIG;
            return false;
        }
    }
}

static void close_directory_p(DIR **directory)
{
    if (*directory != NULL) {
        closedir(*directory);
    }
}

void es_static_remove_directory(int directory_fd, const char *path)
{
    int fd = openat(directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ES_CLEANUP(close_directory_p) DIR *directory = fdopendir(fd); /* owns fd from here on */
    if (directory == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_type == DT_REG) {
            (void)unlinkat(fd, entry->d_name, 0);
        }
    }
    (void)unlinkat(directory_fd, path, AT_REMOVEDIR);
}

bool es_static_flush(int directory_fd)
{
    return syncfs(directory_fd) == 0;
}
