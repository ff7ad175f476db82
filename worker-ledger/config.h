/* Configuration of eldersafe-ledger: one struct, filled from one typed table (config.c). */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/daemon/config.h"
#include "worker-ledger/chain/network.h"
#include "worker-ledger/providers/provider.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_ledger_config {
    const char *database;
    int64_t statement_timeout_ms;
    const char *redis; /* or NULL */
    const char *redis_user;
    const char *redis_password_file;

    const char *chain_key_file;
    const char *log_key_file;
    const char *log_origin;
    const char *tiles_directory;

    int network; /* enum es_network */
    bool allow_mainnet;

    int broadcast; /* index of the choice: see es_ledger_broadcaster() and its kin */
    int verify;
    int reader;
    const char *arc_url;
    const char *arc_key_file;
    const char *woc_url;
    const char *woc_key_file;
    const char *node_url;
    const char *node_user;
    const char *node_password_file;
    const char *allowed_hosts;
    int64_t provider_timeout_ms;

    int64_t seal_interval_ms;
    int64_t seal_max; /* leaves */
    int64_t leaf_age_alarm_s;

    int64_t poll_interval_ms;
    int64_t retry_base_ms;
    int64_t seen_deadline_ms;
    int64_t mined_deadline_ms;
    int64_t confirmations;

    int64_t fee_fallback; /* satoshis per 1000 bytes */
    int64_t fee_cap;      /* satoshis per 1000 bytes */
    int64_t coins_ready;
    int64_t coin_value; /* satoshis */
    int64_t coin_depth;
    int64_t low_balance_batches;
};

extern const struct es_config_option es_ledger_options[];
extern const size_t es_ledger_option_count;

/* What the table cannot say: mainnet needs two words (E107), a chosen provider needs its URL, every
 * URL must be allowed (E7), somebody must have block headers. For es_daemon_main(). */
bool es_ledger_check_config(const void *config, struct es_buf *errors) ES_MUST_CHECK;

/* The providers chosen: who is sent to; who has to have seen it as well (or NONE); whose word on
 * headers and coins is taken (NONE: there is nobody, which es_ledger_check_config() refuses). */
enum es_provider_kind es_ledger_broadcaster(const struct es_ledger_config *config);
enum es_provider_kind es_ledger_verifier(const struct es_ledger_config *config);
enum es_provider_kind es_ledger_reader(const struct es_ledger_config *config);

/* URL configured for providers of KIND, or NULL. */
const char *es_ledger_provider_url(const struct es_ledger_config *config,
                                   enum es_provider_kind kind);
