/* The secrets of eldersafe-core: read from their files at start, wiped at stop. */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>

struct app;

/* Fill APP's keys from the files its configuration names. False with a line in ERROR. */
bool keys_load(struct app *app, struct es_buf *error) ES_MUST_CHECK;
void keys_wipe(struct app *app);
