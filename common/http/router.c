#include "common/http/router.h"

#include "common/base/mem.h"
#include "common/http/server.h"
#include "common/http/urlencoded.h"

#include <stdlib.h>
#include <string.h>

static const char *const method_names[] = {
    [ES_METHOD_GET] = "GET",         [ES_METHOD_POST] = "POST",     [ES_METHOD_PUT] = "PUT",
    [ES_METHOD_PATCH] = "PATCH",     [ES_METHOD_DELETE] = "DELETE", [ES_METHOD_HEAD] = "HEAD",
    [ES_METHOD_OPTIONS] = "OPTIONS",
};

struct segment {
    const char *text; /* a literal, or a parameter's name */
    size_t length;
    bool parameter;
};

struct resource {
    const char *template; /* of its first route */
    size_t template_length;
    struct segment segments[ES_ROUTE_MAX_SEGMENTS];
    size_t segment_count;
    const char *param_names[ES_ROUTE_MAX_SEGMENTS];
    size_t param_count;
    const struct es_route *routes[ES_METHOD_COUNT];
    const char *allow;
};

struct es_router {
    struct es_arena *arena;
    struct resource *resources; /* those without parameters first */
    size_t count;
    size_t fixed_count;
};

enum es_method es_method_parse(const char *text)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(method_names); i++) {
        if (strcmp(method_names[i], text) == 0) {
            return (enum es_method)i;
        }
    }
    bool unrouted = strcmp(text, "CONNECT") == 0 || strcmp(text, "TRACE") == 0;
    return unrouted ? ES_METHOD_UNROUTED : ES_METHOD_UNKNOWN;
}

/* "id" for "{id}", LENGTH bytes; NULL for a literal. */
static const char *parameter_name(struct es_arena *arena, const char *text, size_t length)
{
    bool braces = length > 2 && text[0] == '{' && text[length - 1] == '}';
    return braces ? es_arena_strndup(arena, text + 1, length - 2) : NULL;
}

static bool is_literal(const char *text, size_t length)
{
    return memchr(text, '{', length) == NULL && memchr(text, '}', length) == NULL &&
           memchr(text, '%', length) == NULL;
}

static bool add_segment(struct es_arena *arena, struct resource *resource, const char *text,
                        size_t length)
{
    const char *name = parameter_name(arena, text, length);
    if (resource->segment_count == ES_ROUTE_MAX_SEGMENTS ||
        (name == NULL && !is_literal(text, length))) {
        return false;
    }
    resource->segments[resource->segment_count++] = (struct segment){
        .text = name != NULL ? name : text,
        .length = length,
        .parameter = name != NULL,
    };
    if (name != NULL) {
        resource->param_names[resource->param_count++] = name;
    }
    return true;
}

static bool compile_template(struct es_arena *arena, const char *template,
                             struct resource *ret_resource)
{
    struct resource resource = {.template = template, .template_length = strlen(template)};
    if (template[0] != '/') {
        return false;
    }
    const char *at = template;
    while (*at == '/') {
        size_t length = strcspn(at + 1, "/");
        bool empty = length == 0 && template[1] != '\0'; /* only "/" itself may have one */
        if (empty || !add_segment(arena, &resource, at + 1, length)) {
            return false;
        }
        at += 1 + length;
    }
    *ret_resource = resource;
    return true;
}

static struct resource *find_resource(struct es_router *router, const char *template)
{
    for (size_t i = 0; i < router->count; i++) {
        if (strcmp(router->resources[i].template, template) == 0) {
            return &router->resources[i];
        }
    }
    return NULL;
}

static bool add_route(struct es_router *router, const struct es_route *route, struct es_buf *error)
{
    enum es_method method = es_method_parse(route->method);
    if (method >= ES_METHOD_COUNT || (route->handle == NULL) == (route->fast == NULL)) {
        es_buf_printf(error, "route %s %s: unknown method or no handler", route->method,
                      route->path);
        return false;
    }
    struct resource *resource = find_resource(router, route->path);
    if (resource == NULL) {
        resource = &router->resources[router->count];
        if (!compile_template(router->arena, route->path, resource)) {
            es_buf_printf(error, "route %s %s: malformed path", route->method, route->path);
            return false;
        }
        router->count++;
    }
    if (resource->routes[method] != NULL) {
        es_buf_printf(error, "route %s %s: listed twice", route->method, route->path);
        return false;
    }
    resource->routes[method] = route;
    return true;
}

static const char *make_allow(struct es_arena *arena, const struct resource *resource)
{
    char *allow = es_arena_strdup(arena, "");
    for (size_t i = 0; i < ES_METHOD_COUNT; i++) {
        if (resource->routes[i] != NULL) {
            const char *also = i == ES_METHOD_GET ? ", HEAD" : "";
            allow = es_arena_printf(arena, "%s%s%s, ", allow, method_names[i], also);
        }
    }
    return es_arena_printf(arena, "%sOPTIONS", allow);
}

/* Those without parameters to the front, otherwise in the order of the table. */
static void put_fixed_first(struct es_router *router)
{
    for (size_t i = 0; i < router->count; i++) {
        if (router->resources[i].param_count > 0) {
            continue;
        }
        struct resource fixed = router->resources[i];
        memmove(&router->resources[router->fixed_count + 1],
                &router->resources[router->fixed_count], (i - router->fixed_count) * sizeof(fixed));
        router->resources[router->fixed_count++] = fixed;
    }
}

struct es_router *es_router_new(const struct es_route *routes, size_t count, struct es_buf *error)
{
    struct es_router *router = ES_NEW(struct es_router);
    router->arena = es_arena_new(0);
    router->resources = es_calloc(count, sizeof(*router->resources));
    for (size_t i = 0; i < count; i++) {
        if (!add_route(router, &routes[i], error)) {
            return es_router_free(router);
        }
    }
    for (size_t i = 0; i < router->count; i++) {
        router->resources[i].allow = make_allow(router->arena, &router->resources[i]);
    }
    put_fixed_first(router);
    return router;
}

struct es_router *es_router_free(struct es_router *router)
{
    if (router != NULL) {
        es_arena_free(router->arena);
        free(router->resources);
        free(router);
    }
    return NULL;
}

/* Whether the segment at TEXT (LENGTH bytes, encoded) fits; a parameter's value goes to PARAMS. */
static bool segment_fits(struct es_arena *arena, const struct segment *segment, const char *text,
                         size_t length, struct es_params *params)
{
    const char *decoded = es_percent_decode(arena, text, length, false);
    if (decoded == NULL) {
        return false;
    }
    if (!segment->parameter) {
        return strlen(decoded) == segment->length &&
               memcmp(decoded, segment->text, segment->length) == 0;
    }
    params->values[params->count++] = decoded;
    return decoded[0] != '\0';
}

static bool resource_fits(struct es_arena *arena, const struct resource *resource, const char *path,
                          struct es_params *params)
{
    *params = (struct es_params){.names = resource->param_names};
    const char *at = path;
    for (size_t i = 0; i < resource->segment_count; i++) {
        if (*at != '/') {
            return false;
        }
        size_t length = strcspn(at + 1, "/");
        if (!segment_fits(arena, &resource->segments[i], at + 1, length, params)) {
            return false;
        }
        at += 1 + length;
    }
    return *at == '\0';
}

static const struct resource *find_by_path(const struct es_router *router, struct es_arena *arena,
                                           const char *path, struct es_params *params)
{
    size_t length = strlen(path);
    bool encoded = memchr(path, '%', length) != NULL;
    *params = (struct es_params){0};
    for (size_t i = 0; i < router->fixed_count; i++) { /* nearly every request ends here */
        if (router->resources[i].template_length == length &&
            memcmp(router->resources[i].template, path, length) == 0) {
            return &router->resources[i];
        }
    }
    for (size_t i = encoded ? 0 : router->fixed_count; i < router->count; i++) {
        if (resource_fits(arena, &router->resources[i], path, params)) {
            return &router->resources[i];
        }
    }
    return NULL;
}

enum es_match_result es_router_match(const struct es_router *router, struct es_arena *arena,
                                     enum es_method method, const char *path,
                                     struct es_match *ret_match)
{
    struct es_match match = {0};
    const struct resource *resource = find_by_path(router, arena, path, &match.params);
    enum es_method served = method == ES_METHOD_HEAD ? ES_METHOD_GET : method;
    enum es_match_result result = ES_MATCH_NO_PATH;
    if (resource != NULL) {
        match.allow = resource->allow;
        match.route = served < ES_METHOD_COUNT ? resource->routes[served] : NULL;
        result = match.route != NULL ? ES_MATCH_FOUND : ES_MATCH_NO_METHOD;
    }
    *ret_match = match;
    return result;
}
