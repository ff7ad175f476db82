#include "tier1-core/notify/composer.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/wipe.h"
#include "common/json/json.h"
#include "tier1-core/notify/channel-kinds.h"
#include "tier1-core/notify/vault.h"

#include <sodium.h>
#include <string.h>

#define ARENA_SIZE   4096
#define LONGEST_TEXT 1024

void composed_done(struct composed *composed)
{
    letter_done(&composed->letter);
    es_wipe_buf(&composed->address);
}

/* --- the letters --------------------------------------------------------------------------- */
static void wipe_text(const char *text)
{
    union {
        const char *text;
        void *memory;
    } our_own = {.text = text}; /* it lies in our arena */
    if (text != NULL) {
        sodium_memzero(our_own.memory, strlen(text));
    }
}

/* {"link":"https://…","code":"123456","expires_at":"2026-11-21T07:17:11Z"} */
static bool write_sign_in(const struct es_buf *content, const struct es_zone *zone,
                          struct letter *ret_letter)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(ARENA_SIZE);
    struct letter_sign_in what = {.link = NULL};
    const char *expires_at = NULL;
    const char *error = NULL;
    const struct es_json_member members[] = {
        {.name = "link",
         .type = ES_JSON_TEXT,
         .required = true,
         .max = LONGEST_TEXT,
         .target = &what.link},
        {.name = "code",
         .type = ES_JSON_TEXT,
         .required = true,
         .max = LONGEST_TEXT,
         .target = &what.code},
        {.name = "expires_at",
         .type = ES_JSON_TEXT,
         .required = true,
         .max = LONGEST_TEXT,
         .target = &expires_at},
    };
    bool done = es_json_read(arena, content->data, content->length, members, ES_ARRAY_LEN(members),
                             &error) == ES_JSON_OK &&
                es_clock_parse(expires_at, &what.expires_at_us) &&
                letter_sign_in(&what, zone, ret_letter);
    wipe_text(what.link);
    wipe_text(what.code);
    return done;
}

static const struct {
    const char *name;
    bool (*write)(const struct es_buf *content, const struct es_zone *zone,
                  struct letter *ret_letter);
} templates[] = {
    {"sign-in", write_sign_in},
};

/* --- the mail ------------------------------------------------------------------------------ */
static enum channel_result open_address(const struct notify *notify,
                                        const struct messages_claimed *claimed,
                                        struct es_buf *address, struct channel_report *report)
{
    if (claimed->contact == NULL) {
        return channel_fail(report, CHANNEL_NEVER, "no_contact");
    }
    if (!vault_open(notify->vault, claimed->contact, claimed->contact_length, address)) {
        return channel_fail(report, CHANNEL_LATER, "contact_unreadable");
    }
    if (strlen(es_buf_str(address)) != address->length || !address_valid(es_buf_str(address))) {
        return channel_fail(report, CHANNEL_NEVER, "bad_address");
    }
    return CHANNEL_DELIVERED;
}

static enum channel_result write_letter(const struct notify *notify,
                                        const struct messages_claimed *claimed,
                                        struct letter *ret_letter, struct channel_report *report)
{
    ES_CLEANUP(es_wipe_buf) struct es_buf content = ES_BUF_INIT;
    if (!vault_open(notify->vault, claimed->sealed, claimed->sealed_length, &content)) {
        return channel_fail(report, CHANNEL_LATER, "message_unreadable");
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(templates); i++) {
        if (strcmp(templates[i].name, claimed->template_name) == 0) {
            return templates[i].write(&content, notify->zone, ret_letter)
                       ? CHANNEL_DELIVERED
                       : channel_fail(report, CHANNEL_NEVER, "bad_content");
        }
    }
    return channel_fail(report, CHANNEL_NEVER, "no_template");
}

enum channel_result composer_compose(const struct notify *notify,
                                     const struct messages_claimed *claimed,
                                     struct composed *ret_composed, struct channel_report *report)
{
    enum channel_result result = open_address(notify, claimed, &ret_composed->address, report);
    if (result != CHANNEL_DELIVERED) {
        return result;
    }
    result = write_letter(notify, claimed, &ret_composed->letter, report);
    if (result != CHANNEL_DELIVERED) {
        return result;
    }
    vault_reference(notify->vault, claimed->message_id, ret_composed->reference);
    ret_composed->mail = (struct mail){
        .from = &notify->from,
        .to = es_buf_str(&ret_composed->address),
        .reference = ret_composed->reference,
        .message_id = claimed->message_id,
        .written_at_us = claimed->created_at_us,
        .letter = &ret_composed->letter,
    };
    return CHANNEL_DELIVERED;
}
