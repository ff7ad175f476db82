#include "worker-ledger/log/publish.h"

#include "common/base/arena.h"
#include "common/base/mem.h"
#include "common/daemon/fault.h"
#include "common/observe/log.h"
#include "common/tlog/checkpoint.h"
#include "worker-ledger/db/log.h"
#include "worker-ledger/log/static-file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MODE      0755
#define CHECKPOINT_FILE     "checkpoint"
#define ARCHIVE_PATH_SIZE   40
#define CHECKPOINTS_A_ROUND 64
#define TILES_A_READ        64 /* of 8 KiB each */
#define PARTIAL_SUFFIX      ".p"

struct es_publisher {
    int directory_fd;
    struct es_note_key key;
};

/* What one round carries along. */
struct round {
    struct es_publisher *publisher;
    struct es_db *db;
    struct es_arena *arena;
    int file_error;
};

/* The checkpoint in the directory; its size is 0 when there is none or none that can be read (then
 * all is published anew). False: it belongs to another log. */
static bool read_published(const struct es_publisher *publisher,
                           struct es_checkpoint *ret_checkpoint)
{
    ES_CLEANUP(es_buf_done) struct es_buf note = ES_BUF_INIT;
    struct es_checkpoint checkpoint;
    *ret_checkpoint = (struct es_checkpoint){.size = 0};
    if (!es_static_read(publisher->directory_fd, CHECKPOINT_FILE, ES_NOTE_SIZE_MAX, &note)) {
        return true;
    }
    switch (
        es_checkpoint_open(es_buf_str(&note), note.length, &publisher->key, 1, &checkpoint, NULL)) {
    case ES_NOTE_GOOD:
        *ret_checkpoint = checkpoint;
        return true;
    case ES_NOTE_MALFORMED:
        return true;
    case ES_NOTE_UNKNOWN:
    case ES_NOTE_FORGED:
        break;
    }
    return false;
}

struct es_publisher *es_publisher_open(const char *directory, const struct es_note_key *key,
                                       struct es_buf *error)
{
    struct es_checkpoint checkpoint;
    if (mkdir(directory, DIRECTORY_MODE) != 0 && errno != EEXIST) {
        es_buf_printf(error, "%s: cannot be made: %s", directory, strerror(errno));
        return NULL;
    }
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", W_OK, 0) != 0) {
        es_buf_printf(error, "%s: cannot be written to: %s", directory, strerror(errno));
        es_close_p(&fd);
        return NULL;
    }
    struct es_publisher *publisher = ES_NEW(struct es_publisher);
    publisher->directory_fd = fd;
    publisher->key = *key;
    if (!read_published(publisher, &checkpoint)) {
        es_buf_printf(error, "%s: holds a checkpoint that is not signed by the log's key",
                      directory);
        return es_publisher_free(publisher);
    }
    return publisher;
}

struct es_publisher *es_publisher_free(struct es_publisher *publisher)
{
    if (publisher != NULL) {
        es_close_p(&publisher->directory_fd);
        free(publisher);
    }
    return NULL;
}

enum es_db_result es_publisher_agrees(const struct es_publisher *publisher, struct es_db *db,
                                      bool *ret_agrees, int64_t *ret_size)
{
    struct es_checkpoint checkpoint;
    struct es_hash root;
    enum es_db_result result = ES_DB_OK;
    bool agrees = true;
    if (read_published(publisher, &checkpoint) && checkpoint.size > 0) {
        result = es_log_root(db, (int64_t)checkpoint.size, &root);
        agrees = result == ES_DB_OK && es_hash_equal(&root, &checkpoint.root);
    }
    *ret_agrees = agrees;
    *ret_size = (int64_t)checkpoint.size;
    return result == ES_DB_NO_ROW ? ES_DB_OK : result;
}

static bool write_file(struct round *round, const char *path, const void *bytes, size_t length)
{
    if (es_static_write(round->publisher->directory_fd, path, bytes, length)) {
        return true;
    }
    round->file_error = errno;
    return false;
}

static bool write_tile(struct round *round, const struct es_tile *tile,
                       const struct es_hash *hashes)
{
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    es_tile_path(tile, &path);
    if (!write_file(round, es_buf_str(&path), hashes, tile->width * sizeof(*hashes))) {
        return false;
    }
    if (tile->width == ES_TILE_WIDTH) {
        es_buf_add_str(&path, PARTIAL_SUFFIX);
        es_static_remove_directory(round->publisher->directory_fd, es_buf_str(&path));
    }
    return true;
}

/* Write COUNT tiles, each as wide as it is named; the database may hold wider ones by now. */
static enum es_db_result write_tiles(struct round *round, const struct es_tile *tiles, size_t count)
{
    struct es_held_tile *held = NULL;
    size_t held_count = 0;
    enum es_db_result result =
        es_log_read_tiles(round->db, round->arena, tiles, count, &held, &held_count);
    if (result != ES_DB_OK) {
        return result;
    }
    if (es_bug_on(held_count != count, "a tile of the log is missing in the database")) {
        return ES_DB_BUG;
    }
    for (size_t i = 0; i < count && round->file_error == 0; i++) {
        for (size_t k = 0; k < held_count; k++) {
            const struct es_held_tile *tile = &held[k];
            if (tile->tile.level == tiles[i].level && tile->tile.index == tiles[i].index &&
                tile->tile.width >= tiles[i].width && !write_tile(round, &tiles[i], tile->hashes)) {
                break;
            }
        }
    }
    return ES_DB_OK;
}

/* Tiles that the tree of SIZE leaves has and that of BEFORE leaves had not, level by level. */
struct tile_walk {
    uint64_t before;
    uint64_t size;
    unsigned level;
    uint64_t index;
};

static bool next_tile(struct tile_walk *walk, struct es_tile *ret_tile)
{
    for (; walk->level < ES_TILE_LEVELS; walk->level++) {
        unsigned shift = walk->level * ES_TILE_HEIGHT;
        uint64_t had = walk->before >> shift;
        uint64_t first = had / ES_TILE_WIDTH;
        uint64_t index = walk->index > first ? walk->index : first;
        size_t width = es_tile_width(walk->level, index, walk->size);
        if (had != walk->size >> shift && width > 0) {
            *ret_tile = (struct es_tile){.level = walk->level, .index = index, .width = width};
            walk->index = index + 1;
            return true;
        }
        walk->index = 0;
    }
    return false;
}

static enum es_db_result publish_tiles(struct round *round, int64_t before, int64_t size)
{
    struct tile_walk walk = {.before = (uint64_t)before, .size = (uint64_t)size};
    struct es_tile tiles[TILES_A_READ];
    size_t count = 0;
    enum es_db_result result = ES_DB_OK;
    do {
        es_arena_reset(round->arena);
        count = 0;
        while (count < TILES_A_READ && next_tile(&walk, &tiles[count])) {
            count++;
        }
        if (count > 0) {
            result = write_tiles(round, tiles, count);
        }
    } while (count == TILES_A_READ && result == ES_DB_OK && round->file_error == 0);
    return result;
}

static enum es_db_result publish_checkpoint(struct round *round, int64_t before,
                                            const struct es_log_checkpoint *checkpoint)
{
    char path[ARCHIVE_PATH_SIZE];
    enum es_db_result result = publish_tiles(round, before, checkpoint->size);
    if (result != ES_DB_OK || round->file_error != 0) {
        return result;
    }
    es_fault_point("ledger.tiles_partial");
    (void)snprintf(path, sizeof(path), "checkpoints/%" PRId64, checkpoint->size);
    (void)write_file(round, path, checkpoint->note, strlen(checkpoint->note));
    return ES_DB_OK;
}

/* `checkpoint` is a promise that everything it needs is there, also after a power failure. */
static bool promise(struct round *round, const struct es_log_checkpoint *last)
{
    if (!es_static_flush(round->publisher->directory_fd)) {
        round->file_error = errno;
        return false;
    }
    es_fault_point("ledger.tiles_before_checkpoint");
    return write_file(round, CHECKPOINT_FILE, last->note, strlen(last->note));
}

static enum es_db_result publish_after(struct round *round, struct es_arena *list_arena,
                                       struct es_published *published)
{
    struct es_log_checkpoint *items = NULL;
    size_t count = 0;
    int64_t before = published->size;
    enum es_db_result result = es_log_checkpoints_after(round->db, list_arena, before,
                                                        CHECKPOINTS_A_ROUND, &items, &count);
    for (size_t i = 0; i < count && result == ES_DB_OK && round->file_error == 0; i++) {
        result = publish_checkpoint(round, before, &items[i]);
        before = items[i].size;
    }
    if (result == ES_DB_OK && round->file_error == 0 && count > 0 &&
        promise(round, &items[count - 1])) {
        published->size = items[count - 1].size;
        published->more = count == CHECKPOINTS_A_ROUND;
    }
    published->file_error = round->file_error;
    return result;
}

enum es_db_result es_publish(struct es_publisher *publisher, struct es_db *db,
                             struct es_published *ret_published)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_arena_free_p) struct es_arena *list_arena = es_arena_new(0);
    struct round round = {.publisher = publisher, .db = db, .arena = arena};
    struct es_published published = {0};
    struct es_checkpoint checkpoint;
    enum es_db_result result = ES_DB_OK;
    if (flock(publisher->directory_fd, LOCK_EX | LOCK_NB) != 0) {
        *ret_published = published; /* another process is at it */
        return ES_DB_OK;
    }
    if (read_published(publisher, &checkpoint)) {
        published.size = (int64_t)checkpoint.size;
        result = publish_after(&round, list_arena, &published);
    } else {
        published.file_error = EPERM; /* somebody put another log's checkpoint there */
    }
    (void)flock(publisher->directory_fd, LOCK_UN);
    if (result == ES_DB_OK) {
        *ret_published = published;
    }
    return result;
}
