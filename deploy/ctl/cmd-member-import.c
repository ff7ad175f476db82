#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deploy/ctl/csv.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/members.h"
#include "deploy/ctl/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define REJECTS_MODE (S_IRUSR | S_IWUSR)

static const struct es_db_statement *const statements[] = {&es_members_add_statement};

enum column { COLUMN_NUMBER, COLUMN_EMAIL, COLUMN_ZONE, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {
    [COLUMN_NUMBER] = "number",
    [COLUMN_EMAIL] = "email",
    [COLUMN_ZONE] = "zone",
};
#define NO_COLUMN SIZE_MAX

struct import {
    struct es_csv *csv;
    struct es_member_batch *batch;
    struct es_member_result *results;
    struct es_db *db;
    struct es_progress *progress;
    FILE *rejects;
    size_t columns[COLUMN_COUNT]; /* where each stands in a record, or NO_COLUMN */
    char actor[ES_CTL_ACTOR_SIZE];
    uint64_t outcomes[ES_MEMBER_CONFLICT + 1];
    uint64_t bad;
};

struct arguments {
    const char *path;
    const char *rejects;
    const char *database;
    const char *lookup;
    const char *notify;
};

/* --- what could not be entered ------------------------------------------------------------- */
static void reject(struct import *import, uint64_t line, const char *why)
{
    (void)fprintf(import->rejects, "line %" PRIu64 ": %s\n", line, why);
}

/* --- the header ---------------------------------------------------------------------------- */
static size_t column_of(const char *name)
{
    size_t column = 0;
    while (column < COLUMN_COUNT && strcasecmp(column_names[column], name) != 0) {
        column++;
    }
    return column;
}

/* The first line: the names of the columns, in any order. */
static bool read_header(struct import *import)
{
    struct es_csv_record record;
    if (es_csv_next(import->csv, &record) != ES_CSV_RECORD) {
        es_ctl_error("member import: the file does not begin with a line of column names");
        return false;
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        import->columns[i] = NO_COLUMN;
    }
    for (size_t i = 0; i < record.count; i++) {
        size_t column = column_of(record.fields[i]);
        if (column == COLUMN_COUNT || import->columns[column] != NO_COLUMN) {
            es_ctl_error("member import: column %zu is none of number, email and zone, or is there"
                         " twice",
                         i + 1);
            return false;
        }
        import->columns[column] = i;
    }
    if (import->columns[COLUMN_NUMBER] == NO_COLUMN || import->columns[COLUMN_EMAIL] == NO_COLUMN) {
        es_ctl_error("member import: the columns number and email are needed");
        return false;
    }
    return true;
}

/* --- rows ---------------------------------------------------------------------------------- */
static const char *field(const struct import *import, const struct es_csv_record *record,
                         enum column column)
{
    size_t at = import->columns[column];
    return at < record->count ? record->fields[at] : NULL;
}

static const char *take_record(struct import *import, const struct es_csv_record *record)
{
    const char *number = field(import, record, COLUMN_NUMBER);
    const char *email = field(import, record, COLUMN_EMAIL);
    if (record->problem != NULL) {
        return record->problem;
    }
    if (number == NULL || email == NULL) {
        return "too few fields";
    }
    return es_member_batch_add(import->batch, record->line, number, email,
                               field(import, record, COLUMN_ZONE));
}

static enum es_exit send(struct import *import)
{
    size_t count = es_member_batch_count(import->batch);
    if (es_member_batch_send(import->batch, import->db, import->actor, import->results) !=
        ES_DB_OK) {
        return es_ctl_db_failed(import->db, "member import stopped, start it again with the same"
                                            " file");
    }
    for (size_t i = 0; i < count; i++) {
        import->outcomes[import->results[i].outcome]++;
        if (import->results[i].outcome == ES_MEMBER_CONFLICT) {
            reject(import, import->results[i].tag,
                   "the number or the mail address belongs to another member");
        }
    }
    return ES_EXIT_OK;
}

static uint64_t seen(const struct import *import)
{
    return import->outcomes[ES_MEMBER_ADDED] + import->outcomes[ES_MEMBER_EXISTS] +
           import->outcomes[ES_MEMBER_CONFLICT] + import->bad +
           es_member_batch_count(import->batch);
}

static enum es_exit read_rows(struct import *import)
{
    struct es_csv_record record;
    enum es_csv_result result;
    while ((result = es_csv_next(import->csv, &record)) == ES_CSV_RECORD || result == ES_CSV_BAD) {
        const char *problem = take_record(import, &record);
        if (problem != NULL) {
            import->bad++;
            reject(import, record.line, problem);
        }
        if (es_member_batch_count(import->batch) == ES_MEMBER_BATCH_MAX &&
            send(import) != ES_EXIT_OK) {
            return ES_EXIT_FAILED;
        }
        es_progress_show(import->progress, es_csv_position(import->csv), seen(import));
    }
    if (result == ES_CSV_UNREADABLE) {
        es_ctl_error("member import: %s", strerror(errno));
        return ES_EXIT_FAILED;
    }
    return es_member_batch_count(import->batch) > 0 ? send(import) : ES_EXIT_OK;
}

/* --- the command --------------------------------------------------------------------------- */
static ssize_t read_file(void *context, void *buffer, size_t size)
{
    const int *fd = context;
    return read(*fd, buffer, size);
}

static uint64_t size_of(int fd)
{
    struct stat facts;
    return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) ? (uint64_t)facts.st_size : 0;
}

static enum es_exit report(struct import *import)
{
    double seconds = (double)es_progress_took_us(import->progress) / (double)ES_US_PER_S;
    import->progress = es_progress_end(import->progress);
    (void)printf("%" PRIu64 " added, %" PRIu64 " there already, %" PRIu64
                 " in conflict with others, %" PRIu64 " bad lines (%.1f s)\n",
                 import->outcomes[ES_MEMBER_ADDED], import->outcomes[ES_MEMBER_EXISTS],
                 import->outcomes[ES_MEMBER_CONFLICT], import->bad, seconds);
    if (fflush(import->rejects) != 0 || ferror(import->rejects)) {
        es_ctl_error("member import: the list of rejected lines could not be written");
        return ES_EXIT_FAILED;
    }
    return import->bad + import->outcomes[ES_MEMBER_CONFLICT] == 0 ? ES_EXIT_OK : ES_EXIT_FAILED;
}

static enum es_exit run(struct import *import, int fd)
{
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_file, &fd);
    ES_CLEANUP(es_free_p)
    struct es_member_result *results = es_calloc(ES_MEMBER_BATCH_MAX, sizeof(*results));
    import->csv = csv;
    import->results = results;
    es_ctl_actor(import->actor);
    if (!read_header(import)) {
        return ES_EXIT_FAILED;
    }
    import->progress = es_progress_start("members", size_of(fd));
    enum es_exit status = read_rows(import);
    enum es_exit verdict = report(import);
    return status != ES_EXIT_OK ? status : verdict;
}

static int open_input(const char *path)
{
    return strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
}

/* Where rejects go: a new file, or standard error. */
static FILE *open_rejects(const char *path)
{
    if (path == NULL) {
        return fdopen(dup(STDERR_FILENO), "w");
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, REJECTS_MODE);
    return fd >= 0 ? fdopen(fd, "w") : NULL;
}

static enum es_exit import_file(const struct es_ctl_command *self,
                                const struct arguments *arguments,
                                const struct es_member_keys *keys)
{
    enum es_exit status;
    struct import import = {0};
    ES_CLEANUP(es_close_p) int fd = open_input(arguments->path);
    if (fd < 0) {
        es_ctl_error("%s: %s", arguments->path, strerror(errno));
        return ES_EXIT_FAILED;
    }
    ES_CLEANUP(es_fclose_p) FILE *rejects = open_rejects(arguments->rejects);
    if (rejects == NULL) {
        es_ctl_error("%s: %s", arguments->rejects, strerror(errno));
        return ES_EXIT_FAILED;
    }
    (void)setvbuf(rejects, NULL, _IOLBF, 0);
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(arguments->database, self, statements, ES_ARRAY_LEN(statements), &status);
    if (db == NULL) {
        return status;
    }
    ES_CLEANUP(es_member_batch_free_p) struct es_member_batch *batch = es_member_batch_new(keys);
    import.db = db;
    import.batch = batch;
    import.rejects = rejects;
    return run(&import, fd);
}

enum es_exit es_ctl_member_import(const struct es_ctl_command *self, int argc, char **argv)
{
    struct arguments arguments = {0};
    const struct es_ctl_option options[] = {
        {"FILE", NULL, "CSV with a line of names: number,email[,zone] (-: standard input)",
         &arguments.path, NULL},
        {"--rejects", "FILE", "list lines that were not entered here, not on standard error",
         &arguments.rejects, NULL},
        {"--lookup-key", "FILE", "instead of $ELDERSAFE_LOOKUP_KEY_FILE", &arguments.lookup, NULL},
        {"--notify-key", "FILE", "instead of $ELDERSAFE_NOTIFY_PUBLIC_KEY_FILE", &arguments.notify,
         NULL},
        ES_CTL_DATABASE(&arguments.database),
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    if (!es_ctl_given(self, "FILE", arguments.path)) {
        return ES_EXIT_USAGE;
    }
    struct es_member_keys keys;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    if (!es_member_keys_load(arguments.lookup, arguments.notify, &keys, &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return ES_EXIT_CONFIG;
    }
    status = import_file(self, &arguments, &keys);
    sodium_memzero(&keys, sizeof(keys));
    return status;
}
