#include "common/base/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define LONGEST_HOST     253
#define IPV4_LOOPBACK    127 /* 127.0.0.0/8 */
#define IPV4_HOST_BITS   24
#define LOCAL_DOMAIN     ".localhost"
#define END_OF_AUTHORITY "/?#\\"

/* LENGTH bytes of TEXT. */
static bool is_loopback6(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr six;
    if (length >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool es_host_is_loopback(const char *host)
{
    struct in_addr four;
    size_t length = strlen(host);
    size_t domain = strlen(LOCAL_DOMAIN);
    if (inet_pton(AF_INET, host, &four) == 1) {
        return ntohl(four.s_addr) >> IPV4_HOST_BITS == IPV4_LOOPBACK;
    }
    if (host[0] == '[') {
        return host[length - 1] == ']' && is_loopback6(host + 1, length - 2);
    }
    return is_loopback6(host, length) || strcasecmp(host, &LOCAL_DOMAIN[1]) == 0 ||
           (length > domain && strcasecmp(host + length - domain, LOCAL_DOMAIN) == 0);
}

bool es_url_is_loopback(const char *url)
{
    char host[LONGEST_HOST + 1];
    const char *authority = strstr(url, "://");
    if (authority == NULL) {
        return false;
    }
    authority += strlen("://");
    size_t length = strcspn(authority, END_OF_AUTHORITY);
    if (length > LONGEST_HOST || memchr(authority, '@', length) != NULL) {
        return false;
    }
    memcpy(host, authority, length);
    host[length] = '\0';
    char *port = strrchr(host, ':');
    if (port != NULL && strchr(port, ']') == NULL) {
        *port = '\0';
    }
    return es_host_is_loopback(host);
}
