/* The configuration of eldersafe-core; config.c holds the table with defaults and help. */
#pragma once

#include "common/daemon/config.h"

#include <stdbool.h>
#include <stdint.h>

struct core_config {
    const char *listen;
    const char *public_url;
    const char *issuer;
    const char *database;
    const char *redis;      /* NULL: none */
    const char *redis_user; /* NULL: none */
    const char *redis_password_file;
    const char *token_key_file;
    const char *token_previous_keys_file;
    const char *lookup_key_file;
    const char *notify_public_key_file;
    bool trust_proxy;
    int64_t event_threads;
    int64_t executor_threads;
    int64_t executor_queue;
    int64_t signal_lanes;
    int64_t lane_linger_us;
    int64_t max_connections;
    int64_t connection_memory;
    int64_t header_timeout_ms;
    int64_t body_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t request_timeout_ms;
    int64_t stop_timeout_ms;
    int64_t token_cache;
    int64_t login_lifetime_s;
    int64_t session_lifetime_s;
    int64_t device_lifetime_s;
    int64_t day_start_min;
    int64_t signal_max_age_s;
    int64_t signal_window_s;
    int64_t signal_quota;
    int64_t statement_timeout_ms;
    int64_t redis_timeout_ms;
    int64_t partitions_ahead;
};

extern const struct es_config_option core_options[];
extern const size_t core_option_count;

/* Cross-checks: the public URL is https unless it is loopback, limits fit together. */
bool core_check_config(const void *config, struct es_buf *errors);
