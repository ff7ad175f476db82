#include "deploy/ctl/migrations.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUNCTIONS     "functions"
#define SQL_SUFFIX    ".sql"
#define NUMBER_DIGITS 4
#define INSTALLED     "/../share/eldersafe/migrations"
#define BUILT_FROM    "/../../migrations"

/* --- files --------------------------------------------------------------------------------- */
static void file_done(struct es_sql_file *file)
{
    free(file->schema);
    free(file->name);
    free(file->path);
    free(file->text);
}

static void files_done(struct es_sql_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        file_done(&files->items[i]);
    }
    free(files->items);
}

static void hex_sha256(const void *bytes, size_t length, char ret_text[ES_CHECKSUM_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, bytes, length);
    (void)sodium_bin2hex(ret_text, ES_CHECKSUM_SIZE, digest, sizeof(digest));
}

static bool read_all(const char *path, struct es_buf *out)
{
    ES_CLEANUP(es_fclose_p) FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    char bytes[BUFSIZ];
    size_t length = 0;
    while ((length = fread(bytes, 1, sizeof(bytes), file)) > 0) {
        es_buf_add(out, bytes, length);
    }
    return !ferror(file);
}

/* Read the file at PATH and append it to FILES; NAME is moved into it. */
static bool add_file(struct es_sql_files *files, int number, const char *schema, char *name,
                     const char *path, struct es_buf *error)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_sql_file file = {.number = number, .name = name};
    if (!read_all(path, &text)) {
        es_buf_printf(error, "cannot read %s: %s", path, strerror(errno));
        file_done(&file);
        return false;
    }
    if (!es_utf8_valid(text.data, text.length)) {
        es_buf_printf(error, "%s is not UTF-8 text", path);
        file_done(&file);
        return false;
    }
    hex_sha256(text.data, text.length, file.checksum);
    file.schema = es_strdup(schema);
    file.path = es_strdup(path);
    file.text = es_buf_steal_str(&text);
    files->items = es_reallocarray(files->items, files->count + 1, sizeof(file));
    files->items[files->count++] = file;
    return true;
}

static bool is_sql_name(const char *name)
{
    size_t length = strlen(name);
    size_t suffix = strlen(SQL_SUFFIX);
    return length > suffix && name[0] != '.' && strcmp(name + length - suffix, SQL_SUFFIX) == 0;
}

/* "0002-ledger.sql": 2 and "ledger" (heap). */
static bool read_numbered_name(const char *name, int *ret_number, char **ret_name)
{
    size_t length = strlen(name);
    if (length <= NUMBER_DIGITS + 1 + strlen(SQL_SUFFIX) || name[NUMBER_DIGITS] != '-') {
        return false;
    }
    int number = 0;
    for (size_t i = 0; i < NUMBER_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        number = number * 10 + (name[i] - '0');
    }
    *ret_number = number;
    *ret_name = es_strdup(name + NUMBER_DIGITS + 1);
    (*ret_name)[strlen(*ret_name) - strlen(SQL_SUFFIX)] = '\0';
    return true;
}

/* --- folders ------------------------------------------------------------------------------- */
struct listing {
    struct dirent **entries;
    int count;
};

static void listing_done(struct listing *listing)
{
    for (int i = 0; i < listing->count; i++) {
        free(listing->entries[i]);
    }
    free(listing->entries);
}

static int in_byte_order(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool list(const char *path, struct listing *ret_listing, struct es_buf *error)
{
    int count = scandir(path, &ret_listing->entries, NULL, in_byte_order);
    if (count < 0) {
        es_buf_printf(error, "cannot read the folder %s: %s", path, strerror(errno));
        return false;
    }
    ret_listing->count = count;
    return true;
}

static bool load_schema(struct es_migrations *migrations, const char *directory, const char *schema,
                        struct es_buf *error)
{
    ES_CLEANUP(es_buf_done) struct es_buf folder = ES_BUF_INIT;
    ES_CLEANUP(listing_done) struct listing listing = {0};
    es_buf_printf(&folder, "%s/%s", directory, schema);
    if (!list(es_buf_str(&folder), &listing, error)) {
        return false;
    }
    for (int i = 0; i < listing.count; i++) {
        const char *file = listing.entries[i]->d_name;
        int number = 0;
        char *name = NULL;
        if (!is_sql_name(file)) {
            continue;
        }
        ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
        es_buf_printf(&path, "%s/%s", es_buf_str(&folder), file);
        if (!read_numbered_name(file, &number, &name)) {
            es_buf_printf(error, "%s: the name is not NNNN-name.sql", es_buf_str(&path));
            return false;
        }
        if (!add_file(&migrations->numbered, number, schema, name, es_buf_str(&path), error)) {
            return false;
        }
    }
    return true;
}

static bool is_folder(const char *directory, const char *name)
{
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    struct stat status;
    es_buf_printf(&path, "%s/%s", directory, name);
    return name[0] != '.' && stat(es_buf_str(&path), &status) == 0 && S_ISDIR(status.st_mode);
}

static int by_number(const void *a, const void *b)
{
    const struct es_sql_file *left = a;
    const struct es_sql_file *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static bool check_numbers(const struct es_sql_files *files, struct es_buf *error)
{
    for (size_t i = 0; i < files->count; i++) {
        int expected = (int)i + 1;
        if (files->items[i].number != expected) {
            es_buf_printf(error,
                          "%s: number %04d was expected next (a gap, or a number given twice)",
                          files->items[i].path, expected);
            return false;
        }
    }
    return true;
}

static bool load_numbered(struct es_migrations *migrations, const char *directory,
                          struct es_buf *error)
{
    ES_CLEANUP(listing_done) struct listing listing = {0};
    if (!list(directory, &listing, error)) {
        return false;
    }
    for (int i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i]->d_name;
        if (strcmp(name, FUNCTIONS) != 0 && is_folder(directory, name) &&
            !load_schema(migrations, directory, name, error)) {
            return false;
        }
    }
    if (migrations->numbered.count == 0) {
        es_buf_printf(error, "there are no migrations in %s", directory);
        return false;
    }
    qsort(migrations->numbered.items, migrations->numbered.count,
          sizeof(*migrations->numbered.items), by_number);
    return check_numbers(&migrations->numbered, error);
}

static bool load_reloaded(struct es_migrations *migrations, const char *directory,
                          struct es_buf *error)
{
    ES_CLEANUP(es_buf_done) struct es_buf folder = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    ES_CLEANUP(listing_done) struct listing listing = {0};
    es_buf_printf(&folder, "%s/" FUNCTIONS, directory);
    if (!list(es_buf_str(&folder), &listing, error)) {
        return false;
    }
    for (int i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i]->d_name;
        if (!is_sql_name(name)) {
            continue;
        }
        es_buf_clear(&path);
        es_buf_printf(&path, "%s/%s", es_buf_str(&folder), name);
        if (!add_file(&migrations->reloaded, 0, FUNCTIONS, es_strdup(name), es_buf_str(&path),
                      error)) {
            return false;
        }
    }
    es_buf_clear(&path);
    es_buf_printf(&path, "%s/grants.sql", directory);
    return add_file(&migrations->reloaded, 0, "", es_strdup("grants.sql"), es_buf_str(&path),
                    error);
}

/* The list that `sha256sum functions/ *.sql grants.sql` prints, hashed. */
static void hash_reloaded(struct es_migrations *migrations)
{
    ES_CLEANUP(es_buf_done) struct es_buf sums = ES_BUF_INIT;
    for (size_t i = 0; i < migrations->reloaded.count; i++) {
        const struct es_sql_file *file = &migrations->reloaded.items[i];
        es_buf_printf(&sums, "%s  %s%s%s\n", file->checksum, file->schema,
                      file->schema[0] != '\0' ? "/" : "", file->name);
    }
    hex_sha256(sums.data, sums.length, migrations->reloaded_checksum);
}

struct es_migrations *es_migrations_load(const char *directory, struct es_buf *error)
{
    ES_CLEANUP(es_migrations_free_p)
    struct es_migrations *migrations = ES_NEW(struct es_migrations);
    ES_CLEANUP(es_buf_done) struct es_buf roles = ES_BUF_INIT;
    es_buf_printf(&roles, "%s/roles.sql", directory);
    if (!load_numbered(migrations, directory, error) ||
        !load_reloaded(migrations, directory, error) ||
        !add_file(&migrations->roles, 0, "", es_strdup("roles.sql"), es_buf_str(&roles), error)) {
        return NULL;
    }
    hash_reloaded(migrations);
    return ES_STEAL(migrations);
}

struct es_migrations *es_migrations_free(struct es_migrations *migrations)
{
    if (migrations != NULL) {
        files_done(&migrations->numbered);
        files_done(&migrations->reloaded);
        files_done(&migrations->roles);
        free(migrations);
    }
    return NULL;
}

void es_migrations_free_p(struct es_migrations **migrations)
{
    *migrations = es_migrations_free(*migrations);
}

/* --- where they are ------------------------------------------------------------------------ */
/* The folder RELATIVE to the one this program lies in, or NULL when it is not there. */
static char *beside_program(const char *relative)
{
    ES_CLEANUP(es_free_p) char *program = realpath("/proc/self/exe", NULL);
    if (program == NULL) {
        return NULL;
    }
    char *slash = strrchr(program, '/');
    *slash = '\0';
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    es_buf_printf(&path, "%s%s", program, relative);
    return realpath(es_buf_str(&path), NULL);
}

char *es_migrations_find(const char *given)
{
    const char *named = given != NULL ? given : getenv("ELDERSAFE_MIGRATIONS");
    if (named != NULL) {
        return es_strdup(named);
    }
    char *installed = beside_program(INSTALLED);
    return installed != NULL ? installed : beside_program(BUILT_FROM);
}
