/* Running programs from a test. */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

/* Run ARGV (NULL-terminated; a path, or a name to be found in PATH), wait for its end, append what
 * it printed on either stream to OUTPUT. Its exit status; 128 and more: it died of a signal. */
int es_test_run(const char *const *argv, struct es_buf *output) ES_MUST_CHECK;

/* Path of the program NAME of the build this test belongs to ("eldersafectl"). A program that is
 * not there fails the test. Release with free(). */
char *es_test_program(const char *name) ES_MUST_CHECK;
