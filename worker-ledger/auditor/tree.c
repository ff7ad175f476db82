#include "worker-ledger/auditor/tree.h"

#include "common/tlog/merkle.h"

#include <string.h>

const struct es_db_statement es_audit_tiles_statement = {
    .name = "audit_tiles",
    .params = "iii",
    .sql = "SELECT tile_index, hashes FROM anchor.tiles"
           " WHERE level = $1::smallint AND tile_index >= $2 AND tile_index < $3"
           " ORDER BY tile_index",
};

const struct es_db_statement es_audit_tile_count_statement = {
    .name = "audit_tile_count",
    .params = "",
    .sql = "SELECT count(*) AS count FROM anchor.tiles",
};

/* --- variants ------------------------------------------------------------------------------ */
static const struct es_hash *variant_of(const struct es_audit_tree *tree, unsigned level,
                                        uint64_t position)
{
    for (size_t i = 0; i < tree->variant_count; i++) {
        if (tree->variants[i].level == level && tree->variants[i].position == position) {
            return &tree->variants[i].hash;
        }
    }
    return NULL;
}

static void add_variant(struct es_audit_tree *tree, unsigned level, uint64_t position,
                        const struct es_hash *hashes)
{
    if (tree->variant_count < ES_AUDIT_VARIANTS) {
        tree->variants[tree->variant_count++] = (struct es_audit_variant){
            .level = level,
            .position = position,
            .hash = es_tile_subtree(hashes, ES_TILE_HEIGHT),
        };
    }
}

/* --- one tile ------------------------------------------------------------------------------ */
/* What should be in a tile, and room for what is. */
struct tile {
    unsigned level;
    uint64_t index;
    size_t width;
    struct es_hash *expected;
    struct es_hash *found;
    const int64_t *leaf_ids; /* level 0 only */
};

/* The hashes of TILE are BYTES. One finding at most: the first hash that differs for no reason
 * known yet. */
static void compare_hashes(struct es_audit_tree *tree, const struct tile *tile,
                           const unsigned char *bytes)
{
    struct es_audit *audit = tree->audit;
    bool told = false;
    bool differs = false;
    for (size_t i = 0; i < tile->width; i++) {
        uint64_t position = tile->index * ES_TILE_WIDTH + i;
        tile->found[i] = es_hash_from_bytes(bytes + i * ES_HASH_SIZE);
        if (es_hash_equal(&tile->found[i], &tile->expected[i])) {
            continue;
        }
        const struct es_hash *variant = variant_of(tree, tile->level, position);
        if (variant != NULL && es_hash_equal(variant, &tile->found[i])) {
            tile->expected[i] = tile->found[i]; /* what is below it was told of */
            continue;
        }
        differs = true;
        if (tile->leaf_ids != NULL) {
            es_audit_suspect(audit, ES_SUSPECT_LEAF, tile->leaf_ids[i]);
        }
        if (!told) {
            es_audit_find(audit, ES_AUDIT_TILE,
                          es_audit_hex(audit, tile->expected[i].bytes, ES_HASH_SIZE),
                          es_audit_hex(audit, tile->found[i].bytes, ES_HASH_SIZE),
                          "hash %zu of tile %u/%llu (entries and tile differ)", i, tile->level,
                          (unsigned long long)tile->index);
        }
        told = true;
    }
    if (differs && tile->width == ES_TILE_WIDTH) {
        add_variant(tree, tile->level + 1, tile->index, tile->found);
    }
}

/* Row ROW of ROWS is TILE, if it is there. */
static void compare_tile(struct es_audit_tree *tree, const struct tile *tile,
                         const struct es_db_rows *rows, size_t row)
{
    struct es_audit *audit = tree->audit;
    size_t length = 0;
    const void *bytes = NULL;
    tree->at.tiles++;
    audit->report.totals.tiles++;
    memcpy(tile->found, tile->expected, tile->width * sizeof(*tile->found));
    if (row < es_db_row_count(rows) &&
        (uint64_t)es_db_i64(rows, row, "tile_index") == tile->index) {
        bytes = es_db_bytea(rows, row, "hashes", &length);
    }
    if (length != tile->width * ES_HASH_SIZE) {
        es_audit_find(audit, ES_AUDIT_TILE,
                      es_arena_printf(audit->arena, "%zu hashes", tile->width),
                      es_arena_printf(audit->arena, "%zu", length / ES_HASH_SIZE), "tile %u/%llu",
                      tile->level, (unsigned long long)tile->index);
        return;
    }
    compare_hashes(tree, tile, bytes);
}

/* --- levels above the leaves --------------------------------------------------------------- */
static enum es_db_result compare_level(struct es_audit_tree *tree, unsigned level)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct es_audit_level *nodes = &tree->at.levels[level];
    struct es_hash found[ES_TILE_WIDTH];
    int64_t index = (int64_t)nodes->index;
    enum es_db_result result = es_db_run(tree->audit->db, &es_audit_tiles_statement, &rows,
                                         (int64_t)level, index, index + 1);
    if (result == ES_DB_OK) {
        compare_tile(tree,
                     &(struct tile){.level = level,
                                    .index = nodes->index,
                                    .width = nodes->width,
                                    .expected = nodes->hashes,
                                    .found = found},
                     rows, 0);
    }
    return result;
}

/* ROOT is the root of a full tile of the level below LEVEL. */
static enum es_db_result add_node(struct es_audit_tree *tree, unsigned level, struct es_hash root)
{
    enum es_db_result result = ES_DB_OK;
    while (result == ES_DB_OK && level < ES_TILE_LEVELS) {
        struct es_audit_level *nodes = &tree->at.levels[level];
        nodes->hashes[nodes->width++] = root;
        if (nodes->width < ES_TILE_WIDTH) {
            break;
        }
        result = compare_level(tree, level);
        root = es_tile_subtree(nodes->hashes, ES_TILE_HEIGHT);
        nodes->width = 0;
        nodes->index++;
        level++;
    }
    return result;
}

/* --- the leaves ---------------------------------------------------------------------------- */
enum es_db_result es_audit_tree_compare(struct es_audit_tree *tree, uint64_t first,
                                        const struct es_audit_page *page)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    uint64_t first_tile = first / ES_TILE_WIDTH;
    uint64_t tile_count = (page->count + ES_TILE_WIDTH - 1) / ES_TILE_WIDTH;
    size_t findings = tree->audit->report.findings[ES_AUDIT_TILE];
    enum es_db_result result =
        es_db_run(tree->audit->db, &es_audit_tiles_statement, &rows, INT64_C(0),
                  (int64_t)first_tile, (int64_t)(first_tile + tile_count));
    size_t row = 0;
    for (uint64_t i = 0; i < tile_count && result == ES_DB_OK; i++) {
        size_t at = (size_t)i * ES_TILE_WIDTH;
        size_t left = page->count - at;
        struct tile tile = {
            .index = first_tile + i,
            .width = left < ES_TILE_WIDTH ? left : ES_TILE_WIDTH,
            .expected = page->entries + at,
            .found = page->tiles + at,
            .leaf_ids = page->leaf_ids + at,
        };
        compare_tile(tree, &tile, rows, row);
        row += row < es_db_row_count(rows) &&
               (uint64_t)es_db_i64(rows, row, "tile_index") == tile.index;
        if (tile.width == ES_TILE_WIDTH) {
            result = add_node(tree, 1, es_tile_subtree(tile.expected, ES_TILE_HEIGHT));
        }
    }
    if (!tree->differs && tree->audit->report.findings[ES_AUDIT_TILE] != findings) {
        tree->differs = true;
        tree->other = tree->at.frontier;
    }
    return result;
}

void es_audit_tree_append(struct es_audit_tree *tree, const struct es_audit_page *page, size_t at)
{
    es_frontier_append(&tree->at.frontier, &page->entries[at]);
    if (tree->differs) {
        es_frontier_append(&tree->other, &page->tiles[at]);
    }
}

struct es_hash es_audit_tree_settle(struct es_audit_tree *tree, const struct es_hash *root)
{
    struct es_hash own = es_frontier_root(&tree->at.frontier);
    if (tree->differs && !es_hash_equal(&own, root)) {
        struct es_hash other = es_frontier_root(&tree->other);
        if (es_hash_equal(&other, root)) {
            tree->at.frontier = tree->other;
            tree->differs = false;
            return other;
        }
    }
    return own;
}

enum es_db_result es_audit_tree_finish(struct es_audit_tree *tree)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = ES_DB_OK;
    for (unsigned level = 1; level < ES_TILE_LEVELS && result == ES_DB_OK; level++) {
        if (tree->at.levels[level].width > 0) {
            result = compare_level(tree, level);
        }
    }
    if (result == ES_DB_OK) {
        result = es_db_one(tree->audit->db, &es_audit_tile_count_statement, &rows);
    }
    if (result != ES_DB_OK) {
        return result;
    }
    uint64_t count = (uint64_t)es_db_i64(rows, 0, "count");
    if (count > tree->at.tiles) {
        es_audit_find(tree->audit, ES_AUDIT_TILE,
                      es_audit_number(tree->audit, (int64_t)tree->at.tiles),
                      es_audit_number(tree->audit, (int64_t)count), "number of tiles");
    }
    return ES_DB_OK;
}
