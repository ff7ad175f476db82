#include "common/base/wake.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int es_wake_new(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void es_wake(int fd)
{
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof(one)); /* full means awake already */
    (void)ignored;
}

void es_wake_heard(int fd)
{
    uint64_t count = 0;
    ssize_t ignored = read(fd, &count, sizeof(count));
    (void)ignored;
}
