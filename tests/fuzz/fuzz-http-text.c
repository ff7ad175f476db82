/*
 * Fuzz target: every text parser of common/http gets the same input, as the server would hand it
 * over (a text without NUL), and what each promises of its result is checked.
 */
#include "common/answer/request-id.h"
#include "common/base/arena.h"
#include "common/base/text.h"
#include "common/http/client-address.h"
#include "common/http/content-type.h"
#include "common/http/cookie.h"
#include "common/http/form.h"
#include "common/http/framing.h"
#include "common/http/idempotency.h"
#include "common/http/retry-after.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/http/target.h"
#include "common/http/urlencoded.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LONGEST_TEXT 100
#define MOST_ITEMS   3
#define MOST_LINES   32

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void handler(struct es_request *request, void *app, void *worker)
{
    (void)request;
    (void)app;
    (void)worker;
}

static const struct es_route routes[] = {
    {.method = "GET", .path = "/", .handle = handler},
    {.method = "POST", .path = "/api/signal", .handle = handler},
    {.method = "GET", .path = "/api/signals/{id}/receipt", .handle = handler},
    {.method = "DELETE", .path = "/{a}/{b}/{c}", .handle = handler},
};

static void check_target(struct es_arena *arena, const char *text)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_target target;
    struct es_match match;
    if (!es_target_parse(arena, text, &target)) {
        return;
    }
    require(target.path[0] == '/' || strcmp(target.path, "*") == 0);
    require(strchr(target.path, '?') == NULL);
    struct es_router *router = es_router_new(routes, ES_ARRAY_LEN(routes), &error);
    enum es_match_result result =
        es_router_match(router, arena, ES_METHOD_GET, target.path, &match);
    require((result == ES_MATCH_FOUND) == (match.route != NULL));
    for (size_t i = 0; i < match.params.count && result != ES_MATCH_NO_PATH; i++) {
        require(match.params.values[i][0] != '\0');
        require(es_utf8_valid(match.params.values[i], strlen(match.params.values[i])));
    }
    es_router_free(router);
}

static void check_query(struct es_arena *arena, const char *text)
{
    const char *value = NULL;
    if (es_query_find(arena, text, "a", &value) == ES_QUERY_FOUND) {
        require(strlen(value) <= strlen(text) && es_utf8_valid(value, strlen(value)));
    }
}

/* A form that is one becomes an object that the JSON reader understands, unless a name occurs
 * twice. */
static void check_form(struct es_arena *arena, const char *text)
{
    ES_CLEANUP(es_buf_done) struct es_buf json = ES_BUF_INIT;
    const char *name = NULL;
    const char *error = NULL;
    int64_t number = 0;
    bool truth = false;
    struct es_json_texts list = {0};
    const struct es_json_member members[] = {
        {.name = "a", .type = ES_JSON_TEXT, .max = LONGEST_TEXT, .target = &name},
        {.name = "b", .type = ES_JSON_INT, .max = INT64_MAX, .target = &number},
        {.name = "c", .type = ES_JSON_BOOL, .target = &truth},
        {.name = "d",
         .type = ES_JSON_TEXTS,
         .max = MOST_ITEMS,
         .max_each = LONGEST_TEXT,
         .target = &list},
    };
    size_t count = ES_ARRAY_LEN(members);
    if (!es_form_to_json(arena, text, strlen(text), members, count, &json)) {
        return;
    }
    enum es_json_result result =
        es_json_read(arena, json.data, json.length, members, count, &error);
    require(result != ES_JSON_MALFORMED || strcmp(error, "A member occurs twice.") == 0);
}

static void check_header_values(struct es_arena *arena, const char *text)
{
    char client[ES_CLIENT_ADDRESS_SIZE];
    unsigned char binary[sizeof(struct in6_addr)];
    unsigned char id[ES_REQUEST_ID_BYTES];
    char id_text[ES_REQUEST_ID_TEXT_SIZE];
    if (es_forwarded_client(text, client)) {
        require(inet_pton(AF_INET, client, binary) == 1 ||
                inet_pton(AF_INET6, client, binary) == 1);
    }
    const char *key = es_idempotency_key_parse(arena, text);
    if (key != NULL) {
        require(strlen(key) >= 1 && strlen(key) <= ES_IDEMPOTENCY_KEY_MAX);
        require(strspn(key, " \t\r\n") == 0);
    }
    if (es_request_id_parse(text, id)) {
        es_request_id_format(id, id_text);
        require(strcasecmp(id_text, text) == 0);
    }
    const char *cookie = es_cookie_find(arena, text, "id");
    require(cookie == NULL || strstr(text, cookie) != NULL);
    require(es_retry_after_parse(text, 0) >= -1);
    require(!es_content_type_is(text, "a/b") || strncasecmp(text, "a/b", 3) == 0);
    require(!es_accepts_page(text) || strcasestr(text, "text/html") != NULL);
}

/* The text as lines "name:value" of one header. */
static void check_framing(struct es_arena *arena, const char *text)
{
    struct es_header items[MOST_LINES];
    struct es_headers headers = {.items = items};
    struct es_framing framing;
    char *next = es_arena_strdup(arena, text);
    while (next != NULL && headers.count < MOST_LINES) {
        char *line = strsep(&next, "\n");
        char *value = line;
        const char *name = strsep(&value, ":");
        value = value != NULL ? value : line + strlen(line);
        items[headers.count++] = (struct es_header){
            .name = name,
            .value = value,
            .name_length = strlen(name),
            .value_length = strlen(value),
        };
    }
    es_headers_index(&headers, arena);
    if (es_framing_check("POST", "HTTP/1.1", &headers, &framing) == NULL) {
        require(headers.known[ES_HEADER_HOST] != NULL);
        require(!framing.chunked || framing.length == 0);
        require(!headers.repeated);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    const char *text =
        es_arena_strndup(arena, (const char *)data, strnlen((const char *)data, size));
    check_target(arena, text);
    check_query(arena, text);
    check_form(arena, text);
    check_header_values(arena, text);
    check_framing(arena, text);
    return 0;
}
