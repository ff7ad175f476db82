#include "common/base/mem.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/members.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

static const struct es_db_statement *const statements[] = {&es_members_add_statement};

struct wish {
    const char *number;
    const char *email;
    const char *zone;
};

static enum es_exit report(const struct es_member_result *result)
{
    static const char *const sentences[] = {
        [ES_MEMBER_ADDED] = "added",
        [ES_MEMBER_EXISTS] = "was there already",
    };
    if (result->outcome == ES_MEMBER_CONFLICT) {
        es_ctl_error("member add: the number or the mail address belongs to another member");
        return ES_EXIT_FAILED;
    }
    (void)printf("member %" PRId64 " %s\n", result->member_id, sentences[result->outcome]);
    return ES_EXIT_OK;
}

static enum es_exit add(const struct es_ctl_command *self, const struct wish *wish,
                        const char *database, const struct es_member_keys *keys)
{
    enum es_exit status;
    char actor[ES_CTL_ACTOR_SIZE];
    struct es_member_result result;
    ES_CLEANUP(es_member_batch_free_p) struct es_member_batch *batch = es_member_batch_new(keys);
    const char *problem = es_member_batch_add(batch, 0, wish->number, wish->email, wish->zone);
    if (problem != NULL) {
        es_ctl_error("member add: %s", problem);
        return ES_EXIT_FAILED;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(database, self, statements, ES_ARRAY_LEN(statements), &status);
    if (db == NULL) {
        return status;
    }
    es_ctl_actor(actor);
    if (es_member_batch_send(batch, db, actor, &result) != ES_DB_OK) {
        return es_ctl_db_failed(db, "member add");
    }
    return report(&result);
}

/* GIVEN, or else the next line of standard input into *LINE (heap); NULL when there is none. On the
 * command line it would be seen by others (ps) and kept in the shell's history. */
static const char *ask(const char *given, const char *what, char **line)
{
    size_t size = 0;
    if (given != NULL) {
        return given;
    }
    if (isatty(STDIN_FILENO)) {
        (void)fprintf(stderr, "%s: ", what);
    }
    ssize_t length = getline(line, &size, stdin);
    if (length > 0 && (*line)[length - 1] == '\n') {
        (*line)[--length] = '\0';
    }
    return length > 0 ? *line : NULL;
}

enum es_exit es_ctl_member_add(const struct es_ctl_command *self, int argc, char **argv)
{
    struct wish wish = {0};
    const char *database = NULL;
    const char *lookup = NULL;
    const char *notify = NULL;
    const struct es_ctl_option options[] = {
        {"--number", "NUMBER", "letters and digits; without it, asked for on standard input",
         &wish.number, NULL},
        {"--email", "ADDRESS", "mail address, kept sealed to eldersafe-notify; as --number",
         &wish.email, NULL},
        {"--zone", "ZONE", "time zone (default Europe/Copenhagen)", &wish.zone, NULL},
        {"--lookup-key", "FILE", "instead of $ELDERSAFE_LOOKUP_KEY_FILE", &lookup, NULL},
        {"--notify-key", "FILE", "instead of $ELDERSAFE_NOTIFY_PUBLIC_KEY_FILE", &notify, NULL},
        ES_CTL_DATABASE(&database),
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    ES_CLEANUP(es_free_p) char *number = NULL;
    ES_CLEANUP(es_free_p) char *email = NULL;
    wish.number = ask(wish.number, "member number", &number);
    if (!es_ctl_given(self, "--number", wish.number)) {
        return ES_EXIT_USAGE;
    }
    wish.email = ask(wish.email, "mail address", &email);
    if (!es_ctl_given(self, "--email", wish.email)) {
        return ES_EXIT_USAGE;
    }
    struct es_member_keys keys;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    if (!es_member_keys_load(lookup, notify, &keys, &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return ES_EXIT_CONFIG;
    }
    status = add(self, &wish, database, &keys);
    sodium_memzero(&keys, sizeof(keys));
    return status;
}
