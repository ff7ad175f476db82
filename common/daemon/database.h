/*
 * The database step of every daemon: connect, say so, refuse a schema of another version. One
 * place, so that all of them end with the status that their unit files act on.
 */
#pragma once

#include "common/base/buf.h"
#include "common/daemon/daemon.h"
#include "common/db/db.h"

/* Connect DB and check its schema: ES_EXIT_OK, ES_EXIT_SCHEMA when the schema is of another version
 * (whether a statement could not be prepared for that, or all could), else ES_EXIT_FAILED. Says why
 * in ERROR, one line. For a step's start: it logs `database.connected`. */
enum es_exit es_daemon_open_database(struct es_db *db, struct es_buf *error) ES_MUST_CHECK;
