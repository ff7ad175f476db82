/*
 * Fault points: named places where a process can be told to die, to prove that nothing is lost.
 *
 *     es_fault_point("ledger.after_sign");
 *
 * ELDERSAFE_FAULT_POINT=name[:N] makes the N-th passage (default 1) end the process at once with
 * status ES_EXIT_FAULT: no destructors, no flushing, as kill -9 would. Without the variable a
 * passage costs one comparison. Every name is listed in fault-points.def; --fault-points prints
 * the ones of this process, and a test fails when a name is not listed or never reached.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>

void es_fault_point(const char *name);

/* SETTING as in ELDERSAFE_FAULT_POINT; NULL disarms. False when it is malformed or not listed. */
bool es_fault_arm(const char *setting) ES_MUST_CHECK;

/* Append the points PROCESS ("eldersafe-core") can reach to OUT: a line each, name and sentence. */
void es_fault_describe(const char *process, struct es_buf *out);
