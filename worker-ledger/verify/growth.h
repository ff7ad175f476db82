/*
 * Checking offline that a log only grew: that the tree of an old checkpoint is the beginning of the
 * tree of a newer one. Pure but for the tile store it is given.
 *
 * Nothing but the log keys is believed: the tiles have to lead to the root of the new checkpoint,
 * each full one through the tile above it, before the proof is built from them. So a proof that
 * does not hold is the log's doing and not that of a damaged file: two checkpoints that both bear
 * its signature and contradict each other.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/tile.h"
#include "worker-ledger/verify/verify.h"

#include <stddef.h>
#include <stdint.h>

/* In the order in which they are checked. */
enum es_growth_link {
    ES_GROWTH_OLD,         /* the log signed the old checkpoint */
    ES_GROWTH_NEW,         /* and the new one, which is of the same log and not smaller */
    ES_GROWTH_TILES,       /* the tiles are those of the new one */
    ES_GROWTH_CONSISTENCY, /* its tree begins with that of the old one */
};
#define ES_GROWTH_LINK_COUNT 4

struct es_growth_report {
    enum es_verify_outcome outcome; /* ES_VERIFY_INCOMPLETE: a tile that is needed is not there */
    struct es_verify_finding links[ES_GROWTH_LINK_COUNT];
};

/* A checkpoint as a signed note. */
struct es_growth_note {
    const char *text;
    size_t length;
};

/* Of OPTIONS the log keys count. */
void es_verify_growth(const struct es_growth_note *old, const struct es_growth_note *new,
                      const struct es_verify_options *options, const struct es_tile_store *tiles,
                      struct es_growth_report *ret_report);

/* "old", "new", "tiles", "consistency". */
const char *es_growth_link_text(enum es_growth_link link);
