#include "common/http/client-address.h"

#include "common/base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define NETWORK_BYTES 8 /* of an IPv6 address: its /64 */
#define MAPPED_OFFSET 12

static bool is_loopback4(const struct in_addr *address)
{
    return ntohl(address->s_addr) >> 24 == 127;
}

static struct in_addr mapped4(const struct in6_addr *address)
{
    struct in_addr inner;
    memcpy(&inner, address->s6_addr + MAPPED_OFFSET, sizeof(inner));
    return inner;
}

static void format4(const struct in_addr *address, char ret_text[ES_CLIENT_ADDRESS_SIZE])
{
    (void)inet_ntop(AF_INET, address, ret_text, ES_CLIENT_ADDRESS_SIZE); /* always fits */
}

static void format6(const struct in6_addr *address, char ret_text[ES_CLIENT_ADDRESS_SIZE])
{
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        struct in_addr inner = mapped4(address);
        format4(&inner, ret_text);
        return;
    }
    struct in6_addr network = *address;
    if (!IN6_IS_ADDR_LOOPBACK(address)) {
        memset(network.s6_addr + NETWORK_BYTES, 0, sizeof(network.s6_addr) - NETWORK_BYTES);
    }
    (void)inet_ntop(AF_INET6, &network, ret_text, ES_CLIENT_ADDRESS_SIZE);
}

static bool is_loopback6(const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        struct in_addr inner = mapped4(address);
        return is_loopback4(&inner);
    }
    return IN6_IS_ADDR_LOOPBACK(address);
}

void es_client_address_format(const struct sockaddr *address, char ret_text[ES_CLIENT_ADDRESS_SIZE])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof(four));
        format4(&four.sin_addr, ret_text);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof(six));
        format6(&six.sin6_addr, ret_text);
    } else {
        struct in_addr here = {.s_addr = htonl(INADDR_LOOPBACK)};
        format4(&here, ret_text);
    }
}

bool es_client_address_is_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof(four));
        return is_loopback4(&four.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof(six));
        return is_loopback6(&six.sin6_addr);
    }
    return address->sa_family == AF_UNIX;
}

enum element { NOT_AN_ADDRESS, OURS, CLIENTS };

/* What the element TEXT (LENGTH bytes, blanks around it allowed) is. */
static enum element read_element(const char *text, size_t length,
                                 char ret_text[ES_CLIENT_ADDRESS_SIZE])
{
    char element[ES_CLIENT_ADDRESS_SIZE + 2]; /* room for a blank on either side */
    struct in_addr four;
    struct in6_addr six;
    if (length >= sizeof(element)) {
        return NOT_AN_ADDRESS;
    }
    memcpy(element, text, length);
    element[length] = '\0';
    const char *trimmed = es_trim(element);
    if (inet_pton(AF_INET, trimmed, &four) == 1) {
        format4(&four, ret_text);
        return is_loopback4(&four) ? OURS : CLIENTS;
    }
    if (inet_pton(AF_INET6, trimmed, &six) == 1) {
        format6(&six, ret_text);
        return is_loopback6(&six) ? OURS : CLIENTS;
    }
    return NOT_AN_ADDRESS;
}

bool es_forwarded_client(const char *header, char ret_text[ES_CLIENT_ADDRESS_SIZE])
{
    char found[ES_CLIENT_ADDRESS_SIZE];
    size_t end = strlen(header);
    enum element kind = OURS;
    while (kind == OURS) {
        size_t start = end;
        while (start > 0 && header[start - 1] != ',') {
            start--;
        }
        kind = read_element(header + start, end - start, found);
        if (start == 0) {
            break;
        }
        end = start - 1; /* the comma */
    }
    if (kind != CLIENTS) {
        return false;
    }
    memcpy(ret_text, found, ES_CLIENT_ADDRESS_SIZE);
    return true;
}
