/*
 * A form body as the JSON object it stands for, so that forms and JSON share one set of checks
 * (common/json): each pair becomes a member of the type its declaration asks for, or a text when
 * its value is not of that type or the name is not declared, which the checks then refuse.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/json/json.h"

#include <stdbool.h>
#include <stddef.h>

/* Append the object for BODY to OUT. All values of a name declared ES_JSON_TEXTS make one list; an
 * empty value of a declared member that is not ES_JSON_TEXTS counts as absent, as an untouched
 * field of a page does. False when BODY is no form. */
bool es_form_to_json(struct es_arena *arena, const void *body, size_t length,
                     const struct es_json_member *members, size_t count,
                     struct es_buf *out) ES_MUST_CHECK;
