/*
 * A raw HTTP peer for tests: says exactly the bytes it is told to and reads answers one by one, so
 * that a test can be a client that no library would let it be. Everything fails the test at once
 * when it does not happen within PEER_PATIENCE_S.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/tests/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PEER_PATIENCE_S 30

struct peer {
    int fd;
    struct es_buf in; /* read, not yet taken */
};

struct peer_answer {
    unsigned status;
    struct es_buf head; /* status line and header fields, each line ending in CRLF */
    struct es_buf body;
};

/* --- connecting -------------------------------------------------------------------------- */

static inline int peer_dial(const struct sockaddr *name, socklen_t size)
{
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, name, size) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static inline int peer_dial_unix(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    assert_true(es_copy_str(name.sun_path, sizeof(name.sun_path), path));
    return peer_dial((const struct sockaddr *)&name, sizeof(name));
}

static inline int peer_dial_inet(const char *address)
{
    uint64_t port = 0;
    const char *colon = strrchr(address, ':');
    assert_non_null(colon);
    assert_true(es_parse_u64(colon + 1, &port));
    struct sockaddr_in four = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)port),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
    return address[0] == '[' ? peer_dial((const struct sockaddr *)&six, sizeof(six))
                             : peer_dial((const struct sockaddr *)&four, sizeof(four));
}

/* To "127.0.0.1:8001", "[::1]:8001" or "unix:/path"; FD is -1 when nobody is there. */
static inline struct peer peer_try_connect(const char *address)
{
    bool is_unix = es_starts_with(address, "unix:");
    struct peer peer = {
        .fd = is_unix ? peer_dial_unix(address + strlen("unix:")) : peer_dial_inet(address),
    };
    if (peer.fd >= 0) {
        struct timeval patience = {.tv_sec = PEER_PATIENCE_S};
        socklen_t size = sizeof(patience);
        assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, size), 0);
        assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, size), 0);
    }
    return peer;
}

static inline struct peer peer_connect(const char *address)
{
    struct peer peer = peer_try_connect(address);
    assert_true(peer.fd >= 0);
    return peer;
}

static inline void peer_close(struct peer *peer)
{
    if (peer->fd >= 0) {
        (void)close(peer->fd);
    }
    peer->fd = -1;
    es_buf_done(&peer->in);
}

/* --- saying ------------------------------------------------------------------------------ */

static inline void peer_send_bytes(struct peer *peer, const void *bytes, size_t length)
{
    size_t sent = 0;
    while (sent < length) {
        ssize_t count = send(peer->fd, (const char *)bytes + sent, length - sent, MSG_NOSIGNAL);
        assert_true(count > 0);
        sent += (size_t)count;
    }
}

static inline void peer_send(struct peer *peer, const char *text)
{
    peer_send_bytes(peer, text, strlen(text));
}

/* --- hearing ----------------------------------------------------------------------------- */

/* More bytes from the other side; false at its end. */
static inline bool peer_fill(struct peer *peer)
{
    char bytes[4096];
    ssize_t count = 0;
    do {
        count = recv(peer->fd, bytes, sizeof(bytes), 0);
    } while (count < 0 && errno == EINTR); /* this process was stopped, and goes on */
    if (count < 0 && errno != ECONNRESET) {
        fail_msg("nothing was heard for %d s: %s", PEER_PATIENCE_S, strerror(errno));
    }
    if (count <= 0) {
        return false;
    }
    es_buf_add(&peer->in, bytes, (size_t)count);
    return true;
}

/* True when the other side says nothing more and ends. */
static inline bool peer_ended(struct peer *peer)
{
    return peer->in.length == 0 && !peer_fill(peer);
}

static inline void peer_take(struct peer *peer, size_t length, struct es_buf *out)
{
    while (peer->in.length < length) {
        assert_true(peer_fill(peer));
    }
    es_buf_add(out, peer->in.data, length);
    memmove(peer->in.data, peer->in.data + length, peer->in.length - length);
    peer->in.length -= length;
    peer->in.data[peer->in.length] = '\0';
}

/* The value of field NAME of ANSWER, in static memory; NULL when it is absent. */
static inline const char *answer_header(const struct peer_answer *answer, const char *name)
{
    static char value[2048];
    size_t length = strlen(name);
    const char *line = es_buf_str(&answer->head);
    for (line = strstr(line, "\r\n") + 2; *line != '\0'; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *start = line + length + 2;
            size_t size = strcspn(start, "\r");
            assert_true(size < sizeof(value));
            memcpy(value, start, size);
            value[size] = '\0';
            return value;
        }
    }
    return NULL;
}

/* The next head ("HTTP/1.1 200 OK", fields), without a body. */
static inline struct peer_answer peer_hear_head(struct peer *peer)
{
    struct peer_answer answer = {0};
    const char *end = NULL;
    while ((end = strstr(es_buf_str(&peer->in), "\r\n\r\n")) == NULL) {
        if (!peer_fill(peer)) {
            fail_msg("the connection ended without an answer");
        }
    }
    size_t length = (size_t)(end - es_buf_str(&peer->in)) + 2;
    peer_take(peer, length, &answer.head);
    struct es_buf rest = ES_BUF_INIT;
    peer_take(peer, 2, &rest);
    es_buf_done(&rest);
    assert_true(es_starts_with(es_buf_str(&answer.head), "HTTP/1.1 "));
    answer.status = (unsigned)strtoul(es_buf_str(&answer.head) + strlen("HTTP/1.1 "), NULL, 10);
    return answer;
}

/* The next whole answer. */
static inline struct peer_answer peer_hear(struct peer *peer)
{
    struct peer_answer answer = peer_hear_head(peer);
    const char *length = answer_header(&answer, "Content-Length");
    uint64_t size = 0;
    if (length != NULL) {
        assert_true(es_parse_u64(length, &size));
    }
    peer_take(peer, size, &answer.body);
    return answer;
}

static inline void answer_done(struct peer_answer *answer)
{
    es_buf_done(&answer->head);
    es_buf_done(&answer->body);
}

/* --- stories ----------------------------------------------------------------------------- */

/* Say REQUEST, hear the answer. */
static inline struct peer_answer peer_ask(struct peer *peer, const char *request)
{
    peer_send(peer, request);
    return peer_hear(peer);
}

/* Hear a problem: STATUS, the stable CODE in the body, the media type and the fixed fields. */
static inline void peer_hears_problem(struct peer *peer, unsigned status, const char *code)
{
    struct peer_answer answer = peer_hear(peer);
    char member[64];
    (void)snprintf(member, sizeof(member), "\"error\":\"%s\"", code);
    if (answer.status != status || strstr(es_buf_str(&answer.body), member) == NULL) {
        fail_msg("expected %u %s, heard: %s%s", status, code, es_buf_str(&answer.head),
                 es_buf_str(&answer.body));
    }
    assert_string_equal(answer_header(&answer, "Content-Type"), "application/problem+json");
    assert_string_equal(answer_header(&answer, "X-Content-Type-Options"), "nosniff");
    assert_non_null(answer_header(&answer, "X-Request-Id"));
    answer_done(&answer);
}

static inline void peer_hears_status(struct peer *peer, unsigned status)
{
    struct peer_answer answer = peer_hear(peer);
    if (answer.status != status) {
        fail_msg("expected %u, heard: %s%s", status, es_buf_str(&answer.head),
                 es_buf_str(&answer.body));
    }
    answer_done(&answer);
}
