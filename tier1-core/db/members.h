/* What a member may know of their own state. */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stdint.h>

struct member_status {
    int64_t balance; /* internal satoshis */
    int64_t streak;
    const char *contract_state;
    const char *zone;
    bool has_signal;
    int32_t last_day;       /* only when has_signal */
    int64_t last_signal_us; /* only when has_signal */
};

/* ES_DB_NO_ROW when there is no such member. Texts are in ARENA. */
enum es_db_result members_status(struct es_db *db, int64_t member_id, struct es_arena *arena,
                                 struct member_status *ret_status) ES_MUST_CHECK;

extern const struct es_db_statement members_status_statement;
