#include "worker-ledger/verify/tile-files.h"

#include "worker-ledger/verify/input.h"

#include <string.h>

static bool read_file(const char *directory, const struct es_tile *tile,
                      struct es_hash ret_hashes[ES_TILE_WIDTH])
{
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf content = ES_BUF_INIT;
    size_t length = tile->width * sizeof(*ret_hashes);
    es_buf_printf(&path, "%s/", directory);
    es_tile_path(tile, &path);
    if (!es_input_read(es_buf_str(&path), length, &content) || content.length != length) {
        return false;
    }
    memcpy(ret_hashes, content.data, length);
    return true;
}

static bool read_tile(void *context, const struct es_tile *wanted,
                      struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width)
{
    const struct es_tile_files *files = context;
    struct es_tile full = {.level = wanted->level, .index = wanted->index, .width = ES_TILE_WIDTH};
    if (read_file(files->directory, wanted, ret_hashes)) {
        *ret_width = wanted->width;
        return true;
    }
    *ret_width = full.width;
    return read_file(files->directory, &full, ret_hashes);
}

struct es_tile_store es_tile_files_store(struct es_tile_files *files)
{
    return (struct es_tile_store){.context = files, .read = read_tile};
}
