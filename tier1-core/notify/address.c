#include "tier1-core/notify/address.h"

#include "common/base/text.h"

#include <string.h>

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define ATEXT              LETTERS_AND_DIGITS "!#$%&'*+-/=?^_`{|}~" /* RFC 5322 3.2.3 */
#define LONGEST_LOCAL      64
#define LONGEST_LABEL      63

/* Parts separated by single dots, each of 1 to LONGEST characters out of ALLOWED. */
static bool is_dotted(const char *text, size_t length, const char *allowed, size_t longest)
{
    size_t start = 0;
    while (start <= length) {
        size_t part = strspn(text + start, allowed);
        if (part == 0 || part > longest || start + part > length) {
            return false;
        }
        start += part;
        if (start == length) {
            return true;
        }
        if (text[start] != '.') {
            return false;
        }
        start++;
    }
    return false;
}

static bool is_domain(const char *text)
{
    bool hyphen_at_edge = text[0] == '-' || strstr(text, "-.") != NULL ||
                          strstr(text, ".-") != NULL || text[strlen(text) - 1] == '-';
    return is_dotted(text, strlen(text), LETTERS_AND_DIGITS "-", LONGEST_LABEL) && !hyphen_at_edge;
}

bool address_valid(const char *text)
{
    const char *at = strchr(text, '@');
    if (at == NULL || at[1] == '\0' || strlen(text) >= ADDRESS_SIZE) {
        return false;
    }
    size_t local = (size_t)(at - text);
    return local <= LONGEST_LOCAL && is_dotted(text, local, ATEXT, LONGEST_LOCAL) &&
           is_domain(at + 1);
}

const char *address_domain(const char *address)
{
    return strchr(address, '@') + 1;
}

static bool is_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || strchr("\x7f\"\\<>", *c) != NULL) {
            return false;
        }
    }
    return es_utf8_valid(text, strlen(text));
}

bool mailbox_parse(const char *text, struct mailbox *ret_mailbox)
{
    struct mailbox mailbox = {.name = ""};
    const char *open = strchr(text, '<');
    size_t length = strlen(text);
    if (open == NULL) {
        if (!address_valid(text) || !es_copy_str(mailbox.address, ADDRESS_SIZE, text)) {
            return false;
        }
        *ret_mailbox = mailbox;
        return true;
    }
    size_t name = (size_t)(open - text);
    size_t address = length - name - 1;
    if (name >= MAILBOX_NAME_SIZE || address == 0 || address > ADDRESS_SIZE ||
        text[length - 1] != '>') {
        return false;
    }
    memcpy(mailbox.name, text, name);
    memcpy(mailbox.address, open + 1, address - 1);
    char *trimmed = es_trim(mailbox.name);
    memmove(mailbox.name, trimmed, strlen(trimmed) + 1);
    if (!is_name(mailbox.name) || !address_valid(mailbox.address)) {
        return false;
    }
    *ret_mailbox = mailbox;
    return true;
}
