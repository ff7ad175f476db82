#include "common/tlog/receipt.h"

#include "common/base/text.h"
#include "common/tlog/merkle.h"
#include "common/tlog/note.h"

#include <inttypes.h>
#include <string.h>

static const char *const status_texts[] = {
    [ES_RECEIPT_PENDING] = "pending", [ES_RECEIPT_SEALED] = "sealed", [ES_RECEIPT_SENT] = "sent",
    [ES_RECEIPT_SEEN] = "seen",       [ES_RECEIPT_MINED] = "mined",   [ES_RECEIPT_FINAL] = "final",
};

const char *es_receipt_status_text(enum es_receipt_status status)
{
    return status_texts[status];
}

bool es_receipt_status_parse(const char *text, enum es_receipt_status *ret_status)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(status_texts); i++) {
        if (strcmp(status_texts[i], text) == 0) {
            *ret_status = (enum es_receipt_status)i;
            return true;
        }
    }
    return false;
}

static bool text_valid(const char *text, size_t longest)
{
    if (text == NULL) {
        return false;
    }
    size_t length = strnlen(text, longest + 1);
    return length > 0 && length <= longest && es_utf8_valid(text, length);
}

static bool bytes_valid(const void *bytes, size_t length, size_t longest)
{
    return bytes != NULL && length > 0 && length <= longest;
}

static bool follows_format(const struct es_receipt *receipt)
{
    if (!text_valid(receipt->event, ES_RECEIPT_EVENT_MAX)) {
        return false;
    }
    if (receipt->status >= ES_RECEIPT_SEALED &&
        (receipt->leaf_index >= ES_MERKLE_SIZE_MAX ||
         receipt->inclusion_length > ES_MERKLE_PROOF_MAX ||
         !text_valid(receipt->checkpoint, ES_NOTE_SIZE_MAX))) {
        return false;
    }
    if (receipt->status >= ES_RECEIPT_SENT &&
        !bytes_valid(receipt->transaction, receipt->transaction_length,
                     ES_RECEIPT_TRANSACTION_MAX)) {
        return false;
    }
    return receipt->status < ES_RECEIPT_MINED ||
           (bytes_valid(receipt->bump, receipt->bump_length, ES_RECEIPT_BUMP_MAX) &&
            receipt->header_count <= ES_RECEIPT_HEADERS_MAX);
}

/* ECMAScript's QuoteJSONString: short escapes where they exist, \u00xx for other controls. */
static void add_escaped(struct es_buf *out, char c)
{
    static const char controls[] = "\b\t\n\f\r\"\\";
    static const char letters[] = "btnfr\"\\";
    const char *at = strchr(controls, c);
    if (at != NULL) {
        es_buf_add_byte(out, '\\');
        es_buf_add_byte(out, (unsigned char)letters[at - controls]);
    } else if ((unsigned char)c < ' ') {
        es_buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    } else {
        es_buf_add_byte(out, (unsigned char)c);
    }
}

static void add_text(struct es_buf *out, const char *before, const char *text)
{
    es_buf_add_str(out, before);
    es_buf_add_byte(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        add_escaped(out, *c);
    }
    es_buf_add_byte(out, '"');
}

static void add_hex(struct es_buf *out, const char *before, const void *bytes, size_t length)
{
    es_buf_add_str(out, before);
    es_buf_add_byte(out, '"');
    es_buf_add_hex(out, bytes, length);
    es_buf_add_byte(out, '"');
}

/* An array of COUNT hexadecimal strings of SIZE bytes each. */
static void add_hex_array(struct es_buf *out, const char *before, const unsigned char *bytes,
                          size_t size, size_t count)
{
    es_buf_add_str(out, before);
    es_buf_add_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        add_hex(out, i > 0 ? "," : "", bytes + i * size, size);
    }
    es_buf_add_byte(out, ']');
}

static void add_log_parts(struct es_buf *out, const struct es_receipt *receipt)
{
    es_buf_printf(out, ",\"leaf_index\":\"%" PRIu64 "\"", receipt->leaf_index);
    add_hex_array(out, ",\"inclusion\":", (const unsigned char *)receipt->inclusion, ES_HASH_SIZE,
                  receipt->inclusion_length);
    add_text(out, ",\"checkpoint\":", receipt->checkpoint);
}

static void add_block_parts(struct es_buf *out, const struct es_receipt *receipt)
{
    struct es_hash shown = es_hash_reversed(&receipt->block.hash);
    add_hex(out, ",\"bump\":", receipt->bump, receipt->bump_length);
    es_buf_printf(out, ",\"block\":{\"height\":\"%" PRIu64 "\"", receipt->block.height);
    add_hex(out, ",\"hash\":", shown.bytes, sizeof(shown.bytes));
    add_hex(out, ",\"header\":", receipt->block.header, sizeof(receipt->block.header));
    es_buf_add_byte(out, '}');
    if (receipt->header_count > 0) {
        add_hex_array(out, ",\"headers\":", receipt->headers, ES_RECEIPT_HEADER_SIZE,
                      receipt->header_count);
    }
}

bool es_receipt_write(const struct es_receipt *receipt, struct es_buf *out)
{
    if (!follows_format(receipt)) {
        return false;
    }
    es_buf_printf(out, "{\"receipt\":1,\"status\":\"%s\"", es_receipt_status_text(receipt->status));
    add_text(out, ",\"event\":", receipt->event);
    add_hex(out, ",\"salt\":", receipt->salt, sizeof(receipt->salt));
    if (receipt->status >= ES_RECEIPT_SEALED) {
        add_log_parts(out, receipt);
    }
    if (receipt->status >= ES_RECEIPT_SENT) {
        add_hex(out, ",\"transaction\":", receipt->transaction, receipt->transaction_length);
    }
    if (receipt->status >= ES_RECEIPT_MINED) {
        add_block_parts(out, receipt);
    }
    es_buf_add_byte(out, '}');
    return true;
}
