#include "common/bus/link.h"

#include "common/observe/log.h"

bool es_link_note(struct es_link *link, bool up, const char *group, const char *reason)
{
    if (up && link->down) {
        es_log(ES_LOG_INFO, link->back, es_f_text("group", group));
    }
    if (!up && !link->down) {
        es_log(ES_LOG_WARN, link->lost, es_f_text("group", group), es_f_text("reason", reason));
    }
    link->down = !up;
    return up;
}
