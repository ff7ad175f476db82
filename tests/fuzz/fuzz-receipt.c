/* A text that is taken for a receipt is written back as it was; and whatever comes in, verifying it
 * ends with a verdict. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/tlog/receipt.h"
#include "worker-ledger/verify/verify.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_verify_options options = {.skip_log_key = true, .network = ES_NETWORK_REGTEST};
    struct es_verify_report report;
    es_verify_receipt(arena, (const char *)data, size, &options, &report);
    if ((report.receipt == NULL) != (report.links[ES_VERIFY_FORMAT].state == ES_VERIFY_BROKEN)) {
        abort();
    }
    if (report.receipt == NULL) {
        return 0;
    }
    size_t length = data[size - 1] == '\n' ? size - 1 : size;
    if (!es_receipt_write(report.receipt, &again) || again.length != length ||
        memcmp(again.data, data, length) != 0) {
        abort();
    }
    return 0;
}
