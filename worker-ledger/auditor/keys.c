#include "worker-ledger/auditor/keys.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool add_key(struct es_audit_keys *keys, const char *text)
{
    return text[0] == '\0' || (keys->count < ES_AUDIT_KEYS_MAX &&
                               es_note_key_parse(text, &keys->items[keys->count++]));
}

bool es_audit_keys_read(const char *path, struct es_audit_keys *keys, struct es_buf *error)
{
    ES_CLEANUP(es_free_p) char *line = NULL;
    size_t capacity = 0;
    ES_CLEANUP(es_fclose_p) FILE *file = fopen(path, "re");
    if (file == NULL) {
        es_buf_printf(error, "%s: %s", path, strerror(errno));
        return false;
    }
    while (getline(&line, &capacity, file) >= 0) {
        if (!add_key(keys, es_trim(line))) {
            es_buf_printf(error, "%s: a line is no verifier key, or there are too many", path);
            return false;
        }
    }
    return true;
}
