#include "deploy/ctl/static-log.h"

#include "common/base/arena.h"
#include "common/tlog/checkpoint.h"
#include "common/tlog/note.h"
#include "common/tlog/tile.h"
#include "worker-ledger/verify/input.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PAGE   1000
#define LATEST "checkpoint"

const struct es_db_statement es_static_tiles_statement = {
    .name = "static_tiles",
    .params = "iii",
    .sql = "SELECT level, tile_index, hashes FROM anchor.tiles"
           " WHERE (level, tile_index) > ($1::smallint, $2) ORDER BY level, tile_index LIMIT $3",
};

const struct es_db_statement es_static_checkpoints_statement = {
    .name = "static_checkpoints",
    .params = "iii",
    .sql = "SELECT size, note FROM anchor.checkpoints WHERE size > $1 AND size <= $2"
           " ORDER BY size LIMIT $3",
};

struct comparison {
    struct es_db *db;
    const char *directory;
    uint64_t size; /* of the published checkpoint */
    uint64_t files;
    struct es_buf *difference;
};

static bool read_file(const struct comparison *comparison, const char *name, struct es_buf *out)
{
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    es_buf_printf(&path, "%s/%s", comparison->directory, name);
    if (!es_input_read(es_buf_str(&path), ES_NOTE_SIZE_MAX, out)) {
        es_buf_printf(comparison->difference, "%s: %s", es_buf_str(&path), strerror(errno));
        return false;
    }
    return true;
}

/* File NAME holds LENGTH bytes equal to BYTES. */
static enum es_static_result compare_file(struct comparison *comparison, const char *name,
                                          const void *bytes, size_t length)
{
    ES_CLEANUP(es_buf_done) struct es_buf content = ES_BUF_INIT;
    if (!read_file(comparison, name, &content)) {
        return ES_STATIC_DIFFERENT;
    }
    comparison->files++;
    if (content.length != length || memcmp(content.data, bytes, length) != 0) {
        es_buf_printf(comparison->difference, "file %s is not what the database has", name);
        return ES_STATIC_DIFFERENT;
    }
    return ES_STATIC_SAME;
}

/* --- tiles --------------------------------------------------------------------------------- */
/* As wide as the published tree needs it; the database may be further. */
static enum es_static_result compare_tile(struct comparison *comparison,
                                          const struct es_db_rows *rows, size_t row)
{
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    size_t length = 0;
    const void *hashes = es_db_bytea(rows, row, "hashes", &length);
    struct es_tile tile = {
        .level = (unsigned)es_db_i64(rows, row, "level"),
        .index = (uint64_t)es_db_i64(rows, row, "tile_index"),
    };
    tile.width = es_tile_width(tile.level, tile.index, comparison->size);
    if (tile.width == 0) {
        return ES_STATIC_SAME;
    }
    es_tile_path(&tile, &path);
    if (length < tile.width * ES_HASH_SIZE) {
        es_buf_printf(comparison->difference, "%s: the tile in the database is too short",
                      es_buf_str(&path));
        return ES_STATIC_DIFFERENT;
    }
    return compare_file(comparison, es_buf_str(&path), hashes, tile.width * ES_HASH_SIZE);
}

static enum es_static_result compare_tiles(struct comparison *comparison)
{
    enum es_static_result result = ES_STATIC_SAME;
    int64_t level = -1;
    int64_t index = 0;
    size_t count = PAGE;
    while (count == PAGE && result == ES_STATIC_SAME) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        if (es_db_run(comparison->db, &es_static_tiles_statement, &rows, level, index,
                      (int64_t)PAGE) != ES_DB_OK) {
            return ES_STATIC_FAILED;
        }
        count = es_db_row_count(rows);
        for (size_t i = 0; i < count && result == ES_STATIC_SAME; i++) {
            result = compare_tile(comparison, rows, i);
            level = es_db_i64(rows, i, "level");
            index = es_db_i64(rows, i, "tile_index");
        }
    }
    return result;
}

/* --- checkpoints --------------------------------------------------------------------------- */
static enum es_static_result compare_checkpoint(struct comparison *comparison,
                                                const struct es_db_rows *rows, size_t row)
{
    ES_CLEANUP(es_buf_done) struct es_buf name = ES_BUF_INIT;
    const char *note = es_db_text(rows, row, "note");
    uint64_t size = (uint64_t)es_db_i64(rows, row, "size");
    es_buf_printf(&name, LATEST "s/%" PRIu64, size);
    enum es_static_result result = compare_file(comparison, es_buf_str(&name), note, strlen(note));
    if (result == ES_STATIC_SAME && size == comparison->size) {
        result = compare_file(comparison, LATEST, note, strlen(note));
    }
    return result;
}

static enum es_static_result compare_checkpoints(struct comparison *comparison)
{
    enum es_static_result result = ES_STATIC_SAME;
    int64_t size = 0;
    size_t count = PAGE;
    while (count == PAGE && result == ES_STATIC_SAME) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        if (es_db_run(comparison->db, &es_static_checkpoints_statement, &rows, size,
                      (int64_t)comparison->size, (int64_t)PAGE) != ES_DB_OK) {
            return ES_STATIC_FAILED;
        }
        count = es_db_row_count(rows);
        for (size_t i = 0; i < count && result == ES_STATIC_SAME; i++) {
            result = compare_checkpoint(comparison, rows, i);
            size = es_db_i64(rows, i, "size");
        }
    }
    if (result == ES_STATIC_SAME && size != (int64_t)comparison->size) {
        es_buf_add_str(comparison->difference, "file " LATEST " is of no checkpoint we have");
        return ES_STATIC_DIFFERENT;
    }
    return result;
}

/* --- the whole ----------------------------------------------------------------------------- */
/* How far publishing has come, by the file that is written last. */
static bool read_size(struct comparison *comparison)
{
    ES_CLEANUP(es_buf_done) struct es_buf content = ES_BUF_INIT;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_note note;
    struct es_checkpoint checkpoint;
    if (!read_file(comparison, LATEST, &content)) {
        return false;
    }
    if (!es_note_parse(arena, es_buf_str(&content), content.length, &note) ||
        !es_checkpoint_parse(note.text, note.text_length, &checkpoint)) {
        es_buf_add_str(comparison->difference, "file " LATEST " is no checkpoint");
        return false;
    }
    comparison->size = checkpoint.size;
    return true;
}

enum es_static_result es_static_log_compare(struct es_db *db, const char *directory,
                                            uint64_t *ret_files, struct es_buf *difference)
{
    struct comparison comparison = {.db = db, .directory = directory, .difference = difference};
    if (!read_size(&comparison)) {
        return ES_STATIC_DIFFERENT;
    }
    enum es_static_result result = compare_tiles(&comparison);
    if (result == ES_STATIC_SAME) {
        result = compare_checkpoints(&comparison);
    }
    *ret_files = comparison.files;
    return result;
}
