/* The metrics of eldersafe-notify: this table is the whole list. */
#pragma once

#include "common/observe/metrics.h"

enum notify_metric {
    METRIC_EVENTS_TAKEN,
    METRIC_EVENTS_FAILED,
    METRIC_EVENTS_PARKED,
    METRIC_EVENTS_WAITING,
    METRIC_EVENTS_OLDEST_MS,
    METRIC_REDIS_UP,
    METRIC_MESSAGES_SENT,
    METRIC_MESSAGES_FAILED,
    METRIC_MESSAGES_EXPIRED,
    METRIC_MESSAGES_POSTPONED,
    METRIC_MESSAGES_QUEUED,
    METRIC_MESSAGES_OLDEST_MS,
    METRIC_HAND_OVER_SECONDS,
    METRIC_DELAY_SECONDS,
    NOTIFY_METRIC_COUNT,
};

extern const struct es_metric notify_metrics[NOTIFY_METRIC_COUNT];
