#include "deploy/ctl/ctl.h"

#include "common/base/buf.h"
#include "common/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void es_ctl_error(const char *format, ...)
{
    va_list args;
    (void)fflush(stdout); /* so that the two streams read in order */
    (void)fputs("eldersafectl: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

const char *es_ctl_database(const char *given)
{
    if (given != NULL) {
        return given;
    }
    const char *configured = getenv("ELDERSAFE_DATABASE");
    return configured != NULL ? configured : "";
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

static const struct es_ctl_option *find_option(const struct es_ctl_option *options, size_t count,
                                               const char *argument, const char **ret_value)
{
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

enum es_ctl_parsed es_ctl_options(const struct es_ctl_command *self,
                                  const struct es_ctl_option *options, size_t count, int argc,
                                  char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], "--help") == 0) {
            print_help(self, options, count);
            return ES_CTL_HELP;
        }
        const struct es_ctl_option *option = find_option(options, count, argv[i], &value);
        if (option == NULL) {
            es_ctl_error("%s: unknown argument %s; --help lists them", self->name, argv[i]);
            return ES_CTL_WRONG;
        }
        if (!take_option(option, value, argc, argv, &i)) {
            es_ctl_error("%s: %s %s", self->name, option->name,
                         option->flag != NULL ? "takes no value" : "needs a value");
            return ES_CTL_WRONG;
        }
    }
    return ES_CTL_GO_ON;
}
