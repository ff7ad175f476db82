/*
 * What kind of thing a device is: all that is kept of it. A name of the member's own choosing would
 * be text in which anything personal can stand (E85, FE12).
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>

#define DEVICE_NAMES "phone, tablet, computer, watch, speaker, button or other"

/* Whether NAME is one of DEVICE_NAMES, or "" for one that does not say. */
bool device_is_known(const char *name) ES_MUST_CHECK;
