#include "tier1-core/notify/intake.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/json/json.h"
#include "tier1-core/notify/messages.h"

#include <sodium.h>
#include <string.h>

#define ARENA_SIZE     2048
#define LARGEST_SEALED 4096
#define UUID_LENGTH    36
#define LONGEST_TIME   40
#define LONGEST_NUMBER 20

/* {"member_id":"17","request_id":"…","sealed":"base64","expires_at":"2026-11-21T07:17:11Z"} */
struct wish {
    const char *member_id;
    const char *request_id;
    const char *sealed;
    const char *expires_at;
};

static bool read_wish(struct es_arena *arena, const char *payload, struct wish *ret_wish,
                      const char **ret_error)
{
    const struct es_json_member members[] = {
        {.name = "member_id",
         .type = ES_JSON_TEXT,
         .required = true,
         .min = 1,
         .max = LONGEST_NUMBER,
         .target = &ret_wish->member_id},
        {.name = "request_id",
         .type = ES_JSON_TEXT,
         .max = UUID_LENGTH,
         .target = &ret_wish->request_id},
        {.name = "sealed",
         .type = ES_JSON_TEXT,
         .required = true,
         .min = 1,
         .max = 2 * LARGEST_SEALED,
         .target = &ret_wish->sealed},
        {.name = "expires_at",
         .type = ES_JSON_TEXT,
         .required = true,
         .min = 1,
         .max = LONGEST_TIME,
         .target = &ret_wish->expires_at},
    };
    return es_json_read(arena, payload, strlen(payload), members, ES_ARRAY_LEN(members),
                        ret_error) == ES_JSON_OK;
}

static enum es_db_result refuse(struct es_buf *reason, const char *why)
{
    es_buf_add_str(reason, why);
    return ES_DB_CHECK;
}

static enum es_db_result take_sign_in(struct es_db *db, const struct es_event *event, void *context,
                                      struct es_buf *reason)
{
    (void)context;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(ARENA_SIZE);
    struct wish wish = {.member_id = NULL};
    const char *error = NULL;
    unsigned char sealed[LARGEST_SEALED];
    struct messages_new message = {
        .event_id = event->event_id, .template_name = "sign-in", .sealed = sealed};
    if (!read_wish(arena, event->payload, &wish, &error)) {
        return refuse(reason, error);
    }
    if (!es_parse_i64(wish.member_id, &message.member_id) || message.member_id < 1) {
        return refuse(reason, "member_id is no number");
    }
    if (!es_clock_parse(wish.expires_at, &message.expires_at_us)) {
        return refuse(reason, "expires_at is no time");
    }
    if (sodium_base642bin(sealed, sizeof(sealed), wish.sealed, strlen(wish.sealed), NULL,
                          &message.sealed_length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        return refuse(reason, "sealed is no base64");
    }
    return messages_enqueue(db, &message);
}

const struct es_consumer_topic intake_topics[] = {
    {.topic = "mail.login", .handler = take_sign_in},
};
const size_t intake_topic_count = ES_ARRAY_LEN(intake_topics);
