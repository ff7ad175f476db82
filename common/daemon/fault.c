#include "common/daemon/fault.h"

#include "common/base/text.h"
#include "common/daemon/daemon.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct fault_point {
    const char *name;
    const char *process;
    const char *sentence;
};

static const struct fault_point points[] = {
#define X(name, process, sentence) {name, process, sentence},
#include "common/daemon/fault-points.def"
#undef X
};

/* The one armed point (NULL: none) and how many passages are left until it acts. */
static _Atomic(const char *) armed;
static atomic_llong passages_left;

void es_fault_point(const char *name)
{
    const char *target = atomic_load_explicit(&armed, memory_order_relaxed);
    if (target == NULL || strcmp(target, name) != 0) {
        return;
    }
    if (atomic_fetch_sub(&passages_left, 1) == 1) {
        _exit(ES_EXIT_FAULT);
    }
}

static const struct fault_point *find(const char *name, size_t length)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(points); i++) {
        if (strlen(points[i].name) == length && memcmp(points[i].name, name, length) == 0) {
            return &points[i];
        }
    }
    return NULL;
}

bool es_fault_arm(const char *setting)
{
    if (setting == NULL) {
        atomic_store(&armed, NULL);
        return true;
    }
    size_t length = strcspn(setting, ":");
    const struct fault_point *point = find(setting, length);
    int64_t passage = 1;
    if (point == NULL || (setting[length] == ':' &&
                          (!es_parse_i64(setting + length + 1, &passage) || passage < 1))) {
        return false;
    }
    atomic_store(&passages_left, passage);
    atomic_store(&armed, point->name);
    return true;
}

void es_fault_describe(const char *process, struct es_buf *out)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(points); i++) {
        bool of_all = strcmp(points[i].process, "*") == 0;
        if (of_all || strcmp(points[i].process, process) == 0) {
            es_buf_printf(out, "%-32s %s\n", points[i].name, points[i].sentence);
        }
    }
}
