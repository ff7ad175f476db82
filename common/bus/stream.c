#include "common/bus/stream.h"

#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 24 /* any 64-bit decimal with its NUL */

/* --- publishing ---------------------------------------------------------------------------- */
static const struct es_redis_script publish_script = {
    .name = "bus_publish",
    .source = "for i = 1, #ARGV, 2 do"
              " redis.call('XADD', KEYS[1], '*', 'event_id', ARGV[i], 'topic', ARGV[i + 1])"
              " end return #ARGV / 2",
};

/* Append to ERROR what Redis said instead of what was asked for. */
static void explain(const redisReply *reply, struct es_buf *error)
{
    es_buf_add_str(error, reply != NULL && reply->type == REDIS_REPLY_ERROR ? reply->str : "away");
}

bool es_stream_publish(struct es_redis *redis, const int64_t *event_ids, const char *const *topics,
                       size_t count, struct es_buf *error)
{
    const char *argv[1 + 2 * ES_STREAM_MAX_BATCH];
    char numbers[ES_STREAM_MAX_BATCH][NUMBER_SIZE];
    size_t argc = 0;
    argv[argc++] = ES_BUS_STREAM;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(numbers[i], NUMBER_SIZE, "%" PRId64, event_ids[i]);
        argv[argc++] = numbers[i];
        argv[argc++] = topics[i];
    }
    ES_CLEANUP(es_redis_reply_free_p)
    redisReply *reply = es_redis_eval(redis, &publish_script, 1, argc, argv, NULL);
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        return true;
    }
    explain(reply, error);
    return false;
}

/*
 * What a group has acknowledged ends before its oldest pending entry or, when nothing is pending,
 * with the last entry it was given. ARGV: entries to keep at most, milliseconds of silence.
 */
static const struct es_redis_script trim_script = {
    .name = "bus_trim",
    .source =
        "local function fields(list) local t = {}"
        "  for i = 1, #list, 2 do t[list[i]] = list[i + 1] end return t end\n"
        "local function before(a, b)"
        "  local am, as = a:match('(%d+)-(%d+)') local bm, bs = b:match('(%d+)-(%d+)')"
        "  am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)"
        "  return am < bm or (am == bm and as < bs) end\n"
        "local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])"
        " if groups.err then return 0 end\n"
        "local keep = nil\n"
        "for _, list in ipairs(groups) do local group = fields(list)\n"
        "  for _, item in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group.name)) do"
        "    local one = fields(item)"
        "    if one.pending == 0 and one.idle > tonumber(ARGV[2]) then"
        "      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group.name, one.name) end end\n"
        "  local first = group['last-delivered-id']"
        "  if group.pending > 0 then first = redis.call('XPENDING', KEYS[1], group.name)[2] end\n"
        "  if keep == nil or before(first, keep) then keep = first end end\n"
        "local removed = redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[1])\n"
        "if keep then removed = removed + redis.call('XTRIM', KEYS[1], 'MINID', '~', keep) end\n"
        "return removed",
};

void es_stream_trim(struct es_redis *redis)
{
    /* About 100 bytes each: a forgotten group costs Redis some 10 MB, not its memory. */
    static const char *const argv[] = {ES_BUS_STREAM, "100000", "86400000"};
    ES_CLEANUP(es_redis_reply_free_p)
    redisReply *reply = es_redis_eval(redis, &trim_script, 1, ES_ARRAY_LEN(argv), argv, NULL);
    (void)reply; /* the next round tries again */
}

/* --- reading a reply ----------------------------------------------------------------------- */
static bool is_array(const redisReply *reply, size_t at_least)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements >= at_least;
}

static bool is_text(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_STRING &&
           strlen(reply->str) == (size_t)reply->len;
}

static void read_field(const char *name, const char *value, struct es_stream_entry *entry)
{
    int64_t event_id = 0;
    if (strcmp(name, "event_id") == 0 && es_parse_i64(value, &event_id) && event_id > 0) {
        entry->event_id = event_id;
    }
    if (strcmp(name, "topic") == 0 && !es_copy_str(entry->topic, sizeof(entry->topic), value)) {
        entry->topic[0] = '\0'; /* longer than any of ours */
    }
}

/* One [id, [name, value …]]; false when it has not even an id. */
static bool read_entry(const redisReply *reply, struct es_stream_entry *ret_entry)
{
    struct es_stream_entry entry = {.event_id = 0};
    if (!is_array(reply, 2) || !is_text(reply->element[0]) ||
        !es_copy_str(entry.id, sizeof(entry.id), reply->element[0]->str)) {
        return false;
    }
    const redisReply *fields = reply->element[1]; /* nil when the entry was trimmed away */
    for (size_t i = 0; is_array(fields, i + 2); i += 2) {
        if (is_text(fields->element[i]) && is_text(fields->element[i + 1])) {
            read_field(fields->element[i]->str, fields->element[i + 1]->str, &entry);
        }
    }
    *ret_entry = entry;
    return true;
}

static void read_entries(const redisReply *entries, struct es_stream_batch *batch)
{
    batch->count = 0;
    for (size_t i = 0; is_array(entries, i + 1) && batch->count < ES_STREAM_MAX_BATCH; i++) {
        if (read_entry(entries->element[i], &batch->entries[batch->count])) {
            batch->count++;
        }
    }
}

/* --- the group ----------------------------------------------------------------------------- */
static bool says(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR && es_starts_with(reply->str, code);
}

/* From the beginning of the stream: what was taken already is left out by the inbox. */
static bool make_group(struct es_redis *redis, const struct es_stream_group *group,
                       struct es_buf *error)
{
    ES_CLEANUP(es_redis_reply_free_p)
    redisReply *reply =
        es_redis_commandf(redis, "XGROUP CREATE " ES_BUS_STREAM " %s 0 MKSTREAM", group->group);
    bool is_there =
        reply != NULL && (reply->type == REDIS_REPLY_STATUS || says(reply, "BUSYGROUP"));
    if (!is_there) {
        explain(reply, error);
    }
    return is_there;
}

/* An error reply is as good as none, except that a missing group is made. */
static bool judge(struct es_redis *redis, const struct es_stream_group *group,
                  const redisReply *reply, struct es_buf *error)
{
    if (reply != NULL && says(reply, "NOGROUP")) {
        return make_group(redis, group, error);
    }
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        explain(reply, error);
        return false;
    }
    return true;
}

bool es_stream_read(struct es_redis *redis, const struct es_stream_group *group, size_t count,
                    int64_t block_ms, struct es_stream_batch *ret_batch, struct es_buf *error)
{
    ES_CLEANUP(es_redis_reply_free_p)
    redisReply *reply = es_redis_commandf(
        redis, "XREADGROUP GROUP %s %s COUNT %lld BLOCK %lld STREAMS " ES_BUS_STREAM " >",
        group->group, group->consumer, (long long)count, (long long)block_ms);
    if (!judge(redis, group, reply, error)) {
        return false;
    }
    bool found = is_array(reply, 1) && is_array(reply->element[0], 2);
    read_entries(found ? reply->element[0]->element[1] : NULL, ret_batch);
    return true;
}

bool es_stream_claim(struct es_redis *redis, const struct es_stream_group *group, size_t count,
                     int64_t idle_ms, struct es_stream_batch *ret_batch, struct es_buf *error)
{
    ES_CLEANUP(es_redis_reply_free_p)
    redisReply *reply =
        es_redis_commandf(redis, "XAUTOCLAIM " ES_BUS_STREAM " %s %s %lld 0-0 COUNT %lld",
                          group->group, group->consumer, (long long)idle_ms, (long long)count);
    if (!judge(redis, group, reply, error)) {
        return false;
    }
    read_entries(is_array(reply, 2) ? reply->element[1] : NULL, ret_batch);
    return true;
}

void es_stream_acknowledge(struct es_redis *redis, const struct es_stream_group *group,
                           const char *const *ids, size_t count)
{
    const char *argv[3 + ES_STREAM_MAX_BATCH] = {"XACK", ES_BUS_STREAM, group->group};
    size_t argc = 3;
    for (size_t i = 0; i < count; i++) {
        argv[argc++] = ids[i];
    }
    ES_CLEANUP(es_redis_reply_free_p)
    redisReply *reply = count > 0 ? es_redis_command(redis, argc, argv, NULL) : NULL;
    (void)reply;
}
