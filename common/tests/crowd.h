/* Many connections doing the same at the same time. */
#pragma once

#include "common/base/compiler.h"

#include <libpq-fe.h>
#include <stddef.h>

/* What one of the crowd does on its own connection; NUMBER counts from 0. */
typedef void es_test_part(PGconn *conn, size_t number, void *context);

/* Let COUNT threads, each connected to CONNINFO, begin PART at the same moment; wait for all. */
void es_test_crowd(size_t count, const char *conninfo, es_test_part *part, void *context);
