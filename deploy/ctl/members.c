#include "deploy/ctl/members.h"

#include "common/base/arena.h"
#include "common/base/day.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/crypto/keyfile.h"
#include "deploy/ctl/ctl.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC_ID_SIZE  16
#define REQUEST_ID_SIZE 16
#define NUMBER_SIZE     21  /* lookup.h: up to 20 characters */
#define EMAIL_SIZE      255 /* lookup.h: up to 254 bytes */

/* --- keys ---------------------------------------------------------------------------------- */
static bool load_key(const char *given, const char *variable, void *ret_key, size_t size,
                     struct es_buf *error)
{
    const char *path = es_ctl_setting(given, variable);
    if (path == NULL) {
        es_buf_printf(error, "%s is not set\n", variable);
        return false;
    }
    return es_keyfile_read(path, ret_key, size, error);
}

bool es_lookup_key_load(const char *lookup_path, struct es_lookup_key *ret_key,
                        struct es_buf *error)
{
    return load_key(lookup_path, "ELDERSAFE_LOOKUP_KEY_FILE", ret_key->bytes,
                    sizeof(ret_key->bytes), error);
}

bool es_member_keys_load(const char *lookup_path, const char *notify_path,
                         struct es_member_keys *ret_keys, struct es_buf *error)
{
    if (!es_lookup_key_load(lookup_path, &ret_keys->lookup, error) ||
        !load_key(notify_path, "ELDERSAFE_NOTIFY_PUBLIC_KEY_FILE", ret_keys->notify_public,
                  sizeof(ret_keys->notify_public), error)) {
        return false;
    }
    if (!es_seal_key_valid(ret_keys->notify_public)) {
        es_buf_add_str(error, "the notifier's public key is none\n");
        return false;
    }
    return true;
}

/* --- the batch ----------------------------------------------------------------------------- */
/* Columns, as the statement takes them. */
struct es_member_batch {
    const struct es_member_keys *keys;
    struct es_zones *zones;
    struct es_arena *arena; /* of this filling */
    size_t count;
    uint64_t tags[ES_MEMBER_BATCH_MAX];
    struct es_db_bytes public_ids[ES_MEMBER_BATCH_MAX];
    struct es_db_bytes number_hashes[ES_MEMBER_BATCH_MAX];
    struct es_db_bytes email_hashes[ES_MEMBER_BATCH_MAX];
    const char *zone_names[ES_MEMBER_BATCH_MAX];
    struct es_db_bytes sealed[ES_MEMBER_BATCH_MAX];
};

struct es_member_batch *es_member_batch_new(const struct es_member_keys *keys)
{
    struct es_member_batch *batch = ES_NEW(struct es_member_batch);
    batch->keys = keys;
    batch->zones = es_zones_new(NULL);
    batch->arena = es_arena_new(0);
    return batch;
}

struct es_member_batch *es_member_batch_free(struct es_member_batch *batch)
{
    if (batch != NULL) {
        batch->zones = es_zones_free(batch->zones);
        batch->arena = es_arena_free(batch->arena);
        free(batch);
    }
    return NULL;
}

void es_member_batch_free_p(struct es_member_batch **batch)
{
    *batch = es_member_batch_free(*batch);
}

size_t es_member_batch_count(const struct es_member_batch *batch)
{
    return batch->count;
}

static struct es_db_bytes lookup_hash(struct es_member_batch *batch, const char *kind,
                                      const char *text)
{
    unsigned char *hash = es_arena_alloc(batch->arena, ES_LOOKUP_SIZE);
    es_lookup(&batch->keys->lookup, kind, text, hash);
    return (struct es_db_bytes){.bytes = hash, .length = ES_LOOKUP_SIZE};
}

static struct es_db_bytes random_public_id(struct es_member_batch *batch)
{
    unsigned char *id = es_arena_alloc(batch->arena, PUBLIC_ID_SIZE);
    es_random_bytes(id, PUBLIC_ID_SIZE);
    return (struct es_db_bytes){.bytes = id, .length = PUBLIC_ID_SIZE};
}

static struct es_db_bytes seal_address(struct es_member_batch *batch, const char *email)
{
    ES_CLEANUP(es_buf_done) struct es_buf sealed = ES_BUF_INIT;
    es_seal(batch->keys->notify_public, email, strlen(email), &sealed);
    const char *kept = es_arena_strndup(batch->arena, (const char *)sealed.data, sealed.length);
    return (struct es_db_bytes){.bytes = kept, .length = sealed.length};
}

const char *es_member_batch_add(struct es_member_batch *batch, uint64_t tag, const char *number,
                                const char *email, const char *zone)
{
    char normal_number[NUMBER_SIZE];
    char normal_email[EMAIL_SIZE];
    const char *zone_name = zone != NULL && zone[0] != '\0' ? zone : ES_DAY_DEFAULT_ZONE;
    if (!es_normal_member_number(number, normal_number, sizeof(normal_number))) {
        return "the number is not 1 to 20 letters or digits";
    }
    if (!es_normal_email(email, normal_email, sizeof(normal_email))) {
        return "the mail address is none";
    }
    const struct es_zone *known = es_zones_get(batch->zones, zone_name);
    if (known == NULL) {
        return "there is no such time zone";
    }
    size_t row = batch->count++;
    batch->tags[row] = tag;
    batch->public_ids[row] = random_public_id(batch);
    batch->number_hashes[row] = lookup_hash(batch, "number", normal_number);
    batch->email_hashes[row] = lookup_hash(batch, "email", normal_email);
    batch->zone_names[row] = es_zone_name(known);
    batch->sealed[row] = seal_address(batch, normal_email);
    sodium_memzero(normal_email, sizeof(normal_email));
    return NULL;
}

/* --- the statements ------------------------------------------------------------------------ */
const struct es_db_statement es_members_add_statement = {
    .name = "members_add",
    .params = "XXXTXtu",
    .sql = "SELECT \"position\", member_id, outcome"
           " FROM core.add_members($1, $2, $3, $4, $5, $6, $7)",
};

const struct es_db_statement es_members_find_statement = {
    .name = "members_find",
    .params = "x",
    .sql = "SELECT member_id, public_id FROM core.members"
           " WHERE number_hash = $1 AND contract_state = 'active'",
};

static enum es_member_outcome outcome_of(const char *word)
{
    static const char *const words[] = {
        [ES_MEMBER_ADDED] = "added",
        [ES_MEMBER_EXISTS] = "exists",
        [ES_MEMBER_CONFLICT] = "conflict",
    };
    size_t outcome = 0;
    while (outcome < ES_MEMBER_CONFLICT && strcmp(words[outcome], word) != 0) {
        outcome++;
    }
    return (enum es_member_outcome)outcome;
}

static void read_results(const struct es_member_batch *batch, const struct es_db_rows *rows,
                         struct es_member_result *ret_results)
{
    for (size_t i = 0; i < batch->count; i++) {
        size_t row = (size_t)es_db_i64(rows, i, "position") - 1;
        bool known = !es_db_is_null(rows, i, "member_id");
        ret_results[i] = (struct es_member_result){
            .tag = batch->tags[row],
            .member_id = known ? es_db_i64(rows, i, "member_id") : 0,
            .outcome = outcome_of(es_db_text(rows, i, "outcome")),
        };
    }
}

enum es_db_result es_member_batch_send(struct es_member_batch *batch, struct es_db *db,
                                       const char *actor, struct es_member_result *ret_results)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    unsigned char request_id[REQUEST_ID_SIZE];
    es_random_bytes(request_id, sizeof(request_id));
    size_t count = batch->count;
    enum es_db_result result =
        es_db_run(db, &es_members_add_statement, &rows,
                  &(struct es_db_array){.items = batch->public_ids, .count = count},
                  &(struct es_db_array){.items = batch->number_hashes, .count = count},
                  &(struct es_db_array){.items = batch->email_hashes, .count = count},
                  &(struct es_db_array){.items = batch->zone_names, .count = count},
                  &(struct es_db_array){.items = batch->sealed, .count = count}, actor, request_id);
    if (result == ES_DB_OK && es_db_row_count(rows) != count) {
        result = ES_DB_BUG;
    }
    if (result == ES_DB_OK) {
        read_results(batch, rows, ret_results);
        batch->count = 0;
        es_arena_reset(batch->arena);
    }
    return result;
}

enum es_db_result es_member_find(struct es_db *db, const struct es_lookup_key *key,
                                 const char *number, struct es_member *ret_member)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    char normal_number[NUMBER_SIZE];
    unsigned char hash[ES_LOOKUP_SIZE];
    size_t length = 0;
    if (!es_normal_member_number(number, normal_number, sizeof(normal_number))) {
        return ES_DB_NO_ROW;
    }
    es_lookup(key, "number", normal_number, hash);
    enum es_db_result result = es_db_one(db, &es_members_find_statement, &rows, hash, sizeof(hash));
    if (result == ES_DB_OK) {
        ret_member->member_id = es_db_i64(rows, 0, "member_id");
        memcpy(ret_member->public_id, es_db_bytea(rows, 0, "public_id", &length),
               sizeof(ret_member->public_id));
    }
    return result;
}
