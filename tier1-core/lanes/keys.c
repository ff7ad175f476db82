#include "tier1-core/lanes/keys.h"

#include <stdlib.h>
#include <string.h>

bool keys_any(struct lane_job *const *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->key != NULL) {
            return true;
        }
    }
    return false;
}

/* --- sets ----------------------------------------------------------------------------------- */

/* The keys of COUNT jobs, and whose each of them is. */
struct keyed {
    struct idempotency_set set;
    struct lane_job **jobs;
};

static struct es_db_bytes *column(struct es_arena *arena, size_t count)
{
    return es_arena_alloc(arena, count * sizeof(struct es_db_bytes));
}

static struct keyed collect(struct es_arena *arena, struct lane_job *const *jobs, size_t count)
{
    struct keyed keyed = {
        .set = {.callers = column(arena, count),
                .key_hashes = column(arena, count),
                .fingerprints = column(arena, count),
                .bodies = column(arena, count)},
        .jobs = es_arena_alloc(arena, count * sizeof(struct lane_job *)),
    };
    for (size_t i = 0; i < count; i++) {
        struct lane_job *job = jobs[i];
        if (job->key != NULL) {
            size_t at = keyed.set.count++;
            keyed.jobs[at] = job;
            keyed.set.callers[at] = (struct es_db_bytes){job->actor, sizeof(job->actor)};
            keyed.set.key_hashes[at] = (struct es_db_bytes){job->key->hash, sizeof(job->key->hash)};
            keyed.set.fingerprints[at] =
                (struct es_db_bytes){job->key->fingerprint, sizeof(job->key->fingerprint)};
        }
    }
    return keyed;
}

/* --- found ---------------------------------------------------------------------------------- */

static void take_known(struct lane_job *job, const struct idempotency_known *known)
{
    static const enum lane_verdict verdicts[] = {
        [IDEMPOTENCY_BUSY] = LANE_KEY_BUSY,
        [IDEMPOTENCY_OTHER] = LANE_KEY_REUSED,
        [IDEMPOTENCY_DONE] = LANE_REPLAYED,
    };
    job->verdict = verdicts[known->found];
    if (known->found == IDEMPOTENCY_DONE) {
        job->key->answer = idempotency_copy_answer(job->key->arena, &known->answer);
    }
}

static void refuse_old(const struct keyed *keyed)
{
    for (size_t i = 0; i < keyed->set.count; i++) {
        struct lane_job *job = keyed->jobs[i];
        if (job->verdict == LANE_ACCEPTED && job->key->too_old) {
            job->verdict = LANE_TOO_OLD;
        }
    }
}

enum es_db_result keys_answer(struct es_db *db, struct es_arena *arena,
                              struct lane_job *const *jobs, size_t count)
{
    if (!keys_any(jobs, count)) {
        return ES_DB_OK;
    }
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct keyed keyed = collect(arena, jobs, count);
    struct idempotency_known *known = NULL;
    size_t known_count = 0;
    enum es_db_result result =
        idempotency_known(db, &keyed.set, arena, &known, &known_count, &rows);
    if (result != ES_DB_OK) {
        return result;
    }
    for (size_t i = 0; i < known_count; i++) {
        take_known(keyed.jobs[known[i].place], &known[i]);
    }
    refuse_old(&keyed);
    return ES_DB_OK;
}

/* --- twins ---------------------------------------------------------------------------------- */

/* A job and where it stands in its batch. */
struct place {
    const struct lane_job *job;
    size_t at;
};

static int compare_keys(const struct lane_job *first, const struct lane_job *second)
{
    int order = memcmp(first->key->hash, second->key->hash, sizeof(first->key->hash));
    return order != 0 ? order : memcmp(first->actor, second->actor, sizeof(first->actor));
}

static int compare_places(const void *a, const void *b)
{
    const struct place *first = a;
    const struct place *second = b;
    int order = compare_keys(first->job, second->job);
    return order != 0 ? order : (first->at > second->at) - (first->at < second->at);
}

/* For each of COUNT jobs, whether an earlier one has the same key. */
static bool *find_twins(struct es_arena *arena, struct lane_job *const *jobs, size_t count)
{
    bool *is_twin = es_arena_alloc(arena, count * sizeof(*is_twin));
    struct place *places = es_arena_alloc(arena, count * sizeof(*places));
    size_t keyed = 0;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->key != NULL) {
            places[keyed++] = (struct place){jobs[i], i};
        }
    }
    qsort(places, keyed, sizeof(*places), compare_places);
    for (size_t i = 1; i < keyed; i++) {
        is_twin[places[i].at] = compare_keys(places[i - 1].job, places[i].job) == 0;
    }
    return is_twin;
}

size_t keys_firsts(struct es_arena *arena, struct lane_job **jobs, size_t count)
{
    if (!keys_any(jobs, count)) {
        return count;
    }
    const bool *is_twin = find_twins(arena, jobs, count);
    struct lane_job **twins = es_arena_alloc(arena, count * sizeof(struct lane_job *));
    size_t firsts = 0;
    size_t waiting = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_twin[i]) {
            twins[waiting++] = jobs[i];
        } else {
            jobs[firsts++] = jobs[i];
        }
    }
    memcpy(jobs + firsts, twins, waiting * sizeof(*twins));
    return firsts;
}

/* --- kept ----------------------------------------------------------------------------------- */

static struct es_db_bytes render(struct es_arena *arena, const struct lane_job *job)
{
    struct es_buf body = ES_BUF_INIT;
    job->key->reply->render(&job->outcome, &body);
    struct es_db_bytes kept = {es_arena_strndup(arena, es_buf_str(&body), body.length),
                               body.length};
    es_buf_done(&body);
    return kept;
}

enum es_db_result keys_keep(struct es_db *db, struct es_arena *arena, struct lane_job *const *jobs,
                            size_t count, bool *ret_overtaken)
{
    struct keyed keyed = collect(arena, jobs, count);
    const struct lane_reply *reply = keyed.jobs[0]->key->reply; /* one for all signals */
    size_t kept = 0;
    for (size_t i = 0; i < keyed.set.count; i++) {
        keyed.set.bodies[i] = render(arena, keyed.jobs[i]);
    }
    enum es_db_result result =
        idempotency_keep(db, &keyed.set, reply->status, reply->content_type, &kept);
    if (result == ES_DB_OK) {
        *ret_overtaken = kept < keyed.set.count;
    }
    return result;
}
