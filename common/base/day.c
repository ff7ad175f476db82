#include "common/base/day.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/tzif.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_ZONES    "/usr/share/zoneinfo"
#define LARGEST_FILE    65536
#define LONGEST_NAME    63
#define LONGEST_PATH    4096
#define FEWEST_PARTS    2 /* Europe/Copenhagen */
#define MOST_PARTS      3 /* America/Argentina/Salta */
#define SECONDS_PER_DAY INT64_C(86400)
#define S_PER_MINUTE    60

struct es_zone {
    char name[LONGEST_NAME + 1];
    struct es_tzif *tzif;
    struct es_zone *next; /* in the set it belongs to, if any */
};

struct es_zones {
    char *directory;                 /* NULL: the system's */
    pthread_mutex_t load_lock;       /* one loads at a time */
    _Atomic(struct es_zone *) first; /* zones are put in front and never leave: read without lock */
};

/* Area/Place or Area/Place/Place of letters, digits, '_', '+' and '-': no dots, so no way out of
 * the zone directory, and none of its loose files. */
static bool is_zone_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-";
    size_t parts = 0;
    for (const char *at = name;; at++) {
        size_t length = strspn(at, allowed);
        at += length;
        parts++;
        if (length == 0 || (*at != '/' && *at != '\0')) {
            return false;
        }
        if (*at == '\0') {
            return parts >= FEWEST_PARTS && parts <= MOST_PARTS &&
                   (size_t)(at - name) <= LONGEST_NAME;
        }
    }
}

/* The whole file at PATH, or NULL. */
static unsigned char *read_file(const char *path, size_t *ret_length)
{
    ES_CLEANUP(es_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) ||
        facts.st_size > LARGEST_FILE) {
        return NULL;
    }
    ES_CLEANUP(es_free_p) unsigned char *bytes = es_calloc(LARGEST_FILE, 1);
    size_t length = 0;
    while (length < LARGEST_FILE) {
        ssize_t got = read(fd, bytes + length, LARGEST_FILE - length);
        if (got == 0) {
            *ret_length = length;
            return ES_STEAL(bytes);
        }
        if (got < 0 && errno != EINTR) {
            return NULL;
        }
        length += got > 0 ? (size_t)got : 0;
    }
    return NULL;
}

struct es_zone *es_zone_load(const char *directory, const char *name)
{
    char path[LONGEST_PATH];
    size_t length = 0;
    if (!is_zone_name(name)) {
        return NULL;
    }
    int path_length =
        snprintf(path, sizeof(path), "%s/%s", directory != NULL ? directory : SYSTEM_ZONES, name);
    if (path_length < 0 || (size_t)path_length >= sizeof(path)) {
        return NULL;
    }
    ES_CLEANUP(es_free_p) unsigned char *file = read_file(path, &length);
    struct es_tzif *tzif = file != NULL ? es_tzif_parse(file, length) : NULL;
    if (tzif == NULL) {
        return NULL;
    }
    struct es_zone *zone = ES_NEW(struct es_zone);
    memcpy(zone->name, name, strlen(name));
    zone->tzif = tzif;
    return zone;
}

struct es_zone *es_zone_free(struct es_zone *zone)
{
    if (zone != NULL) {
        (void)es_tzif_free(zone->tzif);
        free(zone);
    }
    return NULL;
}

const char *es_zone_name(const struct es_zone *zone)
{
    return zone->name;
}

static int64_t floor_divide(int64_t value, int64_t divisor)
{
    return value / divisor - (value % divisor < 0);
}

int32_t es_zone_offset_s(const struct es_zone *zone, int64_t at_us)
{
    return es_tzif_at(zone->tzif, floor_divide(at_us, ES_US_PER_S)).offset_s;
}

int32_t es_day_of(const struct es_zone *zone, int32_t day_start_minutes, int64_t at_us)
{
    int64_t at_s = floor_divide(at_us, ES_US_PER_S);
    int64_t local_s = at_s + es_tzif_at(zone->tzif, at_s).offset_s;
    return (int32_t)floor_divide(local_s - (int64_t)day_start_minutes * S_PER_MINUTE,
                                 SECONDS_PER_DAY);
}

int64_t es_day_begins_us(const struct es_zone *zone, int32_t day_start_minutes, int32_t day)
{
    int64_t local_s = day * SECONDS_PER_DAY + (int64_t)day_start_minutes * S_PER_MINUTE;
    /* Even the clock furthest ahead has not come that far before this: */
    int64_t at_s = local_s - ES_TZIF_LARGEST_OFFSET_S;
    for (;;) {
        struct es_tzif_span span = es_tzif_at(zone->tzif, at_s);
        int64_t reached_s = local_s - span.offset_s;
        if (reached_s < at_s) { /* a change carried the clock past it */
            reached_s = at_s;
        }
        if (reached_s < span.end_s) {
            return reached_s * ES_US_PER_S;
        }
        at_s = span.end_s;
    }
}

struct es_zones *es_zones_new(const char *directory)
{
    struct es_zones *zones = ES_NEW(struct es_zones);
    zones->directory = directory != NULL ? es_strdup(directory) : NULL;
    (void)pthread_mutex_init(&zones->load_lock, NULL);
    atomic_init(&zones->first, NULL);
    return zones;
}

struct es_zones *es_zones_free(struct es_zones *zones)
{
    if (zones == NULL) {
        return NULL;
    }
    struct es_zone *zone = atomic_load(&zones->first);
    while (zone != NULL) {
        struct es_zone *next = zone->next;
        (void)es_zone_free(zone);
        zone = next;
    }
    (void)pthread_mutex_destroy(&zones->load_lock);
    free(zones->directory);
    free(zones);
    return NULL;
}

static const struct es_zone *find(const struct es_zones *zones, const char *name)
{
    const struct es_zone *zone = atomic_load_explicit(&zones->first, memory_order_acquire);
    while (zone != NULL && strcmp(zone->name, name) != 0) {
        zone = zone->next;
    }
    return zone;
}

const struct es_zone *es_zones_get(struct es_zones *zones, const char *name)
{
    const struct es_zone *known = find(zones, name);
    if (known != NULL) {
        return known;
    }
    (void)pthread_mutex_lock(&zones->load_lock);
    known = find(zones, name); /* somebody may have loaded it meanwhile */
    if (known == NULL) {
        struct es_zone *zone = es_zone_load(zones->directory, name);
        if (zone != NULL) {
            zone->next = atomic_load(&zones->first);
            atomic_store_explicit(&zones->first, zone, memory_order_release);
        }
        known = zone;
    }
    (void)pthread_mutex_unlock(&zones->load_lock);
    return known;
}
