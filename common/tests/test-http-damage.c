/* Requests damaged in every way a seeded generator thinks of: each is answered or hung up on, and
 * the server is as well after as before. Under ASan this is the leak and overrun test of the
 * intake. */
#include "common/base/random.h"
#include "common/http/server.h"
#include "common/tests/http-fixture.h"
#include "common/tests/http-peer.h"
#include "common/tests/unit.h"

#define ROUNDS       5000
#define MOST_DAMAGES 4
#define TIMEOUT_MS   200

static void read_body(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    const char *value = NULL;
    size_t length = 0;
    (void)es_request_body(request, &length);
    if (es_request_query(request, "q", &value)) {
        answer_number(request, 200, (int)length);
    }
}

static const struct es_route routes[] = {
    {.method = "POST", .path = "/items/{id}", .fast = read_body},
    {.method = "PUT", .path = "/items/{id}", .handle = read_body},
};

static const char *const seeds[] = {
    "POST /items/17?q=%41&r HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=\"d\"\r\nContent-Length: "
    "4\r\n\r\n"
    "abcd",
    "POST /items/%C3%B8 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "2\r\nab\r\n0\r\nX: y\r\n\r\n",
    "PUT http://a/items/1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
    "X-Forwarded-For: 1.2.3.4, ::1\r\n\r\nab",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nPOST /items/1 HTTP/1.1\r\nHost: a\r\n\r\n",
};

/* What is put somewhere: each has broken some parser somewhere. */
static const struct {
    const char *bytes;
    size_t length;
} pieces[] = {
    {"\0", 1},       {"\r", 1},
    {"\n", 1},       {"\r\n", 2},
    {" ", 1},        {"\t", 1},
    {":", 1},        {"%", 1},
    {"?", 1},        {"\xFF", 1},
    {"\r\n\r\n", 4}, {"\r\n ", 3},
    {"HTTP/1.1", 8}, {"Content-Length: 9", 17},
    {"00000", 5},    {"fffffffffffffffff", 17},
};

/* A generator of our own: the server's threads use the common one meanwhile. */
static uint32_t below(uint64_t *seed, size_t bound)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 33) % bound);
}

static void damage(struct es_buf *request, uint64_t *seed)
{
    size_t at = below(seed, request->length);
    size_t left = request->length - at;
    size_t kind = below(seed, 4);
    if (kind == 0) { /* change a byte */
        request->data[at] = (unsigned char)below(seed, 256);
    } else if (kind == 1) { /* leave some out */
        size_t count = 1 + below(seed, left < 8 ? left : 8);
        memmove(request->data + at, request->data + at + count, left - count);
        request->length -= count;
    } else if (kind == 2) { /* put something in */
        size_t piece = below(seed, ES_ARRAY_LEN(pieces));
        size_t length = pieces[piece].length;
        es_buf_add_zeros(request, length);
        request->length -= length;
        memmove(request->data + at + length, request->data + at, left);
        memcpy(request->data + at, pieces[piece].bytes, length);
        request->length += length;
    } else { /* cut it off */
        request->length = at + 1;
    }
}

static void no_damage_does_harm(void **state)
{
    (void)state;
    es_random_init();
    struct es_http_config config = {
        .listen = "127.0.0.1:0", .trust_proxy = true, .header_timeout_ms = TIMEOUT_MS};
    struct es_http_server *server = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    unsigned answered = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t seed = round;
        const char *start = seeds[round % ES_ARRAY_LEN(seeds)];
        ES_CLEANUP(es_buf_done) struct es_buf request = ES_BUF_INIT;
        es_buf_add_str(&request, start);
        for (size_t i = 0; i <= below(&seed, MOST_DAMAGES) && request.length > 1; i++) {
            damage(&request, &seed);
        }
        struct peer peer = peer_connect(es_http_server_address(server));
        (void)send(peer.fd, request.data, request.length, MSG_NOSIGNAL);
        (void)shutdown(peer.fd, SHUT_WR); /* so that what is incomplete ends at once */
        while (peer_fill(&peer)) {
        }
        answered += es_starts_with(es_buf_str(&peer.in), "HTTP/1.1 ");
        peer_close(&peer);
    }
    assert_true(answered > ROUNDS / 4);
    struct peer peer = peer_connect(es_http_server_address(server));
    post(&peer, "/items/1", "", "abcd");
    hears_number(&peer, 200, "4", false);
    peer_close(&peer);
    struct es_http_counts counts = {0};
    AWAIT((es_http_server_counts(server, &counts), counts.connections == 0));
    assert_true(es_http_server_stop(server));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_damage_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
