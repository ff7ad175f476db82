/* Unit tests of common/observe/log: whole lines, valid JSON, nothing secret (E122). */
#include "common/observe/log.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/tests/unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS          8
#define LINES_PER_THREAD 500
#define LARGEST_LOG      (8 << 20)

static char folder[] = "/tmp/eldersafe-log-XXXXXX";
static char *log_path;
static char *old_path;

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || asprintf(&log_path, "%s/log", folder) < 0 ||
        asprintf(&old_path, "%s/log.1", folder) < 0) {
        return -1;
    }
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(log_path);
    (void)unlink(old_path);
    free(log_path);
    free(old_path);
    return rmdir(folder);
}

static int open_fresh_log(void **state)
{
    (void)state;
    (void)unlink(log_path);
    (void)unlink(old_path);
    return es_log_open("eldersafe-test", ES_LOG_DEBUG, log_path) ? 0 : -1;
}

static int close_log(void **state)
{
    (void)state;
    es_log_close();
    es_log_set_request_id(NULL);
    return 0;
}

/* The content of PATH as a heap string; "" when there is no such file. */
static char *read_all(const char *path)
{
    char *text = es_calloc(LARGEST_LOG, 1);
    ES_CLEANUP(es_fclose_p) FILE *file = fopen(path, "re");
    if (file != NULL) {
        size_t length = fread(text, 1, LARGEST_LOG - 1, file);
        assert_true(length < LARGEST_LOG - 1);
    }
    return text;
}

/* Every line of TEXT parses as a JSON object; returns how many there are. */
static size_t count_json_lines(const char *text)
{
    size_t count = 0;
    for (const char *line = text; *line != '\0'; count++) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        json_t *object = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_is_object(object));
        json_decref(object);
        line = end + 1;
    }
    return count;
}

/* The one line of the log, parsed. */
static json_t *only_line(void)
{
    ES_CLEANUP(es_free_p) char *text = read_all(log_path);
    size_t length = strlen(text);
    assert_true(length > 0 && strchr(text, '\n') == text + length - 1);
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(object));
    return object;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void E122_a_line_says_when_who_what_and_for_which_request(void **state)
{
    (void)state;
    es_log_set_request_id("0192e1f0-0000-7000-8000-000000000001");
    es_log(ES_LOG_WARN, "signal.refused", es_f_text("reason", "too \"early\""),
           es_f_int("member", 42), es_f_bool("retry", true), es_f_ms("ms", 1500),
           es_f_hex("leaf", "\x0A\xFF", 2), es_f_text("nothing", NULL));
    json_t *line = only_line();
    assert_int_equal(strlen(text_of(line, "time")), strlen("2026-11-21T07:02:11.123Z"));
    assert_string_equal(text_of(line, "level"), "warn");
    assert_string_equal(text_of(line, "process"), "eldersafe-test");
    assert_string_equal(text_of(line, "event"), "signal.refused");
    assert_string_equal(text_of(line, "request_id"), "0192e1f0-0000-7000-8000-000000000001");
    assert_string_equal(text_of(line, "reason"), "too \"early\"");
    assert_int_equal(json_integer_value(json_object_get(line, "member")), 42);
    assert_true(json_is_true(json_object_get(line, "retry")));
    assert_true(json_real_value(json_object_get(line, "ms")) == 1.5);
    assert_string_equal(text_of(line, "leaf"), "0aff");
    assert_true(json_is_null(json_object_get(line, "nothing")));
    json_decref(line);
}

static void a_line_without_a_request_has_no_request_id(void **state)
{
    (void)state;
    es_log_plain(ES_LOG_INFO, "daemon.ready");
    json_t *line = only_line();
    assert_null(json_object_get(line, "request_id"));
    json_decref(line);
}

static void E122_J4_7_redacted_fields_show_nothing_of_what_they_stand_for(void **state)
{
    (void)state;
    const char *mail = "canary@example.org";
    assert_non_null(mail); /* it is at hand, but there is no way to pass it */
    es_log(ES_LOG_INFO, "login.asked", es_f_redacted("email"), es_f_redacted("token"));
    json_t *line = only_line();
    assert_string_equal(text_of(line, "email"), "[redacted]");
    assert_string_equal(text_of(line, "token"), "[redacted]");
    json_decref(line);
    /* Even a field made by hand with the secret in it. */
    struct es_field field = es_f_text("email", mail);
    field.type = ES_FIELD_REDACTED;
    es_log(ES_LOG_INFO, "login.asked", field);
    ES_CLEANUP(es_free_p) char *text = read_all(log_path);
    assert_null(strstr(text, "canary"));
}

static void E122_any_bytes_make_a_valid_line(void **state)
{
    (void)state;
    for (int byte = 1; byte <= 0xFF; byte++) {
        const char text[] = {(char)byte, 'x', (char)byte, '\0'};
        es_log(ES_LOG_INFO, text, es_f_text(text, text));
    }
    ES_CLEANUP(es_free_p) char *text = read_all(log_path);
    assert_int_equal(count_json_lines(text), 0xFF);
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char text[700];
    memset(text, 'a', 511);
    for (size_t i = 511; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xC3\xB8", 2); /* byte 512 is the middle of one */
    }
    text[697] = '\0';
    es_log(ES_LOG_INFO, "long", es_f_text("text", text));
    json_t *line = only_line();
    const char *kept = text_of(line, "text");
    assert_int_equal(strlen(kept), 511 + 3);
    assert_string_equal(kept + 511, "\xE2\x80\xA6");
    json_decref(line);
}

static void a_line_never_grows_beyond_what_a_pipe_takes_whole(void **state)
{
    (void)state;
    char quotes[600];
    memset(quotes, '"', sizeof(quotes) - 1);
    quotes[sizeof(quotes) - 1] = '\0';
    es_log(ES_LOG_INFO, "large", es_f_text("a", quotes), es_f_text("b", quotes),
           es_f_text("c", quotes), es_f_text("d", quotes), es_f_int("e", 5));
    ES_CLEANUP(es_free_p) char *text = read_all(log_path);
    assert_true(strlen(text) <= ES_LOG_LINE_MAX);
    json_t *line = only_line();
    assert_non_null(json_object_get(line, "c"));
    assert_null(json_object_get(line, "d"));
    assert_int_equal(json_integer_value(json_object_get(line, "e")), 5);
    assert_true(json_is_true(json_object_get(line, "cut")));
    json_decref(line);
}

static void lines_below_the_level_are_not_written_but_broken_ones_are_counted(void **state)
{
    (void)state;
    uint64_t broken = es_log_broken_count();
    assert_true(es_log_open("eldersafe-test", ES_LOG_WARN, log_path));
    es_log_plain(ES_LOG_INFO, "unseen");
    es_log_plain(ES_LOG_WARN, "seen");
    es_log_plain(ES_LOG_BROKEN, "seen");
    ES_CLEANUP(es_free_p) char *text = read_all(log_path);
    assert_null(strstr(text, "unseen"));
    assert_non_null(strstr(text, "\"level\":\"broken\""));
    assert_int_equal(count_json_lines(text), 2);
    assert_int_equal(es_log_broken_count(), broken + 1);
    enum es_log_level level = ES_LOG_DEBUG;
    assert_true(es_log_level_parse("warn", &level));
    assert_int_equal(level, ES_LOG_WARN);
    assert_false(es_log_level_parse("WARN", &level));
}

static void *write_many(void *context)
{
    char text[400];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    es_log_set_request_id(context);
    for (int i = 0; i < LINES_PER_THREAD; i++) {
        es_log(ES_LOG_INFO, "thread.line", es_f_int("number", i), es_f_text("text", text));
    }
    return NULL;
}

static void start_writers(pthread_t threads[THREADS])
{
    static char ids[] = "abcdefgh";
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &ids[i]), 0);
    }
}

static void join_writers(pthread_t threads[THREADS])
{
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

/* Reads everything that comes through a pipe until its other end is closed. */
static void *drain_pipe(void *context)
{
    int fd = *(int *)context;
    char *text = es_calloc(LARGEST_LOG, 1);
    size_t length = 0;
    ssize_t got = 0;
    while ((got = read(fd, text + length, LARGEST_LOG - 1 - length)) > 0) {
        length += (size_t)got;
    }
    return text;
}

static void E122_lines_of_many_threads_never_mix_even_in_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    pthread_t writers[THREADS];
    pthread_t reader;
    void *text = NULL;
    uint64_t lost = es_log_lost_count();
    assert_int_equal(pipe(ends), 0);
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    es_buf_printf(&path, "/dev/fd/%d", ends[1]);
    assert_true(es_log_open("eldersafe-test", ES_LOG_DEBUG, es_buf_str(&path)));
    assert_int_equal(pthread_create(&reader, NULL, drain_pipe, &ends[0]), 0);
    start_writers(writers);
    join_writers(writers);
    es_log_close();
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(pthread_join(reader, &text), 0);
    /* A reader that does not keep up loses lines, never halves of them. */
    assert_int_equal(count_json_lines(text) + es_log_lost_count() - lost,
                     THREADS * LINES_PER_THREAD);
    free(text);
    (void)close(ends[0]);
}

#define MANY 400 /* lines, of some 600 bytes: more than a pipe or a socket holds */

static void *write_long_lines(void *context)
{
    (void)context;
    char text[513] = "";
    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 0; i < MANY / THREADS; i++) {
        es_log(ES_LOG_INFO, "long", es_f_text("text", text));
    }
    return NULL;
}

/* Many threads write to standard error, which is ENDS[1] and which nobody reads. */
static void nobody_reads(const int ends[2])
{
    pthread_t writers[THREADS];
    char *text = es_calloc(LARGEST_LOG, 1);
    uint64_t lost = es_log_lost_count();
    int own_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    assert_true(es_log_open("eldersafe-test", ES_LOG_DEBUG, NULL));
    (void)alarm(10); /* a line that is waited for is waited for for ever */
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&writers[i], NULL, write_long_lines, NULL), 0);
    }
    join_writers(writers);
    (void)alarm(0);
    assert_int_equal(dup2(own_stderr, STDERR_FILENO), STDERR_FILENO);
    (void)close(own_stderr);
    (void)close(ends[1]);
    lost = es_log_lost_count() - lost;
    assert_in_range(lost, 1, MANY - 1);
    for (ssize_t got = 1, at = 0; got > 0; at += got) {
        got = read(ends[0], text + at, LARGEST_LOG - 1 - (size_t)at);
    }
    (void)close(ends[0]);
    char *torn = strrchr(text, '\n');
    assert_non_null(torn);
    torn[1] = '\0'; /* a socket may have taken the beginning of the last one */
    assert_int_equal(count_json_lines(text) + lost, MANY);
    free(text);
}

static void a_reader_that_does_not_read_holds_up_nobody(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    nobody_reads(ends);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    nobody_reads(ends);
}

static void E122_reopening_after_a_rotation_loses_no_line(void **state)
{
    (void)state;
    pthread_t writers[THREADS];
    start_writers(writers);
    assert_int_equal(rename(log_path, old_path), 0);
    assert_true(es_log_open("eldersafe-test", ES_LOG_DEBUG, log_path));
    es_log_plain(ES_LOG_INFO, "after.rotation");
    join_writers(writers);
    ES_CLEANUP(es_free_p) char *before = read_all(old_path);
    ES_CLEANUP(es_free_p) char *after = read_all(log_path);
    assert_non_null(strstr(after, "after.rotation"));
    assert_int_equal(count_json_lines(before) + count_json_lines(after),
                     THREADS * LINES_PER_THREAD + 1);
}

static void a_log_that_cannot_be_opened_changes_nothing(void **state)
{
    (void)state;
    assert_false(es_log_open("other", ES_LOG_BROKEN, "/nonexistent/folder/log"));
    es_log_plain(ES_LOG_INFO, "still.here");
    json_t *line = only_line();
    assert_string_equal(text_of(line, "process"), "eldersafe-test");
    json_decref(line);
}

static void a_full_disk_tears_one_line_and_no_other(void **state)
{
    (void)state;
    uint64_t lost = es_log_lost_count();
    struct rlimit whole;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    es_log_plain(ES_LOG_INFO, "before");
    ES_CLEANUP(es_free_p) char *before = read_all(log_path);
    struct rlimit full = {.rlim_cur = strlen(before) + 20, .rlim_max = whole.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    es_log_plain(ES_LOG_INFO, "torn");
    es_log_plain(ES_LOG_INFO, "lost");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    es_log_plain(ES_LOG_INFO, "after");
    assert_int_equal(es_log_lost_count(), lost + 2);
    ES_CLEANUP(es_free_p) char *text = read_all(log_path);
    const char *last = strstr(text, "\n{\"time\"");
    assert_non_null(last);
    last = strstr(last + 1, "\n{\"time\"");
    assert_non_null(last);
    assert_non_null(strstr(last, "\"after\""));
}

static void a_bug_is_logged_and_ends_the_process_only_when_told_to(void **state)
{
    (void)state;
    assert_false(es_bug_on(false, "nothing wrong"));
    assert_true(es_bug_on(true, "one leaf too many"));
    json_t *line = only_line();
    assert_string_equal(text_of(line, "level"), "broken");
    assert_string_equal(text_of(line, "what"), "one leaf too many");
    json_decref(line);
    pid_t child = fork();
    if (child == 0) {
        es_bug_set_abort(true);
        (void)signal(SIGABRT, SIG_DFL);
        (void)!es_bug_on(true, "in the child");
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, open_fresh_log, close_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(E122_a_line_says_when_who_what_and_for_which_request),
        WITH_LOG(a_line_without_a_request_has_no_request_id),
        WITH_LOG(E122_J4_7_redacted_fields_show_nothing_of_what_they_stand_for),
        WITH_LOG(E122_any_bytes_make_a_valid_line),
        WITH_LOG(long_texts_are_cut_between_characters),
        WITH_LOG(a_line_never_grows_beyond_what_a_pipe_takes_whole),
        WITH_LOG(lines_below_the_level_are_not_written_but_broken_ones_are_counted),
        WITH_LOG(E122_lines_of_many_threads_never_mix_even_in_a_pipe),
        WITH_LOG(a_reader_that_does_not_read_holds_up_nobody),
        WITH_LOG(E122_reopening_after_a_rotation_loses_no_line),
        WITH_LOG(a_log_that_cannot_be_opened_changes_nothing),
        WITH_LOG(a_full_disk_tears_one_line_and_no_other),
        WITH_LOG(a_bug_is_logged_and_ends_the_process_only_when_told_to),
    };
    return cmocka_run_group_tests_name("log", tests, make_folder, remove_folder);
}
