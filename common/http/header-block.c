#include "common/http/header-block.h"

#include <microhttpd.h>
#include <string.h>

#define LINE_END_SIZE 2 /* CR and LF, each a NUL by now */

/* A walk over the block; AT is NULL once something was not where it had to be. */
struct walk {
    const char *at;
    const char *end;
};

static void expect_here(struct walk *walk, const char *part)
{
    walk->at = walk->at == part ? part : NULL;
}

static void pass(struct walk *walk, size_t length)
{
    bool fits = walk->at != NULL && length <= (size_t)(walk->end - walk->at);
    walk->at = fits ? walk->at + length : NULL;
}

static void pass_nuls(struct walk *walk, size_t count)
{
    const char *start = walk->at;
    pass(walk, count);
    for (size_t i = 0; walk->at != NULL && i < count; i++) {
        walk->at = start[i] == '\0' ? walk->at : NULL;
    }
}

static void pass_blanks(struct walk *walk)
{
    while (walk->at != NULL && walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t')) {
        walk->at++;
    }
}

bool es_header_block_known(void)
{
    return strcmp(MHD_get_version(), "0.9.75") == 0;
}

bool es_header_block_intact(const struct es_header_block *block, const struct es_headers *headers)
{
    struct walk walk = {.at = block->start, .end = block->start + block->size};
    pass(&walk, strlen(block->start));
    pass_nuls(&walk, 1); /* the blank */
    expect_here(&walk, block->target);
    pass(&walk, block->target_length);
    pass_nuls(&walk, 1);
    expect_here(&walk, block->version);
    pass(&walk, strlen(block->version));
    pass_nuls(&walk, LINE_END_SIZE);
    for (size_t i = 0; walk.at != NULL && i < headers->count; i++) {
        expect_here(&walk, headers->items[i].name);
        pass(&walk, headers->items[i].name_length);
        pass_nuls(&walk, 1); /* the colon */
        pass_blanks(&walk);
        expect_here(&walk, headers->items[i].value);
        pass(&walk, headers->items[i].value_length);
        pass_nuls(&walk, LINE_END_SIZE);
    }
    pass_nuls(&walk, LINE_END_SIZE);
    return walk.at == walk.end;
}
