/* What the process eldersafe-notify owns. One struct notify exists, made by main-notify.c. */
#pragma once

#include "common/base/compiler.h"
#include "common/base/day.h"
#include "common/db/db.h"
#include "common/observe/health.h"
#include "common/observe/metrics.h"
#include "tier1-core/notify/address.h"
#include "tier1-core/notify/channel.h"
#include "tier1-core/notify/config.h"

struct es_consumer;
struct es_endpoint;
struct senders;
struct vault;

struct notify {
    struct notify_config config;
    struct mailbox from;

    /* secrets: read once at start, wiped at stop */
    struct vault *vault;
    char *redis_password;
    char *smtp_password;
    char *sendgrid_key;

    /* shared by all threads, each safe by itself */
    struct es_zone *zone;
    struct es_metrics *metrics;
    struct es_health *health;

    /* threads */
    struct senders *senders;
    struct es_consumer *consumer;
    struct es_endpoint *endpoint;
};

/* How every connection of the process is made. */
struct es_db_config notify_db_config(const struct notify *notify);

/* The secrets as the channels want them. */
struct channel_secrets notify_channel_secrets(const struct notify *notify);
