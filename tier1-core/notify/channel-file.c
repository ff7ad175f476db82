/*
 * Channel `file`: one file a mail, for the local stack and for tests. The file appears whole or not
 * at all; its name follows from the message, so a message sent twice is still one file.
 */
#include "common/base/mem.h"
#include "common/base/wipe.h"
#include "tier1-core/notify/channel-kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MODE 0600 /* link and code are in it */

struct folder {
    int fd;
};

static void release(void *state)
{
    struct folder *folder = state;
    es_close_p(&folder->fd);
    free(folder);
}

static void *make(const struct notify_config *config, const struct channel_secrets *secrets,
                  struct es_buf *error)
{
    (void)secrets;
    struct folder *folder = ES_NEW(struct folder);
    folder->fd = open(config->mail_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0 || faccessat(folder->fd, ".", W_OK, 0) != 0) {
        es_buf_printf(error, "MAIL_DIRECTORY %s: %s\n", config->mail_directory, strerror(errno));
        release(folder);
        return NULL;
    }
    return folder;
}

static bool write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        size_t step = written > 0 ? (size_t)written : 0;
        bytes += step;
        length -= step;
    }
    return true;
}

static bool write_file(int folder, const char *name, const struct es_buf *content)
{
    ES_CLEANUP(es_close_p)
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    return fd >= 0 && write_all(fd, content->data, content->length) && fsync(fd) == 0;
}

static enum channel_result deliver(void *state, const struct mail *mail,
                                   struct channel_report *report)
{
    int folder = ((const struct folder *)state)->fd;
    char name[CHANNEL_REFERENCE_SIZE];
    char unfinished[CHANNEL_REFERENCE_SIZE];
    ES_CLEANUP(es_wipe_buf) struct es_buf content = ES_BUF_INIT;
    es_wipe_reserve(&content, CHANNEL_MAIL_ROOM);
    mail_compose(mail, MAIL_8BIT, &content);
    (void)snprintf(name, sizeof(name), "mail-%012" PRId64 ".eml", mail->message_id);
    (void)snprintf(unfinished, sizeof(unfinished), ".mail-%012" PRId64 ".%d", mail->message_id,
                   getpid());
    if (!write_file(folder, unfinished, &content) ||
        renameat(folder, unfinished, folder, name) != 0) {
        int error = errno;
        (void)unlinkat(folder, unfinished, 0);
        return channel_fail(report, CHANNEL_LATER, "file_%s", strerrorname_np(error));
    }
    memcpy(report->reference, name, sizeof(name));
    return CHANNEL_DELIVERED;
}

const struct channel_kind channel_file = {.make = make, .release = release, .deliver = deliver};
