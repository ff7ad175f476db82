/*
 * libmicrohttpd as it comes, answering a constant: what this machine, its network stack and wrk
 * allow any server on that library.
 *
 *     mhd-bench PORT THREADS
 *
 * Serves on loopback until it is told to end.
 */
#include "common/base/text.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ARGUMENTS    3
#define MOST_CLIENTS 1024u

static enum MHD_Result answer(void *response, struct MHD_Connection *connection, const char *target,
                              const char *method, const char *version, const char *body,
                              size_t *body_size, void **state)
{
    (void)target;
    (void)method;
    (void)version;
    (void)body;
    if (*state == NULL) { /* the header alone is in */
        *state = connection;
        return MHD_YES;
    }
    if (*body_size > 0) {
        *body_size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(int argc, char **argv)
{
    uint64_t port = 0;
    uint64_t threads = 0;
    int signal_number = 0;
    sigset_t ending;
    if (argc != ARGUMENTS || !es_parse_u64(argv[1], &port) || !es_parse_u64(argv[2], &threads) ||
        port > UINT16_MAX || threads > MOST_CLIENTS) {
        (void)fputs("usage: mhd-bench PORT THREADS\n", stderr);
        return EXIT_FAILURE;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(2, (void *)(uintptr_t) "{}", MHD_RESPMEM_PERSISTENT);
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ending, NULL);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, response, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&address, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)threads,
        MHD_OPTION_CONNECTION_LIMIT, MOST_CLIENTS, MHD_OPTION_END);
    if (daemon == NULL) {
        (void)fputs("mhd-bench: cannot listen\n", stderr);
        return EXIT_FAILURE;
    }
    (void)sigwait(&ending, &signal_number);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return EXIT_SUCCESS;
}
