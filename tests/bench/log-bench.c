/*
 * The Merkle log at work: seals all leaves that wait in a database, as eldersafe-ledger does, then
 * builds inclusion proofs for leaves all over the log from the tiles it has stored.
 *
 *     log-bench CONNINFO ORIGIN MAX
 *
 * MAX leaves in one checkpoint. Prints one JSON line: leaves and seconds of sealing, proofs and the
 * microseconds of the median and the slowest one, reading its tiles from the database included.
 */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/tlog/tile-proof.h"
#include "worker-ledger/db/log.h"
#include "worker-ledger/db/registry.h"
#include "worker-ledger/log/seal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROOFS     2000
#define STRIDE     UINT64_C(7919) /* a prime: neighbouring proofs share few tiles */
#define TIMEOUT_MS 60000
#define ARGUMENTS  4

static ES_NORETURN void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "log-bench: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static int64_t seal_all(struct es_db *db, struct es_arena *arena,
                        const struct es_seal_policy *policy, int64_t *ret_size)
{
    int64_t leaves = 0;
    bool damaged = false;
    struct es_sealed sealed = {0};
    do {
        if (es_seal_leaves(db, arena, policy, &damaged, &sealed) != ES_DB_OK) {
            give_up("sealing", es_db_error(db));
        }
        if (sealed.checkpoint_id != 0) {
            leaves += sealed.size - sealed.first_index;
            *ret_size = sealed.size;
        }
    } while (sealed.checkpoint_id != 0);
    return leaves;
}

/* As core does it for a receipt: the tiles of one proof are read at once. */
static void prove(struct es_db *db, struct es_arena *arena, uint64_t index, uint64_t size)
{
    struct es_tile wanted[ES_TILE_INCLUSION_MAX];
    struct es_held_tile *tiles = NULL;
    size_t found = 0;
    struct es_merkle_proof proof;
    size_t count = es_tile_inclusion_tiles(index, size, wanted);
    if (es_log_read_tiles(db, arena, wanted, count, &tiles, &found) != ES_DB_OK) {
        give_up("a proof", es_db_error(db));
    }
    struct es_tile_set set = {tiles, found};
    struct es_tile_store store = es_tile_set_store(&set);
    if (es_tile_inclusion(&store, index, size, &proof) != ES_TILE_OK) {
        give_up("a proof", "the tiles do not give it");
    }
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *first = a;
    const int64_t *second = b;
    return (*first > *second) - (*first < *second);
}

static void time_proofs(struct es_db *db, struct es_arena *arena, uint64_t size,
                        int64_t times_us[PROOFS])
{
    for (uint64_t i = 0; i < PROOFS; i++) {
        int64_t begun_us = es_clock_mono_us();
        prove(db, arena, i * STRIDE % size, size);
        times_us[i] = es_clock_mono_us() - begun_us;
        es_arena_reset(arena);
    }
    qsort(times_us, PROOFS, sizeof(*times_us), compare_times);
}

static struct es_db *open_log(const char *conninfo, const char *origin)
{
    bool same = false;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_db_config config = {
        .conninfo = conninfo, .application_name = "log-bench", .statement_timeout_ms = TIMEOUT_MS};
    struct es_db *db = es_db_new(&config, es_ledger_statements, es_ledger_statement_count);
    if (es_db_connect(db, &error) != ES_DB_OK) {
        give_up("database", es_buf_str(&error));
    }
    if (es_log_create(db, origin, &same) != ES_DB_OK || !same) {
        give_up("log", same ? es_db_error(db) : "it has another origin");
    }
    return db;
}

int main(int argc, char **argv)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
    static int64_t times_us[PROOFS];
    int64_t size = 0;
    struct es_seal_policy policy = {.secret_key = secret_key};
    if (argc != ARGUMENTS || !es_parse_i64(argv[3], &policy.max) || sodium_init() < 0) {
        give_up("usage", "log-bench CONNINFO ORIGIN MAX");
    }
    es_random_init();
    (void)crypto_sign_keypair(public_key, secret_key);
    policy.origin = argv[2];
    struct es_db *db = open_log(argv[1], policy.origin);
    struct es_arena *arena = es_arena_new(0);
    int64_t begun_us = es_clock_mono_us();
    int64_t leaves = seal_all(db, arena, &policy, &size);
    int64_t took_us = es_clock_mono_us() - begun_us;
    if (leaves == 0) {
        give_up("sealing", "no leaf waits");
    }
    time_proofs(db, arena, (uint64_t)size, times_us);
    printf("{\"leaves\":%" PRId64 ",\"seconds\":%.6f,\"proofs\":%d,\"proof_median_us\":%" PRId64
           ",\"proof_slowest_us\":%" PRId64 "}\n",
           leaves, (double)took_us / (double)ES_US_PER_S, PROOFS, times_us[PROOFS / 2],
           times_us[PROOFS - 1]);
    (void)es_arena_free(arena);
    (void)es_db_free(db);
    return EXIT_SUCCESS;
}
