/*
 * The tree of the log grown again from its leaves, and compared with the tiles that are kept.
 *
 * Where a leaf and its tile differ, one of them is wrong, and only a root can tell which: both
 * versions are followed from there, and a checkpoint decides (es_audit_tree_settle()).
 */
#pragma once

#include "worker-ledger/auditor/internal.h"

#define ES_AUDIT_VARIANTS 64

/* A node that is another one in the tiles, since something below it differs there. */
struct es_audit_variant {
    unsigned level;
    uint64_t position; /* in its level */
    struct es_hash hash;
};

struct es_audit_tree {
    struct es_audit *audit;
    struct es_audit_place at; /* by the entries */
    struct es_frontier other; /* by the tiles */
    bool differs;             /* OTHER counts */
    struct es_audit_variant variants[ES_AUDIT_VARIANTS];
    size_t variant_count;
};

/* Leaves of one page: as the entries have them, and as the tiles do. */
struct es_audit_page {
    size_t count;
    struct es_hash *entries;
    struct es_hash *tiles;
    const int64_t *leaf_ids;
};

/* Compare the tiles of the leaves of PAGE, the first of which has the number FIRST (a multiple of
 * ES_TILE_WIDTH); fills PAGE->tiles. Nothing is appended yet. */
enum es_db_result es_audit_tree_compare(struct es_audit_tree *tree, uint64_t first,
                                        const struct es_audit_page *page) ES_MUST_CHECK;

/* Append leaf AT of PAGE. */
void es_audit_tree_append(struct es_audit_tree *tree, const struct es_audit_page *page, size_t at);

/* The root now. Where ROOT is the one that follows from the tiles and not from the entries, the
 * tiles were right, and count from here on. */
struct es_hash es_audit_tree_settle(struct es_audit_tree *tree, const struct es_hash *root);

/* After the last leaf: compare tiles that are not full, and that there are no others. */
enum es_db_result es_audit_tree_finish(struct es_audit_tree *tree) ES_MUST_CHECK;
