/*
 * The day engine: the only place that turns an instant into a member's day.
 *
 * A zone is read once from the system's zone files (TZif, RFC 8536, with its POSIX footer rule for
 * the years after the table) and is immutable from then on: safe for any number of threads.
 * A member's day begins at DAY_START_MINUTES after local midnight (0 unless configured).
 *
 * What it promises: the day never goes backwards as the instant grows, except where a zone's clock
 * itself was set back across midnight (N19 names the zones), and every instant has exactly one day.
 * Instants and days are those of the years 0 to 9999.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define ES_DAY_DEFAULT_ZONE "Europe/Copenhagen"

struct es_zone;

/* Load NAME ("Europe/Copenhagen") from DIRECTORY (NULL: /usr/share/zoneinfo). NULL when the name
 * is not of the form Area/Place (or Area/Country/Place), there is no such zone, or its file is
 * malformed. */
struct es_zone *es_zone_load(const char *directory, const char *name) ES_MUST_CHECK;
struct es_zone *es_zone_free(struct es_zone *zone);
const char *es_zone_name(const struct es_zone *zone);

/* Seconds east of UTC in ZONE at AT_US. */
int32_t es_zone_offset_s(const struct es_zone *zone, int64_t at_us);

/* The member's day at AT_US, as days since 1970-01-01. */
int32_t es_day_of(const struct es_zone *zone, int32_t day_start_minutes, int64_t at_us);

/* The first instant (microseconds) of DAY in ZONE: the smallest AT_US with es_day_of() >= DAY.
 * Days have 23 to 25 hours; never add 24 h to get the next one. */
int64_t es_day_begins_us(const struct es_zone *zone, int32_t day_start_minutes, int32_t day);

/* A set of zones, loaded on first use and kept; safe for any number of threads. */
struct es_zones;
struct es_zones *es_zones_new(const char *directory) ES_MUST_CHECK;
struct es_zones *es_zones_free(struct es_zones *zones);
/* NULL when there is no such zone. The result lives as long as ZONES. */
const struct es_zone *es_zones_get(struct es_zones *zones, const char *name) ES_MUST_CHECK;
