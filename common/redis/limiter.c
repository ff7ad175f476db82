#include "common/redis/limiter.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/redis/buckets.h"
#include "common/redis/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEY_PREFIX    "eldersafe:rate:"
#define KEYS_PER_CALL 512 /* so that a script holds Redis up for less than a millisecond */
#define FIXED_ARGS    3   /* EVALSHA, script, number of keys */
#define SCRIPT_ARGS   2   /* interval, capacity */

/*
 * KEYS one bucket each, ARGV interval and capacity in microseconds. A bucket is the time at which
 * it is full again, so its key can expire at that time, and is never set without expiring (E94).
 * Yields pairs, the number of a key and its level with the token taken, or as it would be; keys
 * that are not among them were full, so that theirs is one interval: the usual answer is empty.
 *
 * The server's own clock counts (allowed since Redis replicates effects): the processes that share
 * a bucket may sit on machines whose clocks differ. One that was set back must not lock anybody out
 * for longer than a window. SET NX GET makes one call of the usual case, a bucket that was full.
 */
static const struct es_redis_script script = {
    .name = "limiter",
    .source = "local call = redis.call\n"
              "local time = call('TIME')\n"
              "local now = time[1] * 1000000 + time[2]\n"
              "local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
              "local function text(number) return string.format('%.0f', number) end\n"
              "local function ttl(level) return text(math.ceil(level / 1000)) end\n"
              "local fresh, fresh_ttl = text(now + interval), ttl(interval)\n"
              "local levels = {}\n"
              "for i = 1, #KEYS do\n"
              "  local old = call('SET', KEYS[i], fresh, 'PX', fresh_ttl, 'NX', 'GET')\n"
              "  if old then\n"
              "    local level = math.min(math.max(tonumber(old) - now, 0), capacity) + interval\n"
              "    if level <= capacity then\n"
              "      call('SET', KEYS[i], text(now + level), 'PX', ttl(level))\n"
              "    end\n"
              "    levels[#levels + 1] = i\n"
              "    levels[#levels + 1] = level\n"
              "  end\n"
              "end\n"
              "return levels\n",
};

/* KEYS and the interval as above: undo a token of each. With the one command that the processes'
 * rights name: SET tells the old value, and a millisecond is how a bucket that is full goes. */
static const struct es_redis_script give_back_script = {
    .name = "limiter_give_back",
    .source = "local call = redis.call\n"
              "local time = call('TIME')\n"
              "local now = time[1] * 1000000 + time[2]\n"
              "local function text(number) return string.format('%.0f', number) end\n"
              "for i = 1, #KEYS do\n"
              "  local old = call('SET', KEYS[i], '0', 'XX', 'KEEPTTL', 'GET')\n"
              "  if old then\n"
              "    local level = math.max(tonumber(old) - now - tonumber(ARGV[1]), 1)\n"
              "    call('SET', KEYS[i], text(now + level), 'PX', text(math.ceil(level / 1000)))\n"
              "  end\n"
              "end\n"
              "return #KEYS\n",
};

struct es_limiter {
    struct es_buckets *buckets;
    char script_name[ES_SHA1_TEXT_SIZE];
};

/* One key on its way through both buckets. */
struct item {
    const void *key;
    size_t length;
    uint64_t tag;
    int64_t level_us; /* of the local bucket, then of whichever is emptier */
    bool asked;       /* the local bucket admits it: the shared one decides */
    char digits[ES_I64_TEXT_SIZE];
};

/* A call of es_limiter_take or es_limiter_take_many. */
struct taking {
    struct es_limiter *limiter;
    const struct es_rate *rate;
    struct es_gcra gcra;
    int64_t now_us;
    struct item *items;
    size_t count;
};

struct es_limiter *es_limiter_new(size_t entries)
{
    struct es_limiter *limiter = ES_NEW(struct es_limiter);
    limiter->buckets = es_buckets_new(entries);
    es_redisi_script_name(&script, limiter->script_name);
    return limiter;
}

struct es_limiter *es_limiter_free(struct es_limiter *limiter)
{
    if (limiter != NULL) {
        (void)es_buckets_free(limiter->buckets);
        free(limiter);
    }
    return NULL;
}

static void take_locally(const struct taking *taking)
{
    struct es_buckets *buckets = taking->limiter->buckets;
    const char *name = taking->rate->name;
    uint64_t salt = es_buckets_tag(buckets, 0, name, strlen(name));
    for (size_t i = 0; i < taking->count; i++) {
        struct item *item = &taking->items[i];
        item->tag = es_buckets_tag(buckets, salt, item->key, item->length);
        item->level_us = es_buckets_take(buckets, item->tag, &taking->gcra, taking->now_us);
        item->asked = es_gcra_admits(&taking->gcra, item->level_us);
    }
}

/* --- the shared buckets -------------------------------------------------------------------- */
/* The items FIRST .. END-1 that are to be asked for. */
struct chunk {
    size_t first, end, asked;
};

static struct chunk next_chunk(const struct taking *taking, size_t first)
{
    struct chunk chunk = {.first = first, .end = first};
    while (chunk.end < taking->count && chunk.asked < KEYS_PER_CALL) {
        chunk.asked += taking->items[chunk.end++].asked;
    }
    return chunk;
}

static void format_call(const struct taking *taking, const struct chunk *chunk, const char *command,
                        const char *program, struct es_buf *out)
{
    ES_CLEANUP(es_buf_done) struct es_buf key = ES_BUF_INIT;
    es_buf_printf(&key, KEY_PREFIX "%s:", taking->rate->name);
    size_t prefix_length = key.length;
    es_resp_begin(out, FIXED_ARGS + chunk->asked + SCRIPT_ARGS);
    es_resp_arg_text(out, command);
    es_resp_arg_text(out, program);
    es_resp_arg_int(out, (int64_t)chunk->asked);
    for (size_t i = chunk->first; i < chunk->end; i++) {
        const struct item *item = &taking->items[i];
        if (item->asked) {
            key.length = prefix_length;
            es_buf_add(&key, item->key, item->length);
            es_resp_arg(out, key.data, key.length);
        }
    }
    es_resp_arg_int(out, taking->gcra.interval_us);
    es_resp_arg_int(out, taking->gcra.capacity_us);
}

static bool append_call(const struct taking *taking, const struct chunk *chunk,
                        struct es_redis *redis, const char *command, const char *program)
{
    ES_CLEANUP(es_buf_done) struct es_buf call = ES_BUF_INIT;
    format_call(taking, chunk, command, program, &call);
    return es_redisi_append(redis, &call);
}

static bool append_all(const struct taking *taking, struct es_redis *redis)
{
    struct chunk chunk = {.end = 0};
    while (chunk.end < taking->count) {
        chunk = next_chunk(taking, chunk.end);
        if (chunk.asked > 0 &&
            !append_call(taking, &chunk, redis, "EVALSHA", taking->limiter->script_name)) {
            return false;
        }
    }
    return true;
}

/* True when REPLY is what the script yields; anything else is as if Redis were not there. */
static bool is_levels(const redisReply *reply)
{
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER) {
            return false;
        }
    }
    return true;
}

static bool settle(const struct taking *taking, const struct chunk *chunk, const redisReply *reply)
{
    if (!is_levels(reply)) {
        return false;
    }
    long long number = 0; /* of the key in the call, from 1 */
    size_t next = 0;      /* pair of the reply */
    for (size_t i = chunk->first; i < chunk->end; i++) {
        struct item *item = &taking->items[i];
        if (!item->asked) {
            continue;
        }
        int64_t shared_us = taking->gcra.interval_us;
        number++;
        if (next < reply->elements && reply->element[next]->integer == number) {
            shared_us = reply->element[next + 1]->integer;
            next += 2;
        }
        es_buckets_settle(taking->limiter->buckets, item->tag, &taking->gcra, taking->now_us,
                          shared_us);
        item->level_us = shared_us > item->level_us ? shared_us : item->level_us;
    }
    return true;
}

/* The replies of the pipeline, in order; chunks whose script was not known are marked in AGAIN. */
static bool settle_all(const struct taking *taking, struct es_redis *redis, bool *again)
{
    bool all = true;
    size_t number = 0;
    struct chunk chunk = {.end = 0};
    while (chunk.end < taking->count) {
        chunk = next_chunk(taking, chunk.end);
        if (chunk.asked == 0) {
            continue;
        }
        ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redis_next_reply(redis);
        again[number] = es_redisi_is_noscript(reply);
        all &= again[number] || settle(taking, &chunk, reply);
        number++;
    }
    return all;
}

/* Redis forgot the script (restart, SCRIPT FLUSH): those chunks once more, with its source. */
static bool settle_again(const struct taking *taking, struct es_redis *redis, const bool *again)
{
    bool all = true;
    size_t number = 0;
    struct chunk chunk = {.end = 0};
    while (chunk.end < taking->count) {
        chunk = next_chunk(taking, chunk.end);
        if (chunk.asked == 0 || !again[number++]) {
            continue;
        }
        redisReply *reply = append_call(taking, &chunk, redis, "EVAL", script.source)
                                ? es_redis_next_reply(redis)
                                : NULL;
        all &= settle(taking, &chunk, reply);
        es_redis_reply_free_p(&reply);
    }
    return all;
}

static bool take_shared(const struct taking *taking, struct es_redis *redis)
{
    ES_CLEANUP(es_free_p) bool *again = es_calloc(taking->count / KEYS_PER_CALL + 1, sizeof(bool));
    es_redisi_forget_pipeline(redis);
    return append_all(taking, redis) && settle_all(taking, redis, again) &&
           settle_again(taking, redis, again);
}

static bool take(const struct taking *taking, struct es_redis *redis)
{
    take_locally(taking);
    return redis != NULL && take_shared(taking, redis);
}

struct es_rate_verdict es_limiter_take(struct es_limiter *limiter, struct es_redis *redis,
                                       const struct es_rate *rate, const void *key, size_t length,
                                       bool *ret_shared)
{
    struct item item = {.key = key, .length = length};
    struct taking taking = {.limiter = limiter,
                            .rate = rate,
                            .gcra = es_gcra_of(rate),
                            .now_us = es_clock_mono_us(),
                            .items = &item,
                            .count = 1};
    bool shared = take(&taking, redis);
    if (ret_shared != NULL) {
        *ret_shared = shared && item.asked;
    }
    return es_gcra_verdict(&taking.gcra, item.level_us);
}

void es_limiter_take_many(struct es_limiter *limiter, struct es_redis *redis,
                          const struct es_rate *rate, const int64_t *keys, size_t count,
                          struct es_rate_verdict *ret_verdicts)
{
    ES_CLEANUP(es_free_p) struct item *items = es_calloc(count, sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        items[i].length = es_format_i64(keys[i], items[i].digits);
        items[i].key = items[i].digits;
    }
    struct taking taking = {.limiter = limiter,
                            .rate = rate,
                            .gcra = es_gcra_of(rate),
                            .now_us = es_clock_mono_us(),
                            .items = items,
                            .count = count};
    (void)take(&taking, redis);
    for (size_t i = 0; i < count; i++) {
        ret_verdicts[i] = es_gcra_verdict(&taking.gcra, items[i].level_us);
    }
}

/* --- giving back --------------------------------------------------------------------------- */
static void give_back_locally(struct es_limiter *limiter, const struct es_rate *rate,
                              const int64_t *keys, size_t count)
{
    struct es_gcra gcra = es_gcra_of(rate);
    uint64_t salt = es_buckets_tag(limiter->buckets, 0, rate->name, strlen(rate->name));
    for (size_t i = 0; i < count; i++) {
        char digits[ES_I64_TEXT_SIZE];
        size_t length = es_format_i64(keys[i], digits);
        uint64_t tag = es_buckets_tag(limiter->buckets, salt, digits, length);
        es_buckets_give_back(limiter->buckets, tag, &gcra);
    }
}

/* At most KEYS_PER_CALL keys; false when Redis is not there. */
static bool give_back_shared(struct es_redis *redis, const struct es_rate *rate,
                             const int64_t *keys, size_t count)
{
    ES_CLEANUP(es_buf_done) struct es_buf texts = ES_BUF_INIT;
    size_t lengths[KEYS_PER_CALL + 1];
    const char *arguments[KEYS_PER_CALL + 1];
    char interval[ES_I64_TEXT_SIZE];
    for (size_t i = 0; i < count; i++) {
        size_t before = texts.length;
        es_buf_printf(&texts, KEY_PREFIX "%s:%" PRId64, rate->name, keys[i]);
        lengths[i] = texts.length - before;
    }
    for (size_t i = 0, at = 0; i < count; at += lengths[i++]) {
        arguments[i] = (const char *)texts.data + at;
    }
    lengths[count] = es_format_i64(es_gcra_of(rate).interval_us, interval);
    arguments[count] = interval;
    ES_CLEANUP(es_redis_reply_free_p)
    redisReply *reply =
        es_redis_eval(redis, &give_back_script, count, count + 1, arguments, lengths);
    return reply != NULL;
}

void es_limiter_give_back_many(struct es_limiter *limiter, struct es_redis *redis,
                               const struct es_rate *rate, const int64_t *keys, size_t count)
{
    give_back_locally(limiter, rate, keys, count);
    bool there = redis != NULL;
    for (size_t at = 0; there && at < count; at += KEYS_PER_CALL) {
        size_t rest = count - at;
        there =
            give_back_shared(redis, rate, keys + at, rest < KEYS_PER_CALL ? rest : KEYS_PER_CALL);
    }
}
