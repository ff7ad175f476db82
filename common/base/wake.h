/* A bell for a thread that sleeps in poll(2): an eventfd that others write and it reads. */
#pragma once

#include "common/base/compiler.h"

/* The descriptor to poll for POLLIN and to close in the end; -1 when there is none to be had. */
int es_wake_new(void) ES_MUST_CHECK;

/* Wake the thread. Any number of calls before it looks are one. */
void es_wake(int fd);

/* The thread is awake. Called before it looks at what it was woken for: a later call of es_wake()
 * wakes it again. */
void es_wake_heard(int fd);
