/*
 * Entering members: from what an operator knows (number, mail address, zone) to what the database
 * keeps (keyed hashes, a sealed address), many at once.
 *
 * Nothing personal leaves this file but hashed or sealed; texts that come back name what is wrong,
 * never the value.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/crypto/lookup.h"
#include "common/crypto/sealed.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_members_add_statement;
extern const struct es_db_statement es_members_find_statement;

struct es_member_keys {
    struct es_lookup_key lookup;
    unsigned char notify_public[ES_SEAL_KEY_SIZE];
};

/* Read both keys; NULL paths stand for ELDERSAFE_LOOKUP_KEY_FILE and
 * ELDERSAFE_NOTIFY_PUBLIC_KEY_FILE. False with lines in ERROR. */
bool es_member_keys_load(const char *lookup_path, const char *notify_path,
                         struct es_member_keys *ret_keys, struct es_buf *error) ES_MUST_CHECK;
/* The key for looking members up alone. */
bool es_lookup_key_load(const char *lookup_path, struct es_lookup_key *ret_key,
                        struct es_buf *error) ES_MUST_CHECK;

#define ES_MEMBER_BATCH_MAX 5000

struct es_member_batch;

/* KEYS must outlive the result. */
struct es_member_batch *es_member_batch_new(const struct es_member_keys *keys) ES_MUST_CHECK;
struct es_member_batch *es_member_batch_free(struct es_member_batch *batch);
void es_member_batch_free_p(struct es_member_batch **batch);
size_t es_member_batch_count(const struct es_member_batch *batch);

/* One more row, to be known as TAG; ZONE NULL or "": the default zone. NULL, or what is wrong with
 * it (then it is not in the batch). The batch must not be full. */
const char *es_member_batch_add(struct es_member_batch *batch, uint64_t tag, const char *number,
                                const char *email, const char *zone) ES_MUST_CHECK;

enum es_member_outcome {
    ES_MEMBER_ADDED,
    ES_MEMBER_EXISTS,   /* the same number and address are there already */
    ES_MEMBER_CONFLICT, /* one of the two belongs to another member: nothing was done */
};

struct es_member_result {
    uint64_t tag;
    int64_t member_id; /* 0: conflict */
    enum es_member_outcome outcome;
};

/* Enter the rows, all or none, as ACTOR, and empty the batch. RET_RESULTS has room for each row;
 * they come in no particular order. After a failure the batch still has its rows. */
enum es_db_result es_member_batch_send(struct es_member_batch *batch, struct es_db *db,
                                       const char *actor,
                                       struct es_member_result *ret_results) ES_MUST_CHECK;

/* The active member with this NUMBER (normalised here); ES_DB_NO_ROW when there is none. */
struct es_member {
    int64_t member_id;
    unsigned char public_id[16];
};
enum es_db_result es_member_find(struct es_db *db, const struct es_lookup_key *key,
                                 const char *number, struct es_member *ret_member) ES_MUST_CHECK;
