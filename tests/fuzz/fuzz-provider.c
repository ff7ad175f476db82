/*
 * Fuzz target: the answers of chain providers. The first byte chooses the reader, the second the
 * HTTP status, the rest is the body. The transaction asked about has the id 11…11.
 *
 * Whatever comes, what is read holds together: a refusal has a kind, a mined transaction a block, a
 * header the hash of its bytes, a coin a value that exists; texts for people are printable; and an
 * error of the server itself is never taken for a refusal.
 */
#include "common/base/arena.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/providers/arc-answer.h"
#include "worker-ledger/providers/node-answer.h"
#include "worker-ledger/providers/woc-answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TXID_BYTE 0x11

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    struct es_arena *arena;
    struct es_hash txid;
    long status;
    const void *body;
    size_t length;
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_sighting(const struct es_sighting *sighting)
{
    require((size_t)sighting->sight < ES_SIGHT_COUNT);
    require((sighting->sight == ES_SIGHT_REFUSED) == (sighting->refusal != ES_REFUSAL_NONE));
    require((sighting->sight == ES_SIGHT_MINED) == sighting->has_block);
    require(sighting->bump == NULL || (sighting->has_block && sighting->bump_length > 0));
    require(sighting->reason[0] != '\0' &&
            strnlen(sighting->reason, sizeof(sighting->reason)) < sizeof(sighting->reason));
    size_t length = strnlen(sighting->detail, sizeof(sighting->detail));
    require(length < sizeof(sighting->detail));
    for (size_t i = 0; i < length; i++) {
        require(sighting->detail[i] >= ' ' && sighting->detail[i] <= '~');
    }
}

/* A server that failed has refused nothing. (A node words its refusals as 500.) */
static void check_not_refused_by_failure(const struct input *input,
                                         const struct es_sighting *sighting)
{
    require(input->status < 500 || sighting->sight != ES_SIGHT_REFUSED);
}

static void try_arc(const struct input *input)
{
    struct es_sighting sighting =
        es_arc_read(input->arena, &input->txid, input->status, input->body, input->length);
    check_sighting(&sighting);
    check_not_refused_by_failure(input, &sighting);
}

static void try_arc_policy(const struct input *input)
{
    int64_t rate = -1;
    if (es_arc_read_policy(input->body, input->length, &rate)) {
        require(rate >= 0);
    }
}

static void try_woc_submit(const struct input *input)
{
    struct es_sighting sighting =
        es_woc_read_submit(&input->txid, input->status, input->body, input->length);
    check_sighting(&sighting);
    check_not_refused_by_failure(input, &sighting);
    require(sighting.sight != ES_SIGHT_MINED && sighting.sight != ES_SIGHT_SEEN);
}

static void try_woc_status(const struct input *input)
{
    struct es_sighting sighting =
        es_woc_read_status(&input->txid, input->status, input->body, input->length);
    check_sighting(&sighting);
    require(sighting.sight != ES_SIGHT_REFUSED);
}

static void check_proof(const struct es_tsc_proof *proof)
{
    for (size_t i = 0; i < proof->node_count; i++) {
        require(proof->nodes[i] != NULL);
    }
}

static void try_woc_proof(const struct input *input)
{
    struct es_tsc_proof proof;
    if (es_woc_read_proof(input->arena, &input->txid, input->status, input->body, input->length,
                          &proof) == ES_QUESTION_ANSWERED) {
        check_proof(&proof);
    }
}

static void check_header(const struct es_block_header *header)
{
    struct es_hash hash = es_header_hash(header->raw);
    require(es_hash_equal(&hash, &header->hash));
}

static void try_woc_header(const struct input *input)
{
    struct es_block_header header;
    if (es_woc_read_header(input->status, input->body, input->length, &header) ==
        ES_QUESTION_ANSWERED) {
        check_header(&header);
        require(header.height >= 0);
    }
}

static void try_woc_tip(const struct input *input)
{
    struct es_tip tip;
    if (es_woc_read_tip(input->status, input->body, input->length, &tip) == ES_QUESTION_ANSWERED) {
        require(tip.height >= 0);
    }
}

static void check_unspent(const struct es_unspent_list *list)
{
    require(list->count <= ES_UNSPENT_MAX);
    for (size_t i = 0; i < list->count; i++) {
        require(list->items[i].satoshis > 0 &&
                list->items[i].satoshis <= (int64_t)ES_TX_SATOSHIS_MAX);
    }
}

static void try_woc_unspent(const struct input *input)
{
    struct es_unspent_list list;
    if (es_woc_read_unspent(input->arena, input->status, input->body, input->length, &list) ==
        ES_QUESTION_ANSWERED) {
        check_unspent(&list);
    }
}

static void try_woc_spent(const struct input *input)
{
    bool spent = false;
    (void)!es_woc_read_spent(input->status, input->body, input->length, &spent);
}

static void try_node_submit(const struct input *input)
{
    struct es_sighting sighting =
        es_node_read_submit(&input->txid, input->status, input->body, input->length);
    check_sighting(&sighting);
    require(sighting.sight != ES_SIGHT_MINED && sighting.sight != ES_SIGHT_SEEN);
}

static void try_node_status(const struct input *input)
{
    struct es_sighting sighting =
        es_node_read_status(&input->txid, input->status, input->body, input->length);
    check_sighting(&sighting);
    require(sighting.sight != ES_SIGHT_REFUSED);
}

static void try_node_proof(const struct input *input)
{
    struct es_tsc_proof proof;
    if (es_node_read_proof(input->arena, &input->txid, input->status, input->body, input->length,
                           &proof) == ES_QUESTION_ANSWERED) {
        check_proof(&proof);
    }
}

static void try_node_policy(const struct input *input)
{
    int64_t rate = -1;
    if (es_node_read_policy(input->status, input->body, input->length, &rate)) {
        require(rate >= 0 && rate <= (int64_t)ES_TX_SATOSHIS_MAX);
    }
}

static void try_node_header(const struct input *input)
{
    struct es_block_header header;
    if (es_node_read_header(input->status, input->body, input->length, &header) ==
        ES_QUESTION_ANSWERED) {
        check_header(&header);
    }
}

/* The short answers of a node: hash, height, tip, spent, done. */
static void try_node_small(const struct input *input)
{
    struct es_hash hash;
    struct es_tip tip;
    int64_t height = -1;
    bool spent = false;
    (void)!es_node_read_block_hash(input->status, input->body, input->length, &hash);
    (void)!es_node_read_spent(input->status, input->body, input->length, &spent);
    (void)!es_node_read_done(input->status, input->body, input->length);
    if (es_node_read_height(input->status, input->body, input->length, &height) ==
        ES_QUESTION_ANSWERED) {
        require(height >= 0);
    }
    if (es_node_read_tip(input->status, input->body, input->length, &tip) == ES_QUESTION_ANSWERED) {
        require(tip.height >= 0);
    }
}

static void try_node_unspent(const struct input *input)
{
    struct es_unspent_list list;
    if (es_node_read_unspent(input->arena, input->status, input->body, input->length, &list) ==
        ES_QUESTION_ANSWERED) {
        check_unspent(&list);
    }
}

static void (*const readers[])(const struct input *input) = {
    try_arc,         try_arc_policy,  try_woc_submit,  try_woc_status,
    try_woc_proof,   try_woc_header,  try_woc_tip,     try_woc_unspent,
    try_woc_spent,   try_node_submit, try_node_status, try_node_proof,
    try_node_policy, try_node_header, try_node_small,  try_node_unspent,
};

static const long statuses[] = {200, 202, 400, 401, 404, 429, 461, 465, 466, 500, 503, 0};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct input input = {
        .arena = arena,
        .status = statuses[data[1] % ES_ARRAY_LEN(statuses)],
        .body = data + 2,
        .length = size - 2,
    };
    memset(input.txid.bytes, TXID_BYTE, sizeof(input.txid.bytes));
    readers[data[0] % ES_ARRAY_LEN(readers)](&input);
    return 0;
}
