/*
 * Who is calling, as the limits and the log see it: an address as text without port.
 *
 * IPv6 callers are counted by their /64 network, since one subscriber owns all of it; IPv4 in IPv6
 * clothing is written as IPv4. A peer on a Unix socket is this machine.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <sys/socket.h>

#define ES_CLIENT_ADDRESS_SIZE 46 /* INET6_ADDRSTRLEN */

void es_client_address_format(const struct sockaddr *address,
                              char ret_text[ES_CLIENT_ADDRESS_SIZE]);

/* On the loopback network or on a Unix socket: only such a peer can be our own proxy. */
bool es_client_address_is_local(const struct sockaddr *address) ES_MUST_CHECK;

/* The last element of an X-Forwarded-For value that is not on our loopback network: the address
 * our proxy saw. Elements left of it were sent by the client and prove nothing. False when there
 * is none, or an element on the way to it is not a plain address. */
bool es_forwarded_client(const char *header, char ret_text[ES_CLIENT_ADDRESS_SIZE]) ES_MUST_CHECK;
