#include "common/http/connections.h"

#include "common/answer/request-id.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/http/raw-answer.h"

#include <errno.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_US          1000
#define STATE_ESTABLISHED  1 /* in tcpi_state; linux/tcp.h does not name the kernel's states */
#define SHORTEST_TICK_US   (5 * ES_US_PER_MS)
#define LONGEST_TICK_US    (500 * ES_US_PER_MS)
#define TICKS_PER_DEADLINE 8
/* The kernel tells the age of the last byte in steps of a few milliseconds; a byte must be younger
 * than the answer by more than that to belong to the next request. */
#define ARRIVAL_SLACK_US (20 * ES_US_PER_MS)
/* How long an idle connection must have been so before a stopping server closes it: the peer may
 * have sent the next request a moment ago. */
#define DRAIN_IDLE_US (100 * ES_US_PER_MS)
#define DRAIN_TICK_US (20 * ES_US_PER_MS)
/* What is left of any deadline then: every restart waits for whoever drips. */
#define DRAIN_REST_US (2 * ES_US_PER_S)

/* Slower than any line that is of use: who takes less of an answer than that does not take it. */
#define LEAST_BYTES_PER_S 1024

/* After a rush, once so few of its connections are left, its memory goes back to the system. */
#define RUSH_FROM 1024
#define RUSH_LEFT 4 /* a quarter */

/* What a connection waits for. The word is (time << PHASE_BITS) | phase; the time is the deadline,
 * for IDLE the moment at which it began. */
enum phase {
    PHASE_FREE,
    PHASE_HEADERS,
    PHASE_BODY,
    PHASE_WORK, /* no deadline */
    PHASE_ANSWER,
    PHASE_IDLE,
    PHASE_CUTTING, /* the watcher is using the socket */
    PHASE_CUT,
};
#define PHASE_BITS 3
#define PHASE_MASK ((UINT64_C(1) << PHASE_BITS) - 1)

struct es_connection {
    atomic_uint_fast64_t word;
    struct es_connections *owner;
    struct es_connection *next_free;
    atomic_int fd;        /* the watcher may look at a place that is just being given to another */
    uint64_t answer_word; /* the watcher's: the answer it has last seen begin or get on */
    uint64_t answer_acked;
    bool local;
    char peer[ES_CLIENT_ADDRESS_SIZE];
};

struct es_connections {
    struct es_connection_limits limits;
    struct es_connection *slots;
    size_t slot_count;
    int64_t tick_us;
    struct es_id_source ids; /* the watcher's */
    void (*on_release)(void *context);
    void *on_release_context;

    pthread_t watcher;
    pthread_mutex_t lock;
    pthread_cond_t hurry;  /* ENDING or DRAINING_US was set */
    pthread_cond_t closed; /* RESERVED became 0 */
    struct es_connection *free_slots;
    atomic_size_t reserved; /* written under LOCK */
    bool ending;
    atomic_llong draining_us; /* monotonic: since when; 0: not; set under LOCK */
};

static uint64_t make_word(enum phase phase, int64_t time_us)
{
    return (uint64_t)time_us << PHASE_BITS | phase;
}

static enum phase phase_of(uint64_t word)
{
    return (enum phase)(word & PHASE_MASK);
}

static int64_t time_of(uint64_t word)
{
    return (int64_t)(word >> PHASE_BITS);
}

/* --- deadlines --------------------------------------------------------------------------- */

/* What the kernel knows of a peer. Of one on a Unix socket, which is our own proxy, it tells
 * nothing: that counts as one that was heard long ago and is there. */
struct peer_facts {
    int64_t last_byte_us; /* when its last byte came in */
    uint64_t acked;       /* bytes that it has taken */
    bool heard;           /* any byte has come */
    bool gone;            /* it has closed its side */
};

static struct peer_facts look_at_peer(int fd, int64_t now_us)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return (struct peer_facts){.heard = true};
    }
    return (struct peer_facts){
        .last_byte_us = now_us - info.tcpi_last_data_recv * ES_US_PER_MS,
        .acked = info.tcpi_bytes_acked,
        .heard = info.tcpi_bytes_received > 0,
        .gone = info.tcpi_state != STATE_ESTABLISHED,
    };
}

static void answer_timeout(struct es_connections *connections, int fd)
{
    unsigned char id[ES_REQUEST_ID_BYTES];
    char id_text[ES_REQUEST_ID_TEXT_SIZE];
    es_request_id_make(&connections->ids, id);
    es_request_id_format(id, id_text);
    es_raw_answer(fd, ES_PROBLEM_REQUEST_TIMEOUT, NULL, id_text);
}

/* Cut CONNECTION if it is still in the state WORD. */
static bool cut(struct es_connections *connections, struct es_connection *connection, uint64_t word,
                bool tell)
{
    uint_fast64_t expected = word;
    if (!atomic_compare_exchange_strong(&connection->word, &expected, PHASE_CUTTING)) {
        return false;
    }
    if (tell) {
        answer_timeout(connections, connection->fd);
    }
    (void)shutdown(connection->fd, SHUT_RDWR);
    atomic_store(&connection->word, PHASE_CUT);
    return true;
}

static bool is_draining(const struct es_connections *connections)
{
    return atomic_load_explicit(&connections->draining_us, memory_order_relaxed) != 0;
}

/* When that is over which began at BEGIN_US and may take SPAN_US. */
static int64_t end_of(const struct es_connections *connections, int64_t begin_us, int64_t span_us)
{
    int64_t draining_us = atomic_load_explicit(&connections->draining_us, memory_order_relaxed);
    int64_t end_us = begin_us + span_us;
    int64_t rest_us = (begin_us > draining_us ? begin_us : draining_us) + DRAIN_REST_US;
    return draining_us != 0 && rest_us < end_us ? rest_us : end_us;
}

/* A connection that has answered and waits: has the next request begun? Then it is under the
 * header deadline from that byte on. */
static void check_idle(struct es_connections *connections, struct es_connection *connection,
                       uint64_t word, int64_t now_us)
{
    int64_t since_us = time_of(word);
    bool draining = is_draining(connections);
    int64_t limit_us = draining ? DRAIN_IDLE_US : connections->limits.idle_us;
    if (now_us - since_us < (draining ? DRAIN_IDLE_US : connections->tick_us)) {
        return; /* nearly every one under load: not worth a system call */
    }
    struct peer_facts peer = look_at_peer(connection->fd, now_us);
    if (peer.last_byte_us > since_us + ARRIVAL_SLACK_US && !peer.gone) {
        uint_fast64_t expected = word;
        uint64_t next = make_word(PHASE_HEADERS, peer.last_byte_us + connections->limits.header_us);
        (void)atomic_compare_exchange_strong(&connection->word, &expected, next);
    } else if (peer.gone || now_us - since_us >= limit_us) {
        (void)cut(connections, connection, word, false);
    }
}

/* A request is on its way in. libmicrohttpd 0.9.75 does not notice a peer that closes right behind
 * its last bytes; and nothing is said to a connection on which nothing was asked: proxies and
 * browsers open some ahead, and would take the 408 for the answer to what they send next. */
static void check_incoming(struct es_connections *connections, struct es_connection *connection,
                           uint64_t word, int64_t now_us)
{
    bool headers = phase_of(word) == PHASE_HEADERS;
    int64_t span_us = headers ? connections->limits.header_us : connections->limits.body_us;
    int64_t begin_us = time_of(word) - span_us;
    int64_t waited_us = now_us - begin_us;
    bool late = now_us >= end_of(connections, begin_us, span_us);
    if (!late && waited_us < connections->tick_us) {
        return;
    }
    struct peer_facts peer = look_at_peer(connection->fd, now_us);
    bool unused = !peer.heard && is_draining(connections) && waited_us >= DRAIN_IDLE_US;
    if (late || unused || peer.gone) {
        (void)cut(connections, connection, word, late && peer.heard && !peer.gone);
    }
}

/* An answer on its way out. It may take as long as it needs, as long as the peer goes on taking it:
 * the deadline is moved on each time something came of the time since it was set. What a peer on a
 * Unix socket has taken is not known: one deadline is all it gets. */
static void check_answer(struct es_connections *connections, struct es_connection *connection,
                         uint64_t word, int64_t now_us)
{
    bool seen = connection->answer_word == word;
    int64_t span_us = connections->limits.body_us;
    int64_t begin_us = time_of(word) - span_us;
    if (seen && now_us < end_of(connections, begin_us, span_us)) {
        return;
    }
    uint64_t acked = look_at_peer(connection->fd, now_us).acked;
    uint64_t least = (uint64_t)((now_us - begin_us) * LEAST_BYTES_PER_S / ES_US_PER_S);
    if (!seen) {
        connection->answer_word = word;
        connection->answer_acked = acked;
    } else if (acked < connection->answer_acked + least) {
        (void)cut(connections, connection, word, false);
    } else {
        uint_fast64_t expected = word;
        uint64_t next = make_word(PHASE_ANSWER, now_us + span_us);
        if (atomic_compare_exchange_strong(&connection->word, &expected, next)) {
            connection->answer_word = next;
            connection->answer_acked = acked;
        }
    }
}

static void check(struct es_connections *connections, struct es_connection *connection,
                  int64_t now_us)
{
    uint64_t word = atomic_load_explicit(&connection->word, memory_order_acquire);
    enum phase phase = phase_of(word);
    if (phase == PHASE_IDLE) {
        check_idle(connections, connection, word, now_us);
    } else if (phase == PHASE_HEADERS || phase == PHASE_BODY) {
        check_incoming(connections, connection, word, now_us);
    } else if (phase == PHASE_ANSWER) {
        check_answer(connections, connection, word, now_us);
    }
}

/* --- the watcher ------------------------------------------------------------------------- */

static struct timespec after(int64_t wait_us)
{
    int64_t at_us = es_clock_mono_us() + wait_us;
    return (struct timespec){
        .tv_sec = at_us / ES_US_PER_S,
        .tv_nsec = at_us % ES_US_PER_S * NS_PER_US,
    };
}

/* The allocator keeps what a rush of connections needed unless it is told that the rush is over.
 * MOST is the largest number of connections since the last time. */
static void give_memory_back(const struct es_connections *connections, size_t *most)
{
    size_t count = atomic_load_explicit(&connections->reserved, memory_order_relaxed);
    *most = count > *most ? count : *most;
    if (*most >= RUSH_FROM && count <= *most / RUSH_LEFT) {
        (void)malloc_trim(0);
        *most = count;
    }
}

static void *watch(void *context)
{
    struct es_connections *connections = context;
    size_t most = 0;
    (void)pthread_setname_np(pthread_self(), "http-watch");
    pthread_mutex_lock(&connections->lock);
    while (!connections->ending) {
        struct timespec until =
            after(is_draining(connections) ? DRAIN_TICK_US : connections->tick_us);
        (void)pthread_cond_timedwait(&connections->hurry, &connections->lock, &until);
        pthread_mutex_unlock(&connections->lock);
        int64_t now_us = es_clock_mono_us();
        for (size_t i = 0; i < connections->slot_count; i++) {
            check(connections, &connections->slots[i], now_us);
        }
        give_memory_back(connections, &most);
        pthread_mutex_lock(&connections->lock);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

static int64_t tick_for(const struct es_connection_limits *limits)
{
    int64_t shortest_us = limits->header_us < limits->body_us ? limits->header_us : limits->body_us;
    shortest_us = limits->idle_us < shortest_us ? limits->idle_us : shortest_us;
    int64_t tick_us = shortest_us / TICKS_PER_DEADLINE;
    tick_us = tick_us > SHORTEST_TICK_US ? tick_us : SHORTEST_TICK_US;
    return tick_us < LONGEST_TICK_US ? tick_us : LONGEST_TICK_US;
}

static void init_locks(struct es_connections *connections)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&connections->lock, NULL);
    pthread_cond_init(&connections->hurry, &attributes);
    pthread_cond_init(&connections->closed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void destroy(struct es_connections *connections)
{
    pthread_cond_destroy(&connections->closed);
    pthread_cond_destroy(&connections->hurry);
    pthread_mutex_destroy(&connections->lock);
    free(connections->slots);
    free(connections);
}

struct es_connections *es_connections_new(const struct es_connection_limits *limits)
{
    struct es_connections *connections = ES_NEW(struct es_connections);
    connections->limits = *limits;
    connections->slot_count = limits->most;
    connections->slots = es_calloc(limits->most, sizeof(*connections->slots));
    connections->tick_us = tick_for(limits);
    for (size_t i = limits->most; i > 0; i--) {
        connections->slots[i - 1].owner = connections;
        connections->slots[i - 1].next_free = connections->free_slots;
        connections->free_slots = &connections->slots[i - 1];
    }
    init_locks(connections);
    if (pthread_create(&connections->watcher, NULL, watch, connections) != 0) {
        destroy(connections);
        return NULL;
    }
    return connections;
}

struct es_connections *es_connections_free(struct es_connections *connections)
{
    if (connections == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&connections->lock);
    connections->ending = true;
    pthread_cond_signal(&connections->hurry);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->watcher, NULL);
    destroy(connections);
    return NULL;
}

/* --- places ------------------------------------------------------------------------------ */

bool es_connections_reserve(struct es_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    bool free_place = connections->reserved < connections->slot_count;
    connections->reserved += free_place;
    pthread_mutex_unlock(&connections->lock);
    return free_place;
}

static void release(struct es_connections *connections, struct es_connection *slot)
{
    pthread_mutex_lock(&connections->lock);
    if (slot != NULL) {
        slot->next_free = connections->free_slots;
        connections->free_slots = slot;
    }
    connections->reserved--;
    if (connections->reserved == 0) {
        pthread_cond_broadcast(&connections->closed);
    }
    pthread_mutex_unlock(&connections->lock);
    if (connections->on_release != NULL) {
        connections->on_release(connections->on_release_context);
    }
}

void es_connections_unreserve(struct es_connections *connections)
{
    release(connections, NULL);
}

void es_connections_on_release(struct es_connections *connections, void (*notify)(void *context),
                               void *context)
{
    connections->on_release = notify;
    connections->on_release_context = context;
}

struct es_connection *es_connection_open(struct es_connections *connections, int fd,
                                         const struct sockaddr *peer)
{
    pthread_mutex_lock(&connections->lock);
    struct es_connection *connection = connections->free_slots; /* reserved: there is one */
    connections->free_slots = connection->next_free;
    pthread_mutex_unlock(&connections->lock);
    connection->fd = fd;
    connection->local = es_client_address_is_local(peer);
    es_client_address_format(peer, connection->peer);
    int64_t deadline_us = es_clock_mono_us() + connections->limits.header_us;
    atomic_store_explicit(&connection->word, make_word(PHASE_HEADERS, deadline_us),
                          memory_order_release);
    return connection;
}

void es_connection_close(struct es_connection *connection)
{
    uint_fast64_t word = atomic_load(&connection->word);
    while (phase_of(word) == PHASE_CUTTING ||
           !atomic_compare_exchange_weak(&connection->word, &word, PHASE_FREE)) {
        sched_yield(); /* the watcher needs two system calls */
        word = atomic_load(&connection->word);
    }
    release(connection->owner, connection);
}

int es_connection_fd(const struct es_connection *connection)
{
    return connection->fd;
}

const char *es_connection_peer(const struct es_connection *connection)
{
    return connection->peer;
}

bool es_connection_is_local(const struct es_connection *connection)
{
    return connection->local;
}

/* --- phases ------------------------------------------------------------------------------ */

/* Move on to WORD unless the watcher was faster. */
static bool move_to(struct es_connection *connection, uint64_t next)
{
    uint_fast64_t word = atomic_load_explicit(&connection->word, memory_order_relaxed);
    do {
        if (phase_of(word) == PHASE_CUTTING || phase_of(word) == PHASE_CUT) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&connection->word, &word, next,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return true;
}

bool es_connection_expect_body(struct es_connection *connection, int64_t now_us)
{
    return move_to(connection, make_word(PHASE_BODY, now_us + connection->owner->limits.body_us));
}

bool es_connection_at_work(struct es_connection *connection)
{
    return move_to(connection, PHASE_WORK);
}

void es_connection_answering(struct es_connection *connection, int64_t now_us)
{
    /* cut meanwhile: the send will fail and say so */
    (void)move_to(connection, make_word(PHASE_ANSWER, now_us + connection->owner->limits.body_us));
}

void es_connection_idle(struct es_connection *connection, int64_t now_us)
{
    (void)move_to(connection, make_word(PHASE_IDLE, now_us));
}

/* --- stopping ---------------------------------------------------------------------------- */

void es_connections_drain(struct es_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    connections->draining_us = es_clock_mono_us();
    pthread_cond_signal(&connections->hurry);
    pthread_mutex_unlock(&connections->lock);
}

/* Whatever state it is in, as long as it is open. */
static void cut_now(struct es_connections *connections, struct es_connection *connection)
{
    bool done = false;
    while (!done) {
        uint64_t word = atomic_load(&connection->word);
        enum phase phase = phase_of(word);
        bool over = phase == PHASE_FREE || phase == PHASE_CUTTING || phase == PHASE_CUT;
        done = over || cut(connections, connection, word, false);
    }
}

void es_connections_cut(struct es_connections *connections)
{
    for (size_t i = 0; i < connections->slot_count; i++) {
        cut_now(connections, &connections->slots[i]);
    }
}

bool es_connections_wait_closed(struct es_connections *connections, int64_t timeout_ms)
{
    struct timespec until = after(timeout_ms * ES_US_PER_MS);
    int result = 0;
    pthread_mutex_lock(&connections->lock);
    while (connections->reserved > 0 && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&connections->closed, &connections->lock, &until);
    }
    bool closed = connections->reserved == 0;
    pthread_mutex_unlock(&connections->lock);
    return closed;
}

size_t es_connections_count(const struct es_connections *connections)
{
    return atomic_load_explicit(&connections->reserved, memory_order_relaxed);
}
