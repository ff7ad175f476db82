#include "common/observe/log.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(ES_LOG_LINE_MAX <= PIPE_BUF, "longer writes to a pipe may be torn");

#define LOG_FILE_MODE    0640
#define FIRST_LINE_SIZE  512
#define LONGEST_TEXT     512
#define LONGEST_HEX      128 /* bytes */
#define LONGEST_UTF8     4
#define CUT_MARK         "\xE2\x80\xA6" /* … */
#define LINE_END_CUT     ",\"cut\":true}\n"
#define LINE_END         "}\n"
#define ROOM_FOR_FIELDS  (ES_LOG_LINE_MAX - sizeof(LINE_END_CUT))
#define REDACTED         "[redacted]"
#define US_PER_MS_DOUBLE 1000.0

/* The process-wide state of the log. The file keeps its descriptor number from the first opening
 * on: a reopening replaces what stands behind the number (dup3), so a thread that has just read it
 * never writes into somebody else's file. */
static _Atomic(const char *) process_name = "eldersafe";
static atomic_int lowest_level = ES_LOG_DEBUG;
static atomic_int output_fd = STDERR_FILENO;
static int file_fd = -1;
static atomic_ullong broken_lines;
static atomic_ullong lost_lines;
static atomic_bool last_was_torn;
static atomic_bool abort_on_bugs;
static _Thread_local const char *thread_request_id;

static const char *const level_names[] = {
    [ES_LOG_DEBUG] = "debug",
    [ES_LOG_INFO] = "info",
    [ES_LOG_WARN] = "warn",
    [ES_LOG_BROKEN] = "broken",
};

struct es_field es_f_text(const char *name, const char *text)
{
    return (struct es_field){.name = name, .type = ES_FIELD_TEXT, .text = text};
}

struct es_field es_f_int(const char *name, int64_t value)
{
    return (struct es_field){.name = name, .type = ES_FIELD_INT, .number = value};
}

struct es_field es_f_bool(const char *name, bool value)
{
    return (struct es_field){.name = name, .type = ES_FIELD_BOOL, .number = value};
}

struct es_field es_f_ms(const char *name, int64_t duration_us)
{
    return (struct es_field){.name = name, .type = ES_FIELD_MS, .number = duration_us};
}

struct es_field es_f_hex(const char *name, const void *bytes, size_t length)
{
    return (struct es_field){.name = name, .type = ES_FIELD_HEX, .bytes = bytes, .length = length};
}

struct es_field es_f_redacted(const char *name)
{
    return (struct es_field){.name = name, .type = ES_FIELD_REDACTED};
}

static bool open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, LOG_FILE_MODE);
    if (fd < 0) {
        return false;
    }
    if (file_fd < 0) {
        file_fd = fd;
        return true;
    }
    bool replaced = dup3(fd, file_fd, O_CLOEXEC) >= 0;
    (void)close(fd);
    return replaced;
}

bool es_log_open(const char *process, enum es_log_level lowest, const char *path)
{
    if (path != NULL && !open_file(path)) {
        return false;
    }
    atomic_store(&process_name, process);
    atomic_store(&lowest_level, (int)lowest);
    atomic_store(&output_fd, path != NULL ? file_fd : STDERR_FILENO);
    return true;
}

void es_log_close(void)
{
    atomic_store(&output_fd, STDERR_FILENO);
    if (file_fd >= 0) {
        (void)close(file_fd);
        file_fd = -1;
    }
}

bool es_log_level_parse(const char *text, enum es_log_level *ret_level)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum es_log_level)i;
            return true;
        }
    }
    return false;
}

void es_log_set_request_id(const char *request_id)
{
    thread_request_id = request_id;
}

/* At most LONGEST_TEXT bytes of TEXT, never the first half of a character, and a mark when
 * something is missing. */
static void add_text(struct es_buf *line, const char *text)
{
    char kept[LONGEST_TEXT + sizeof(CUT_MARK)];
    size_t length = strnlen(text, LONGEST_TEXT + 1);
    if (length <= LONGEST_TEXT) {
        es_json_quote(line, text, length);
        return;
    }
    length = LONGEST_TEXT;
    for (size_t back = 1; back < LONGEST_UTF8 && ((unsigned char)text[length] & 0xC0) == 0x80;
         back++) {
        length--;
    }
    memcpy(kept, text, length);
    memcpy(kept + length, CUT_MARK, sizeof(CUT_MARK));
    es_json_quote(line, kept, length + sizeof(CUT_MARK) - 1);
}

static void add_value(struct es_buf *line, const struct es_field *field)
{
    struct es_json_writer writer = es_json_writer_make(line);
    switch (field->type) {
    case ES_FIELD_TEXT:
        if (field->text == NULL) {
            es_json_null(&writer);
        } else {
            add_text(line, field->text);
        }
        break;
    case ES_FIELD_INT:
        es_json_int(&writer, field->number);
        break;
    case ES_FIELD_BOOL:
        es_json_bool(&writer, field->number != 0);
        break;
    case ES_FIELD_MS:
        es_buf_printf(line, "%.3f", (double)field->number / US_PER_MS_DOUBLE);
        break;
    case ES_FIELD_HEX:
        es_json_hex(&writer, field->bytes,
                    field->length < LONGEST_HEX ? field->length : LONGEST_HEX);
        break;
    case ES_FIELD_REDACTED:
        es_json_text(&writer, REDACTED);
        break;
    case ES_FIELD_END:
        es_json_null(&writer);
        break;
    }
}

/* False, with LINE as before, when there is no room for it any more. */
static bool add_field(struct es_buf *line, const struct es_field *field)
{
    size_t before = line->length;
    if (line->data[before - 1] != '{') {
        es_buf_add_byte(line, ',');
    }
    es_json_quote(line, field->name, strlen(field->name));
    es_buf_add_byte(line, ':');
    add_value(line, field);
    if (line->length <= ROOM_FOR_FIELDS) {
        return true;
    }
    line->length = before;
    line->data[before] = '\0';
    return false;
}

/* Never waits for a reader: life signals are answered by threads that log. Between poll and write
 * nobody else may take the room that a pipe has left. */
static ssize_t write_at_once(const void *bytes, size_t length)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int fd = atomic_load(&output_fd);
    ssize_t written = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written >= 0 || errno != ENOTSOCK) {
        return written;
    }
    pthread_mutex_lock(&lock);
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0) {
        do {
            written = write(fd, bytes, length);
        } while (written < 0 && errno == EINTR);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

/* LINE begins with a line end, which is written only to close what a full disk has torn. */
static void write_line(const struct es_buf *line)
{
    size_t skip = atomic_exchange(&last_was_torn, false) ? 0 : 1;
    ssize_t wanted = (ssize_t)(line->length - skip);
    ssize_t written = write_at_once(line->data + skip, (size_t)wanted);
    if (written != wanted) { /* disk full, or a reader that is slow or went away */
        atomic_fetch_add_explicit(&lost_lines, 1, memory_order_relaxed);
        atomic_store(&last_was_torn, written > 0 || skip == 0);
    }
}

void es_log_write(enum es_log_level level, const char *event, const struct es_field *fields)
{
    if (level == ES_LOG_BROKEN) {
        atomic_fetch_add_explicit(&broken_lines, 1, memory_order_relaxed);
    }
    if ((int)level < atomic_load_explicit(&lowest_level, memory_order_relaxed)) {
        return;
    }
    int saved_errno = errno;
    char time_text[ES_TIME_TEXT_SIZE];
    es_clock_format(es_clock_now_us(), time_text);
    const struct es_field head[] = {
        es_f_text("time", time_text),
        es_f_text("level", level_names[level]),
        es_f_text("process", atomic_load(&process_name)),
        es_f_text("event", event),
        es_f_text("request_id", thread_request_id),
    };
    size_t head_count = ES_ARRAY_LEN(head) - (thread_request_id == NULL);
    ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
    (void)!es_buf_reserve(&line, FIRST_LINE_SIZE);
    es_buf_add_str(&line, "\n{");
    bool whole = true;
    for (size_t i = 0; i < head_count; i++) {
        whole = add_field(&line, &head[i]) && whole;
    }
    for (const struct es_field *field = fields; field->type != ES_FIELD_END; field++) {
        whole = add_field(&line, field) && whole;
    }
    es_buf_add_str(&line, whole ? LINE_END : LINE_END_CUT);
    write_line(&line);
    errno = saved_errno;
}

bool es_log_paced(struct es_log_pace *pace, int64_t *ret_unsaid)
{
    int64_t now_us = es_clock_mono_us();
    long long said_us = atomic_load(&pace->said_us);
    if ((said_us != 0 && now_us - said_us < ES_US_PER_S) ||
        !atomic_compare_exchange_strong(&pace->said_us, &said_us, now_us)) {
        atomic_fetch_add(&pace->unsaid, 1);
        return false;
    }
    *ret_unsaid = atomic_exchange(&pace->unsaid, 0);
    return true;
}

uint64_t es_log_broken_count(void)
{
    return atomic_load(&broken_lines);
}

uint64_t es_log_lost_count(void)
{
    return atomic_load(&lost_lines);
}

bool es_bug_on(bool condition, const char *what)
{
    if (!condition) {
        return false;
    }
    es_log(ES_LOG_BROKEN, "bug", es_f_text("what", what));
    if (atomic_load(&abort_on_bugs)) {
        abort();
    }
    return true;
}

void es_bug_set_abort(bool abort_on_bug)
{
    atomic_store(&abort_on_bugs, abort_on_bug);
}
