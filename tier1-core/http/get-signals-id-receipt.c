/*
 * GET /api/signals/{id}/receipt?headers_from=HEIGHT: the receipt of one signal, `pending` from the
 * first second and complete once its checkpoint is in a block. With headers_from it carries the
 * block headers from that height on, so that it can be checked against a pinned block; 422 when
 * they would be more than RECEIPT_HEADERS_MAX.
 */
#include "common/base/text.h"
#include "common/http/problem.h"
#include "common/observe/log.h"
#include "common/tlog/receipt.h"
#include "common/tlog/tile-proof.h"
#include "tier1-core/app.h"
#include "tier1-core/db/receipts.h"
#include "tier1-core/db/signals.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/unavailable.h"

#include <string.h>

#define WITH_HEADERS_MAX 16

/* The height asked for in *RET_FROM, -1 when none was; false after answering. */
static bool read_headers_from(struct es_request *request, int64_t *ret_from)
{
    const char *text = NULL;
    *ret_from = -1;
    if (!es_request_query(request, "headers_from", &text)) {
        return false;
    }
    if (text != NULL && (!es_parse_i64(text, ret_from) || *ret_from < 0)) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST,
                           "headers_from must be a block height");
        return false;
    }
    return true;
}

/* A receipt with headers is half a megabyte until its reader has taken it: few are made at once.
 * The place is given back by count_request(). False after answering. */
static bool take_place(struct es_request *request, struct app *app)
{
    caller_of(request)->wants_headers = true;
    if (atomic_fetch_add(&app->receipts_with_headers, 1) >= WITH_HEADERS_MAX) {
        es_respond_problem(request, ES_PROBLEM_OVERLOADED, NULL);
        return false;
    }
    return true;
}

/* Whether the headers asked for are few enough for one receipt; false after answering. */
static bool check_reach(struct es_request *request, const struct es_receipt *receipt,
                        int64_t headers_from)
{
    if (receipt->status < ES_RECEIPT_MINED || headers_from < 0 ||
        (int64_t)receipt->block.height - headers_from < RECEIPT_HEADERS_MAX) {
        return true;
    }
    es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST,
                       es_arena_printf(es_request_arena(request),
                                       "a receipt carries at most %d headers: pin a block closer to"
                                       " the receipt's own",
                                       RECEIPT_HEADERS_MAX));
    return false;
}

/* Event and salt; false after answering. */
static bool read_signal(struct es_request *request, struct worker *worker, int64_t *ret_signal_id,
                        struct es_receipt *receipt)
{
    const unsigned char *salt = NULL;
    enum es_db_result result = ES_DB_NO_ROW;
    if (es_parse_i64(es_request_param(request, "id"), ret_signal_id)) {
        result = signals_event(worker->db, caller_of(request)->claims.member_id, *ret_signal_id,
                               es_request_arena(request), &receipt->event, &salt);
    }
    if (result == ES_DB_NO_ROW) {
        es_respond_problem(request, ES_PROBLEM_NOT_FOUND, NULL);
        return false;
    }
    if (result != ES_DB_OK) {
        respond_unavailable(request, worker);
        return false;
    }
    memcpy(receipt->salt, salt, sizeof(receipt->salt));
    return true;
}

/* Inclusion path, and headers when asked for. */
static enum es_db_result add_proofs(struct es_request *request, struct worker *worker,
                                    uint64_t size, int64_t headers_from, struct es_receipt *receipt)
{
    struct es_arena *arena = es_request_arena(request);
    if (receipt->status >= ES_RECEIPT_SEALED) {
        struct es_merkle_proof *proof = ES_ARENA_NEW(arena, struct es_merkle_proof);
        struct es_tile_store tiles;
        enum es_db_result result =
            receipts_tiles(worker->db, receipt->leaf_index, size, arena, &tiles);
        if (result != ES_DB_OK) {
            return result;
        }
        if (es_tile_inclusion(&tiles, receipt->leaf_index, size, proof) != ES_TILE_OK) {
            return ES_DB_UNAVAILABLE;
        }
        receipt->inclusion = proof->hashes;
        receipt->inclusion_length = proof->length;
    }
    if (receipt->status >= ES_RECEIPT_MINED && headers_from >= 0) {
        return receipts_headers(worker->db, headers_from, receipt->block.hash.bytes, arena,
                                &receipt->headers, &receipt->header_count);
    }
    return ES_DB_OK;
}

static void answer(struct es_request *request, const struct worker *worker,
                   enum es_db_result result, const struct es_receipt *receipt)
{
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    if (result != ES_DB_OK) {
        respond_unavailable(request, worker);
    } else if (es_bug_on(!es_receipt_write(receipt, &body), "a receipt cannot be written")) {
        es_respond_problem(request, ES_PROBLEM_INTERNAL, NULL);
    } else {
        es_respond_json(request, 200, &body);
    }
}

void get_signals_id_receipt(struct es_request *request, void *app, void *worker_)
{
    struct worker *worker = worker_;
    struct es_receipt receipt = {0};
    int64_t signal_id = 0;
    int64_t headers_from = -1;
    uint64_t size = 0;
    if (!read_headers_from(request, &headers_from) ||
        (headers_from >= 0 && !take_place(request, app)) ||
        !read_signal(request, worker, &signal_id, &receipt)) {
        return;
    }
    enum es_db_result result =
        receipts_read(worker->db, signal_id, es_request_arena(request), &receipt, &size);
    if (result == ES_DB_OK) {
        if (!check_reach(request, &receipt, headers_from)) {
            return;
        }
        result = add_proofs(request, worker, size, headers_from, &receipt);
    }
    answer(request, worker, result, &receipt);
}
