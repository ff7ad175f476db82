/* What an event loop is made of, for its thread (loop.c) and for what libmicrohttpd calls on that
 * thread (exchange.c). Private to common/http. */
#pragma once

#include "common/answer/request-id.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define ES_CACHE_LINE 64

struct MHD_Daemon;
struct es_arrival;
struct es_http_server;
struct es_request;

struct es_loop {
    struct es_http_server *server;
    struct MHD_Daemon *daemon;
    int epoll_fd; /* the daemon's */
    int wake_fd;
    pthread_t thread;
    bool running;

    /* the loop thread's alone */
    struct es_id_source ids;
    struct es_request *spare; /* kept for the next requests */
    unsigned spare_count;
    bool suspended;     /* the request in hand is away */
    unsigned fruitless; /* turns in a row that were asked for and in which nothing happened */

    /* written by the loop thread, read by any */
    atomic_size_t connections;
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t refusals;
    atomic_int_fast64_t busy_since_us; /* in a fast handler; 0: not */

    /* written by others; whoever makes a list not empty wakes the thread */
    _Alignas(ES_CACHE_LINE) _Atomic(struct es_request *) returned; /* the latest first */
    atomic_int_fast64_t returned_since_us;
    atomic_uint returning; /* threads that are just handing one back */
    pthread_mutex_t arrivals_lock;
    struct es_arrival *first_arrival;
    struct es_arrival *last_arrival;
    atomic_bool ending;
};
