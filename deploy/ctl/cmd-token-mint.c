#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/crypto/keyfile.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/members.h"
#include "deploy/ctl/mint.h"
#include "deploy/ctl/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED_SIZE          32
#define DEFAULT_ISSUER     "eldersafe"
#define SESSION_LIFETIME_S 86400     /* as eldersafe-core gives them */
#define DEVICE_LIFETIME_S  157680000 /* 5 years */
#define LONGEST_LIFETIME_S 315360000
#define MOST_TOKENS        100000000
#define TOKENS_MODE        (S_IRUSR | S_IWUSR)

const struct es_db_statement es_mint_members_statement = {
    .name = "mint_members",
    .params = "ii",
    .sql = "SELECT member_id, public_id FROM core.members"
           " WHERE member_id > $1 AND contract_state = 'active' ORDER BY member_id LIMIT $2",
};

static const struct es_db_statement *const statements[] = {
    &es_mint_members_statement,
    &es_mint_sessions_statement,
    &es_members_find_statement,
};

struct wish {
    const char *number;
    const char *count_text;
    const char *path;
    const char *scope_name;
    const char *lifetime_text;
    const char *token_key;
    const char *lookup_key;
    const char *issuer;
    const char *database;
    int64_t count;
};

/* --- one ----------------------------------------------------------------------------------- */
static enum es_exit mint_one(const struct es_mint *mint, struct es_db *db, const struct wish *wish)
{
    struct es_lookup_key key;
    struct es_member member;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    if (!es_lookup_key_load(wish->lookup_key, &key, &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return ES_EXIT_CONFIG;
    }
    enum es_db_result result = es_member_find(db, &key, wish->number, &member);
    sodium_memzero(&key, sizeof(key));
    if (result == ES_DB_NO_ROW) {
        es_ctl_error("token mint: there is no active member with this number");
        return ES_EXIT_FAILED;
    }
    ES_CLEANUP(es_buf_done) struct es_buf token = ES_BUF_INIT;
    if (result == ES_DB_OK) {
        result = es_mint_tokens(mint, db, &member, 1, &token);
    }
    if (result != ES_DB_OK) {
        return es_ctl_db_failed(db, "token mint");
    }
    (void)fputs(es_buf_str(&token), stdout);
    sodium_memzero(token.data, token.length);
    return ES_EXIT_OK;
}

/* --- many ---------------------------------------------------------------------------------- */
static enum es_db_result read_members(struct es_db *db, int64_t after, int64_t limit,
                                      struct es_member *ret_members, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &es_mint_members_statement, &rows, after, limit);
    if (result != ES_DB_OK) {
        return result;
    }
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        size_t length = 0;
        const void *public_id = es_db_bytea(rows, i, "public_id", &length);
        ret_members[i].member_id = es_db_i64(rows, i, "member_id");
        memcpy(ret_members[i].public_id, public_id, sizeof(ret_members[i].public_id));
    }
    *ret_count = es_db_row_count(rows);
    return ES_DB_OK;
}

/* The next tokens, at most LIMIT, into FILE; *COUNT is how many, 0 when no member is left. */
static enum es_exit mint_batch(const struct es_mint *mint, struct es_db *db, FILE *file,
                               int64_t limit, int64_t *after, size_t *ret_count)
{
    ES_CLEANUP(es_buf_done) struct es_buf tokens = ES_BUF_INIT;
    ES_CLEANUP(es_free_p)
    struct es_member *members = es_calloc(ES_MINT_BATCH_MAX, sizeof(*members));
    size_t count = 0;
    enum es_db_result result = read_members(db, *after, limit, members, &count);
    if (result == ES_DB_OK && count > 0) {
        result = es_mint_tokens(mint, db, members, count, &tokens);
    }
    if (result != ES_DB_OK) {
        return es_ctl_db_failed(db, "token mint");
    }
    size_t written = fwrite(es_buf_str(&tokens), 1, tokens.length, file);
    if (tokens.length > 0) {
        sodium_memzero(tokens.data, tokens.length);
    }
    if (written != tokens.length) {
        es_ctl_error("token mint: %s", strerror(errno));
        return ES_EXIT_FAILED;
    }
    *after = count > 0 ? members[count - 1].member_id : *after;
    *ret_count = count;
    return ES_EXIT_OK;
}

static enum es_exit mint_file(const struct es_mint *mint, struct es_db *db, const struct wish *wish,
                              FILE *file)
{
    ES_CLEANUP(es_progress_end_p)
    struct es_progress *progress = es_progress_start("tokens", (uint64_t)wish->count);
    int64_t after = 0;
    int64_t made = 0;
    size_t count = 1;
    while (made < wish->count && count > 0) {
        int64_t left = wish->count - made;
        int64_t limit = left < ES_MINT_BATCH_MAX ? left : ES_MINT_BATCH_MAX;
        if (mint_batch(mint, db, file, limit, &after, &count) != ES_EXIT_OK) {
            return ES_EXIT_FAILED;
        }
        made += (int64_t)count;
        es_progress_show(progress, (uint64_t)made, (uint64_t)made);
    }
    if (fflush(file) != 0) {
        es_ctl_error("%s: %s", wish->path, strerror(errno));
        return ES_EXIT_FAILED;
    }
    double seconds = (double)es_progress_took_us(progress) / (double)ES_US_PER_S;
    progress = es_progress_end(progress);
    (void)printf("%" PRId64 " tokens (%.1f s)\n", made, seconds);
    if (made < wish->count) {
        es_ctl_error("token mint: there are no more active members than %" PRId64, made);
    }
    return made < wish->count ? ES_EXIT_FAILED : ES_EXIT_OK;
}

static enum es_exit mint_many(const struct es_mint *mint, struct es_db *db, const struct wish *wish)
{
    int fd = open(wish->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, TOKENS_MODE);
    /* A file that was there keeps its mode: these are secrets. */
    ES_CLEANUP(es_fclose_p)
    FILE *file = fd >= 0 && fchmod(fd, TOKENS_MODE) == 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        es_ctl_error("%s: %s", wish->path, strerror(errno));
        es_close_p(&fd);
        return ES_EXIT_FAILED;
    }
    return mint_file(mint, db, wish, file);
}

/* --- the command --------------------------------------------------------------------------- */
static struct es_signer *load_signer(const char *given)
{
    unsigned char seed[SEED_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    const char *path = es_ctl_setting(given, "ELDERSAFE_TOKEN_KEY_FILE");
    if (path == NULL) {
        es_ctl_error("ELDERSAFE_TOKEN_KEY_FILE is not set");
        return NULL;
    }
    if (!es_keyfile_read(path, seed, sizeof(seed), &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return NULL;
    }
    struct es_signer *signer = es_signer_new(seed);
    sodium_memzero(seed, sizeof(seed));
    return signer;
}

static bool read_wish(const struct es_ctl_command *self, struct wish *wish, struct es_mint *mint)
{
    bool is_session = strcmp(wish->scope_name, "session") == 0;
    bool one = wish->number != NULL && wish->count_text == NULL && wish->path == NULL;
    bool many = wish->number == NULL && wish->count_text != NULL && wish->path != NULL;
    if (!one && !many) {
        es_ctl_error("token mint: either --member-number, or --count and --out");
        return false;
    }
    if (!is_session && strcmp(wish->scope_name, "signal") != 0) {
        es_ctl_error("token mint: --scope must be signal or session");
        return false;
    }
    mint->scope = is_session ? ES_SCOPE_SESSION : ES_SCOPE_SIGNAL;
    mint->lifetime_s = is_session ? SESSION_LIFETIME_S : DEVICE_LIFETIME_S;
    return (wish->lifetime_text == NULL || es_ctl_number(self, "--lifetime", wish->lifetime_text, 1,
                                                         LONGEST_LIFETIME_S, &mint->lifetime_s)) &&
           (!many ||
            es_ctl_number(self, "--count", wish->count_text, 1, MOST_TOKENS, &wish->count));
}

static enum es_exit mint_tokens(const struct es_ctl_command *self, const struct wish *wish,
                                struct es_mint *mint)
{
    enum es_exit status;
    char actor[ES_CTL_ACTOR_SIZE];
    es_ctl_actor(actor);
    mint->actor = actor;
    mint->issuer = es_ctl_setting(wish->issuer, "ELDERSAFE_ISSUER");
    if (mint->issuer == NULL) {
        mint->issuer = DEFAULT_ISSUER;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(wish->database, self, statements, ES_ARRAY_LEN(statements), &status);
    if (db == NULL) {
        return status;
    }
    return wish->number != NULL ? mint_one(mint, db, wish) : mint_many(mint, db, wish);
}

enum es_exit es_ctl_token_mint(const struct es_ctl_command *self, int argc, char **argv)
{
    struct wish wish = {.scope_name = "signal"};
    struct es_mint mint = {0};
    const struct es_ctl_option options[] = {
        {"--member-number", "NUMBER", "one token for this member, to standard output", &wish.number,
         NULL},
        {"--count", "N", "a token for each of the first N members", &wish.count_text, NULL},
        {"--out", "FILE", "where those go, one a line", &wish.path, NULL},
        {"--scope", "signal|session", "what the token may do (default signal)", &wish.scope_name,
         NULL},
        {"--lifetime", "SECONDS", "default: a day for session, 5 years for signal",
         &wish.lifetime_text, NULL},
        {"--issuer", "NAME", "instead of $ELDERSAFE_ISSUER (default eldersafe)", &wish.issuer,
         NULL},
        {"--token-key", "FILE", "instead of $ELDERSAFE_TOKEN_KEY_FILE", &wish.token_key, NULL},
        {"--lookup-key", "FILE", "instead of $ELDERSAFE_LOOKUP_KEY_FILE", &wish.lookup_key, NULL},
        ES_CTL_DATABASE(&wish.database),
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    if (!read_wish(self, &wish, &mint)) {
        return ES_EXIT_USAGE;
    }
    struct es_signer *signer = load_signer(wish.token_key);
    if (signer == NULL) {
        return ES_EXIT_CONFIG;
    }
    mint.signer = signer;
    status = mint_tokens(self, &wish, &mint);
    (void)es_signer_free(signer);
    return status;
}
