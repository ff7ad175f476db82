/*
 * Publishing: the log as static files that anybody can serve, mirror and check (C2SP tlog-tiles).
 *
 *     tile/<level>/<index>[.p/<width>]   tiles, partial ones as each checkpoint had them
 *     checkpoints/<size>                 every checkpoint
 *     checkpoint                         the latest, written last
 *
 * Leaves are hashes, so there are no entry bundles. Everything comes from the database:
 * `checkpoint` tells how far publishing has come, and whatever a crash left out is written in the
 * next round. Partial tiles go away when their tile is full, as the specification allows.
 *
 * Owned by the sealing thread. Several processes may share one directory: a lock on it (flock) lets
 * one of them publish at a time.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/note.h"

#include <stdbool.h>
#include <stdint.h>

struct es_publisher;

/* Open DIRECTORY, making it if it is not there. KEY is the log's. NULL with a line in ERROR when it
 * cannot be used, or holds the checkpoint of another log. */
struct es_publisher *es_publisher_open(const char *directory, const struct es_note_key *key,
                                       struct es_buf *error) ES_MUST_CHECK;
struct es_publisher *es_publisher_free(struct es_publisher *publisher);

/* Whether DB knows the checkpoint in the directory, by size and root; true when there is none.
 * Where it does not, the database went back behind what the world was told: whatever were signed
 * now would be a second history. *RET_SIZE is the size of that checkpoint, 0: none. */
enum es_db_result es_publisher_agrees(const struct es_publisher *publisher, struct es_db *db,
                                      bool *ret_agrees, int64_t *ret_size) ES_MUST_CHECK;

struct es_published {
    int64_t size;   /* of the latest checkpoint in the directory now */
    bool more;      /* there are more checkpoints to publish */
    int file_error; /* errno when a file could not be written; 0: none */
};

/* Publish the next checkpoints, a bounded number of them. When another process is at it, nothing is
 * done. A file that cannot be written is told in RET_PUBLISHED and tried again in the next round.
 */
enum es_db_result es_publish(struct es_publisher *publisher, struct es_db *db,
                             struct es_published *ret_published) ES_MUST_CHECK;
