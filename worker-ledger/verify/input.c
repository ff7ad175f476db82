#include "worker-ledger/verify/input.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_SIZE ((size_t)64 * 1024)

bool es_input_read(const char *path, size_t limit, struct es_buf *out)
{
    ES_CLEANUP(es_close_p) int opened = -1;
    int fd = STDIN_FILENO;
    size_t start = out->length;
    if (strcmp(path, "-") != 0) {
        opened = open(path, O_RDONLY | O_CLOEXEC);
        fd = opened;
    }
    while (fd >= 0) {
        unsigned char chunk[CHUNK_SIZE];
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got == 0) {
            return true;
        }
        if (got > 0) {
            es_buf_add(out, chunk, (size_t)got);
        } else if (errno != EINTR) {
            return false;
        }
        if (out->length - start > limit) {
            errno = EFBIG;
            return false;
        }
    }
    return false;
}
