#include "common/http/allowlist.h"

#include "common/base/host.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/http/client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const char host_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
static const char region_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

/* A name or address that a URL's host can equal: "api.example", "127.0.0.1", "[::1]". */
static bool is_host(const char *host)
{
    struct in6_addr address;
    char inner[INET6_ADDRSTRLEN];
    size_t length = strlen(host);
    if (host[0] != '[') {
        return length > 0 && strspn(host, host_characters) == length && host[0] != '.';
    }
    if (length < 4 || length - 2 >= sizeof(inner) || host[length - 1] != ']') {
        return false;
    }
    memcpy(inner, host + 1, length - 2);
    inner[length - 2] = '\0';
    return inet_pton(AF_INET6, inner, &address) == 1;
}

static bool is_region(const char *region)
{
    size_t length = strlen(region);
    return length > 0 && strspn(region, region_characters) == length;
}

/* One "host=region", blanks around it allowed, as the next entry of LIST. */
static bool add_entry(struct es_allowlist *list, char *entry, struct es_buf *error)
{
    char *trimmed = es_trim(entry);
    char *equals = strchr(trimmed, '=');
    if (equals == NULL) {
        es_buf_printf(error, "\"%s\" has no region: write host=region", trimmed);
        return false;
    }
    *equals = '\0';
    const char *host = es_ascii_lower(trimmed);
    const char *region = equals + 1;
    if (!is_host(host) || !is_region(region)) {
        es_buf_printf(error, "\"%s=%s\" is not of the form host=region", host, region);
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->hosts[i].name, host) == 0) {
            es_buf_printf(error, "\"%s\" is listed twice", host);
            return false;
        }
    }
    list->hosts[list->count++] = (struct es_allowed_host){
        .name = es_strdup(host),
        .region = es_strdup(region),
    };
    return true;
}

bool es_allowlist_parse(const char *text, struct es_allowlist *ret_list, struct es_buf *error)
{
    ES_CLEANUP(es_free_p) char *copy = es_strdup(text != NULL ? text : "");
    size_t most = 1;
    for (const char *c = copy; *c != '\0'; c++) {
        most += *c == ',';
    }
    struct es_allowlist list = {.hosts = es_calloc(most, sizeof(*list.hosts))};
    char *next = copy[0] != '\0' ? copy : NULL;
    while (next != NULL) {
        char *entry = strsep(&next, ",");
        if (!add_entry(&list, entry, error)) {
            es_allowlist_done(&list);
            return false;
        }
    }
    *ret_list = list;
    return true;
}

void es_allowlist_done(struct es_allowlist *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->hosts[i].name);
        free(list->hosts[i].region);
    }
    free(list->hosts);
    *list = (struct es_allowlist){0};
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_part(char **part)
{
    curl_free(*part);
}

struct es_allowed_host *es_allowlist_find(const struct es_allowlist *list, const char *url)
{
    ES_CLEANUP(free_url) CURLU *parsed = curl_url();
    ES_CLEANUP(free_part) char *scheme = NULL;
    ES_CLEANUP(free_part) char *host = NULL;
    if (parsed == NULL ||
        curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        return NULL;
    }
    es_ascii_lower(host);
    bool allowed_scheme =
        strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && es_host_is_loopback(host));
    for (size_t i = 0; allowed_scheme && i < list->count; i++) {
        if (strcmp(list->hosts[i].name, host) == 0) {
            return &list->hosts[i];
        }
    }
    return NULL;
}

bool es_client_hosts_valid(const char *allowed_hosts, struct es_buf *error)
{
    struct es_allowlist list = {0};
    if (!es_allowlist_parse(allowed_hosts, &list, error)) {
        return false;
    }
    es_allowlist_done(&list);
    return true;
}

bool es_client_host_allowed(const char *allowed_hosts, const char *url)
{
    struct es_allowlist list = {0};
    ES_CLEANUP(es_buf_done) struct es_buf ignored = ES_BUF_INIT;
    if (!es_allowlist_parse(allowed_hosts, &list, &ignored)) {
        return false;
    }
    bool allowed = es_allowlist_find(&list, url) != NULL;
    es_allowlist_done(&list);
    return allowed;
}
