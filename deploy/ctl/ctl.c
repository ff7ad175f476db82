#include "deploy/ctl/ctl.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/text.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS   5000
#define STATEMENT_TIMEOUT_MS 600000 /* what the role eldersafe_admin has as well */
#define ACTOR_PREFIX         "operator:"

void es_ctl_error(const char *format, ...)
{
    va_list args;
    ES_CLEANUP(es_free_p) char *text = NULL;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        text = NULL;
        return;
    }
    while (length > 0 && text[length - 1] == '\n') { /* of lines that a library appended */
        text[--length] = '\0';
    }
    (void)fflush(stdout); /* so that the two streams read in order */
    (void)fprintf(stderr, "eldersafectl: %s\n", text);
}

const char *es_ctl_setting(const char *given, const char *name)
{
    if (given != NULL) {
        return given;
    }
    const char *configured = getenv(name);
    return configured != NULL && configured[0] != '\0' ? configured : NULL;
}

const char *es_ctl_database(const char *given)
{
    const char *database = es_ctl_setting(given, "ELDERSAFE_DATABASE");
    return database != NULL ? database : "";
}

static void print_help(const struct es_ctl_command *self, const struct es_ctl_option *options,
                       size_t count)
{
    (void)printf("usage: eldersafectl %s %s\n\n%s\n\n", self->name, self->arguments, self->summary);
    for (size_t i = 0; i < count; i++) {
        ES_CLEANUP(es_buf_done) struct es_buf left = ES_BUF_INIT;
        es_buf_printf(&left, "%s %s", options[i].name, options[i].value ? options[i].value : "");
        (void)printf("  %-28s %s\n", es_buf_str(&left), options[i].help);
    }
}

/* True when ARGUMENT is OPTION; *RET_VALUE is what follows its '=', or NULL. */
static bool is_option(const struct es_ctl_option *option, const char *argument,
                      const char **ret_value)
{
    size_t length = strlen(option->name);
    if (!es_starts_with(argument, option->name) ||
        (argument[length] != '\0' && argument[length] != '=')) {
        return false;
    }
    *ret_value = argument[length] == '=' ? argument + length + 1 : NULL;
    return true;
}

/* The first argument without a name that has no value yet. */
static const struct es_ctl_option *next_plain(const struct es_ctl_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options[i].name[0] != '-' && *options[i].text == NULL) {
            return &options[i];
        }
    }
    return NULL;
}

static const struct es_ctl_option *find_option(const struct es_ctl_option *options, size_t count,
                                               const char *argument, const char **ret_value)
{
    if (argument[0] != '-' || argument[1] == '\0') { /* "-" stands for standard input */
        *ret_value = argument;
        return next_plain(options, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_option(&options[i], argument, ret_value)) {
            return &options[i];
        }
    }
    return NULL;
}

/* Take the option at ARGV[*AT] and, where its value is an argument of its own, that one too. */
static bool take_option(const struct es_ctl_option *option, const char *value, int argc,
                        char **argv, int *at)
{
    if (option->flag != NULL) {
        *option->flag = true;
        return value == NULL;
    }
    if (value == NULL && *at + 1 < argc) {
        value = argv[++*at];
    }
    if (value == NULL) {
        return false;
    }
    *option->text = value;
    return true;
}

bool es_ctl_parse(const struct es_ctl_command *self, const struct es_ctl_option *options,
                  size_t count, int argc, char **argv, enum es_exit *ret_status)
{
    *ret_status = ES_EXIT_USAGE;
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], "--help") == 0) {
            print_help(self, options, count);
            *ret_status = ES_EXIT_OK;
            return false;
        }
        const struct es_ctl_option *option = find_option(options, count, argv[i], &value);
        if (option == NULL) {
            es_ctl_error("%s: unknown argument %s; --help lists them", self->name, argv[i]);
            return false;
        }
        if (!take_option(option, value, argc, argv, &i)) {
            es_ctl_error("%s: %s %s", self->name, option->name,
                         option->flag != NULL ? "takes no value" : "needs a value");
            return false;
        }
    }
    *ret_status = ES_EXIT_OK;
    return true;
}

bool es_ctl_given(const struct es_ctl_command *self, const char *what, const char *value)
{
    if (value == NULL) {
        es_ctl_error("%s: %s is needed; --help tells more", self->name, what);
    }
    return value != NULL;
}

bool es_ctl_number(const struct es_ctl_command *self, const char *option, const char *text,
                   int64_t least, int64_t most, int64_t *ret_number)
{
    int64_t number = 0;
    if (!es_parse_i64(text, &number) || number < least || number > most) {
        es_ctl_error("%s: %s must be a whole number from %" PRId64 " to %" PRId64, self->name,
                     option, least, most);
        return false;
    }
    *ret_number = number;
    return true;
}

/* --- the database -------------------------------------------------------------------------- */
static enum es_exit check_schema(struct es_db *db)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    enum es_db_result result = es_db_connect(db, &error);
    if (result == ES_DB_OK) {
        result = es_db_check_schema(db, &error);
    }
    if (result == ES_DB_OK) {
        return ES_EXIT_OK;
    }
    es_ctl_error("%s", es_buf_str(&error));
    return result == ES_DB_CHECK ? ES_EXIT_SCHEMA : ES_EXIT_FAILED;
}

struct es_db *es_ctl_db_new(const char *database, const struct es_ctl_command *self,
                            int64_t statement_timeout_ms,
                            const struct es_db_statement *const *statements, size_t count)
{
    ES_CLEANUP(es_buf_done) struct es_buf name = ES_BUF_INIT;
    es_buf_printf(&name, "eldersafectl %s", self->name);
    struct es_db_config config = {
        .conninfo = es_ctl_database(database),
        .application_name = es_buf_str(&name),
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .statement_timeout_ms = statement_timeout_ms,
    };
    return es_db_new(&config, statements, count);
}

struct es_db *es_ctl_connect(const char *database, const struct es_ctl_command *self,
                             const struct es_db_statement *const *statements, size_t count,
                             enum es_exit *ret_status)
{
    struct es_db *db = es_ctl_db_new(database, self, STATEMENT_TIMEOUT_MS, statements, count);
    *ret_status = check_schema(db);
    return *ret_status == ES_EXIT_OK ? db : es_db_free(db);
}

void es_ctl_disconnect(struct es_db **db)
{
    *db = es_db_free(*db);
}

enum es_exit es_ctl_db_failed(const struct es_db *db, const char *what)
{
    es_ctl_error("%s: %s", what, es_db_error(db));
    return ES_EXIT_FAILED;
}

void es_ctl_actor(char ret_actor[ES_CTL_ACTOR_SIZE])
{
    const struct passwd *entry = getpwuid(getuid());
    if (entry != NULL) {
        (void)snprintf(ret_actor, ES_CTL_ACTOR_SIZE, ACTOR_PREFIX "%s", entry->pw_name);
    } else {
        (void)snprintf(ret_actor, ES_CTL_ACTOR_SIZE, ACTOR_PREFIX "%u", getuid());
    }
}
