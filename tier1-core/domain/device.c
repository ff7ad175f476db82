#include "tier1-core/domain/device.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    "", "phone", "tablet", "computer", "watch", "speaker", "button", "other",
};

bool device_is_known(const char *name)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}
