/*
 * Many connections at once, one signal on each, as on the morning after a power cut:
 *
 *     burst ADDRESS PORT HOST TOKENFILE FIRST COUNT
 *
 * With the tokens of COUNT members, from line FIRST (0: the first) on. All connections are opened
 * without waiting for any, each sends its request as soon as it is established, and is timed from
 * the moment it was begun to the last byte of its answer. Prints one JSON line: the answers by
 * kind, and the latency histogram in milliseconds.
 */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN_MAX     1024
#define REQUEST_MAX   (TOKEN_MAX + 512)
#define ANSWER_MAX    4096
#define EVENTS_MAX    512
#define DEADLINE_US   (30 * ES_US_PER_S)
#define POLL_MS       100
#define BODY          "{\"channel\":\"app\"}"
#define SPARE_FDS     64
#define ARGUMENTS     7
#define PER_MILLE_MAX 1000
#define BUCKET_MS     100
#define BUCKETS       100 /* the last one takes what is slower */

struct call {
    int fd;     /* -1: over */
    int status; /* of the answer; 0: none came */
    bool sent;
    int64_t begun_us;
    int64_t took_us;
    size_t request_length;
    size_t answer_length;
    char request[REQUEST_MAX];
    char answer[ANSWER_MAX];
};

struct burst {
    struct sockaddr_in target;
    const char *host;
    int epoll;
    size_t count;
    size_t open;
    struct call *calls;
};

static ES_NORETURN void give_up(const char *what)
{
    (void)fprintf(stderr, "burst: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void read_tokens(struct burst *burst, const char *path, uint64_t first)
{
    char token[TOKEN_MAX];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        give_up(path);
    }
    for (uint64_t line = 0; line < first + burst->count; line++) {
        if (fgets(token, sizeof(token), file) == NULL) {
            give_up("too few tokens");
        }
        if (line < first) {
            continue;
        }
        struct call *call = &burst->calls[line - first];
        token[strcspn(token, "\n")] = '\0';
        int length = snprintf(call->request, REQUEST_MAX,
                              "POST /api/signal HTTP/1.1\r\nHost: %s\r\n"
                              "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                              "Authorization: Bearer %s\r\n\r\n%s",
                              burst->host, strlen(BODY), token, BODY);
        call->request_length = (size_t)length;
    }
    (void)fclose(file);
}

/* Every connection needs a descriptor; the usual soft limit is far below what may be had. */
static void raise_limit(size_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count + SPARE_FDS) {
        limit.rlim_cur = count + SPARE_FDS;
        if (limit.rlim_max < limit.rlim_cur || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            give_up("too few file descriptors");
        }
    }
}

static void begin(struct burst *burst, struct call *call)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = call};
    call->begun_us = es_clock_mono_us();
    call->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (call->fd < 0) {
        give_up("socket");
    }
    int result = connect(call->fd, (struct sockaddr *)&burst->target, sizeof(burst->target));
    if ((result != 0 && errno != EINPROGRESS) ||
        epoll_ctl(burst->epoll, EPOLL_CTL_ADD, call->fd, &event) != 0) {
        give_up("connect");
    }
    burst->open++;
}

static void end(struct burst *burst, struct call *call)
{
    call->took_us = es_clock_mono_us() - call->begun_us;
    (void)close(call->fd);
    call->fd = -1;
    burst->open--;
}

/* The status when ANSWER is whole, else 0. Answers to a signal always say their length. */
static int whole_answer(const struct call *call)
{
    static const char length_name[] = "\r\nContent-Length: ";
    static const char status_start[] = "HTTP/1.1 ";
    const char *body = strstr(call->answer, "\r\n\r\n");
    const char *length = strcasestr(call->answer, length_name);
    if (body == NULL || length == NULL || strncmp(call->answer, status_start, 9) != 0) {
        return 0;
    }
    size_t wanted = strtoul(length + strlen(length_name), NULL, 10);
    size_t have = call->answer_length - (size_t)(body + 4 - call->answer);
    return have >= wanted ? (int)strtol(call->answer + strlen(status_start), NULL, 10) : 0;
}

static void receive(struct burst *burst, struct call *call)
{
    ssize_t length = 0;
    while ((length = recv(call->fd, call->answer + call->answer_length,
                          ANSWER_MAX - 1 - call->answer_length, 0)) > 0) {
        call->answer_length += (size_t)length;
        call->answer[call->answer_length] = '\0';
    }
    call->status = whole_answer(call);
    bool closed = length == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    if (call->status != 0 || closed) {
        end(burst, call);
    }
}

static void on_event(struct burst *burst, struct call *call, uint32_t events)
{
    if (!call->sent && (events & EPOLLOUT) != 0) {
        /* far less than an empty socket buffer: it goes out whole or not at all */
        ssize_t sent = send(call->fd, call->request, call->request_length, MSG_NOSIGNAL);
        call->sent = sent == (ssize_t)call->request_length;
        if (!call->sent) {
            end(burst, call);
            return;
        }
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        receive(burst, call);
    }
}

static void collect(struct burst *burst, int wait_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(burst->epoll, events, EVENTS_MAX, wait_ms);
    for (int i = 0; i < count; i++) {
        struct call *call = events[i].data.ptr;
        if (call->fd >= 0) {
            on_event(burst, call, events[i].events);
        }
    }
}

static int compare_times(const void *a, const void *b)
{
    const struct call *first = a;
    const struct call *second = b;
    return (first->took_us > second->took_us) - (first->took_us < second->took_us);
}

static double percentile_ms(const struct burst *burst, size_t per_mille)
{
    size_t index = (burst->count * per_mille + PER_MILLE_MAX - 1) / PER_MILLE_MAX;
    index = index > 0 ? index - 1 : 0;
    return (double)burst->calls[index].took_us / (double)ES_US_PER_MS;
}

/* "histogram": how many took less than BUCKET_MS, less than twice that, and so on. */
static void print_histogram(const struct burst *burst)
{
    size_t counts[BUCKETS] = {0};
    size_t last = 0;
    for (size_t i = 0; i < burst->count; i++) {
        size_t bucket = (size_t)(burst->calls[i].took_us / (BUCKET_MS * ES_US_PER_MS));
        bucket = bucket < BUCKETS ? bucket : BUCKETS - 1;
        counts[bucket]++;
        last = bucket > last ? bucket : last;
    }
    printf("\"bucket_ms\":%d,\"histogram\":[", BUCKET_MS);
    for (size_t i = 0; i <= last; i++) {
        printf("%s%zu", i > 0 ? "," : "", counts[i]);
    }
    printf("]");
}

static void report(struct burst *burst, int64_t took_us)
{
    size_t accepted = 0;
    size_t refused = 0;
    for (size_t i = 0; i < burst->count; i++) {
        accepted += burst->calls[i].status == 200;
        refused += burst->calls[i].status != 0 && burst->calls[i].status != 200;
    }
    qsort(burst->calls, burst->count, sizeof(*burst->calls), compare_times);
    printf("{\"accepted\":%zu,\"refused\":%zu,\"broken\":%zu,\"seconds\":%.6f,"
           "\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f,",
           accepted, refused, burst->count - accepted - refused,
           (double)took_us / (double)ES_US_PER_S, percentile_ms(burst, 500),
           percentile_ms(burst, 900), percentile_ms(burst, 990), percentile_ms(burst, 999),
           percentile_ms(burst, PER_MILLE_MAX));
    print_histogram(burst);
    printf("}\n");
}

int main(int argc, char **argv)
{
    struct burst burst = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
    uint64_t port = 0;
    uint64_t first = 0;
    uint64_t count = 0;
    if (argc != ARGUMENTS || !es_parse_u64(argv[2], &port) || !es_parse_u64(argv[5], &first) ||
        !es_parse_u64(argv[6], &count) || port > UINT16_MAX || count == 0 ||
        inet_pton(AF_INET, argv[1], &burst.target.sin_addr) != 1) {
        (void)fputs("usage: burst ADDRESS PORT HOST TOKENFILE FIRST COUNT\n", stderr);
        return EXIT_FAILURE;
    }
    burst.target.sin_family = AF_INET;
    burst.target.sin_port = htons((uint16_t)port);
    burst.host = argv[3];
    burst.count = (size_t)count;
    burst.calls = es_calloc(burst.count, sizeof(*burst.calls));
    raise_limit(burst.count);
    read_tokens(&burst, argv[4], first);
    int64_t begun_us = es_clock_mono_us();
    for (size_t i = 0; i < burst.count; i++) {
        begin(&burst, &burst.calls[i]);
        collect(&burst, 0);
    }
    while (burst.open > 0 && es_clock_mono_us() - begun_us < DEADLINE_US) {
        collect(&burst, POLL_MS);
    }
    for (size_t i = 0; i < burst.count; i++) {
        if (burst.calls[i].fd >= 0) {
            end(&burst, &burst.calls[i]);
        }
    }
    report(&burst, es_clock_mono_us() - begun_us);
    free(burst.calls);
    return EXIT_SUCCESS;
}
