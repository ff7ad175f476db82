#include "common/daemon/config.h"

#include "common/base/text.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PREFIX       "ELDERSAFE_"
#define HIGHEST_PORT 65535
#define UNIX_PREFIX  "unix:"

/* Text of the wrong form is described by one of these, after "ELDERSAFE_NAME". */
typedef bool parse_fn(const struct es_config_option *option, const char *text, void *target);
typedef void show_fn(const struct es_config_option *option, const void *target, struct es_buf *out);

static bool has_control_character(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            return true;
        }
    }
    return false;
}

static bool parse_text(const struct es_config_option *option, const char *text, void *target)
{
    (void)option;
    if (has_control_character(text)) {
        return false;
    }
    *(const char **)target = text;
    return true;
}

static bool parse_int(const struct es_config_option *option, const char *text, void *target)
{
    int64_t value = 0;
    if (!es_parse_i64(text, &value) || value < option->min || value > option->max) {
        return false;
    }
    *(int64_t *)target = value;
    return true;
}

static bool parse_bool(const struct es_config_option *option, const char *text, void *target)
{
    (void)option;
    bool yes = strcmp(text, "yes") == 0;
    if (!yes && strcmp(text, "no") != 0) {
        return false;
    }
    *(bool *)target = yes;
    return true;
}

static bool parse_choice(const struct es_config_option *option, const char *text, void *target)
{
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *(int *)target = i;
            return true;
        }
    }
    return false;
}

/* LENGTH characters that can name a host: letters, digits, dots and dashes; in brackets an IPv6
 * address. Whether it exists shows when it is used. */
static bool is_host(const char *text, size_t length)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    static const char ipv6[] = "0123456789abcdefABCDEF:.";
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        return strspn(text + 1, ipv6) == length - 2;
    }
    return length > 0 && strspn(text, name) >= length;
}

static bool parse_address(const struct es_config_option *option, const char *text, void *target)
{
    uint64_t port = 0;
    const char *colon = strrchr(text, ':');
    bool valid = false;
    if (es_starts_with(text, UNIX_PREFIX)) {
        valid = text[strlen(UNIX_PREFIX)] == '/';
    } else if (colon != NULL) {
        valid = is_host(text, (size_t)(colon - text)) && es_parse_u64(colon + 1, &port) &&
                port <= HIGHEST_PORT;
    }
    return valid && parse_text(option, text, target);
}

static bool parse_file(const struct es_config_option *option, const char *text, void *target)
{
    return access(text, R_OK) == 0 && parse_text(option, text, target);
}

static bool parse_url(const struct es_config_option *option, const char *text, void *target)
{
    size_t scheme = es_starts_with(text, "https://")  ? strlen("https://")
                    : es_starts_with(text, "http://") ? strlen("http://")
                                                      : 0;
    size_t authority = strcspn(text + scheme, "/?#");
    bool has_user = memchr(text + scheme, '@', authority) != NULL; /* a secret in disguise */
    if (scheme == 0 || authority == 0 || has_user || strchr(text, ' ') != NULL) {
        return false;
    }
    return parse_text(option, text, target);
}

static void show_text(const struct es_config_option *option, const void *target, struct es_buf *out)
{
    (void)option;
    const char *text = *(const char *const *)target;
    es_buf_add_str(out, text != NULL ? text : "");
}

static void show_int(const struct es_config_option *option, const void *target, struct es_buf *out)
{
    (void)option;
    es_buf_printf(out, "%" PRId64, *(const int64_t *)target);
}

static void show_bool(const struct es_config_option *option, const void *target, struct es_buf *out)
{
    (void)option;
    es_buf_add_str(out, *(const bool *)target ? "yes" : "no");
}

static void show_choice(const struct es_config_option *option, const void *target,
                        struct es_buf *out)
{
    es_buf_add_str(out, option->choices[*(const int *)target]);
}

/* Everything that depends on an option's type. */
static const struct {
    const char *form; /* in --help; and "must be FORM" in errors */
    parse_fn *parse;
    show_fn *show;
} types[] = {
    [ES_CONFIG_TEXT] = {"text", parse_text, show_text},
    [ES_CONFIG_INT] = {"a whole number", parse_int, show_int},
    [ES_CONFIG_BOOL] = {"yes or no", parse_bool, show_bool},
    [ES_CONFIG_CHOICE] = {"one of", parse_choice, show_choice},
    [ES_CONFIG_ADDRESS] = {"an address (host:port, [IPv6]:port or unix:/path)", parse_address,
                           show_text},
    [ES_CONFIG_FILE] = {"a file that exists and is readable", parse_file, show_text},
    [ES_CONFIG_URL] = {"an http:// or https:// address without user or blanks", parse_url,
                       show_text},
};

/* "a whole number from 1 to 64 (threads)", "one of: file, smtp". */
static void describe_form(const struct es_config_option *option, struct es_buf *out)
{
    es_buf_add_str(out, types[option->type].form);
    if (option->type == ES_CONFIG_INT) {
        es_buf_printf(out, " from %" PRId64 " to %" PRId64, option->min, option->max);
    }
    for (int i = 0; option->type == ES_CONFIG_CHOICE && option->choices[i] != NULL; i++) {
        es_buf_printf(out, "%s %s", i == 0 ? ":" : ",", option->choices[i]);
    }
    if (option->unit != NULL) {
        es_buf_printf(out, " (%s)", option->unit);
    }
}

/* The value of ELDERSAFE_<NAME>, or NULL. */
static const char *find_value(const char *name, char *const *environment)
{
    size_t length = strlen(name);
    for (; *environment != NULL; environment++) {
        if (es_starts_with(*environment, PREFIX)) {
            const char *rest = *environment + strlen(PREFIX);
            if (strncmp(rest, name, length) == 0 && rest[length] == '=') {
                return rest + length + 1;
            }
        }
    }
    return NULL;
}

static void load_option(const struct es_config_option *option, void *config,
                        char *const *environment, struct es_buf *errors)
{
    const char *text = find_value(option->name, environment);
    bool optional = option->fallback != NULL && option->fallback[0] == '\0';
    if (text == NULL && option->fallback == NULL) {
        es_buf_printf(errors, PREFIX "%s is not set: %s\n", option->name, option->help);
        return;
    }
    if (text == NULL) {
        text = option->fallback;
    }
    if (text[0] == '\0' && optional) {
        return;
    }
    if (text[0] == '\0') {
        es_buf_printf(errors, PREFIX "%s must not be empty\n", option->name);
        return;
    }
    if (!types[option->type].parse(option, text, (char *)config + option->offset)) {
        es_buf_printf(errors, PREFIX "%s must be ", option->name);
        describe_form(option, errors);
        if (!option->secret) {
            es_buf_printf(errors, "; it is \"%s\"", text);
        }
        es_buf_add_str(errors, "\n");
    }
}

/* VARIABLE ("ELDERSAFE_NAME=value") is an option of one of the sections. */
static bool is_known(const char *variable, const struct es_config_section *sections,
                     size_t section_count)
{
    const char *name = variable + strlen(PREFIX);
    size_t length = strcspn(name, "=");
    for (size_t s = 0; s < section_count; s++) {
        for (size_t i = 0; i < sections[s].count; i++) {
            const char *known = sections[s].table[i].name;
            if (strlen(known) == length && memcmp(known, name, length) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool es_config_load_sections(const struct es_config_section *sections, size_t section_count,
                             char *const *environment, struct es_buf *errors)
{
    size_t before = errors->length;
    for (size_t s = 0; s < section_count; s++) {
        for (size_t i = 0; i < sections[s].count; i++) {
            load_option(&sections[s].table[i], sections[s].config, environment, errors);
        }
    }
    for (char *const *variable = environment; *variable != NULL; variable++) {
        if (es_starts_with(*variable, PREFIX) && !is_known(*variable, sections, section_count)) {
            es_buf_printf(errors, "%.*s is not an option of this program\n",
                          (int)strcspn(*variable, "="), *variable);
        }
    }
    return errors->length == before;
}

bool es_config_load(const struct es_config_option *table, size_t count, char *const *environment,
                    void *config, struct es_buf *errors)
{
    const struct es_config_section section = {table, count, config};
    return es_config_load_sections(&section, 1, environment, errors);
}

void es_config_describe(const struct es_config_option *table, size_t count, struct es_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct es_config_option *option = &table[i];
        es_buf_printf(out, "  " PREFIX "%s\n      %s\n      ", option->name, option->help);
        describe_form(option, out);
        if (option->fallback == NULL) {
            es_buf_add_str(out, "; required\n");
        } else if (option->fallback[0] == '\0') {
            es_buf_add_str(out, "; optional\n");
        } else {
            es_buf_printf(out, "; default %s\n", option->fallback);
        }
    }
}

void es_config_sample(const struct es_config_option *table, size_t count, struct es_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct es_config_option *option = &table[i];
        bool required = option->fallback == NULL;
        es_buf_printf(out, "# %s\n# ", option->help);
        describe_form(option, out);
        es_buf_printf(out, "%s\n%s" PREFIX "%s=%s\n\n", required ? "; required" : "",
                      required ? "" : "#", option->name, required ? "" : option->fallback);
    }
}

void es_config_show(const struct es_config_option *table, size_t count, const void *config,
                    struct es_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct es_config_option *option = &table[i];
        es_buf_printf(out, PREFIX "%s=", option->name);
        if (option->secret) {
            es_buf_add_str(out, "[not shown]");
        } else {
            types[option->type].show(option, (const char *)config + option->offset, out);
        }
        es_buf_add_str(out, "\n");
    }
}
