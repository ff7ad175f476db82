/*
 * The senders: threads that claim due messages and hand them over, one at a time.
 *
 * For each message: open the addressee's contact and the message (vault.h), write the letter, hand
 * it to the channel, write down what came of it. A message that cannot go now is tried again after
 * 1, 2, 4 … 300 s (jittered) or as late as the provider asks, until it expires. A crash between
 * handing over and writing down sends the mail twice, under the same Message-ID; nothing can send
 * it never.
 *
 * Each thread has its own database connection and channel; the first one also forgets old messages
 * and counts what is queued. They log notify.sent, notify.failed and notify.expired, and once each
 * time it changes: notify.channel_failing, notify.channel_working, notify.vault_unreadable,
 * notify.vault_readable, notify.database_lost, notify.database_back.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>

struct notify;
struct senders;

/* NULL with a line in ERROR when the channel cannot work. */
struct senders *senders_start(struct notify *notify, struct es_buf *error) ES_MUST_CHECK;

/* Finish the messages at hand and begin no other. From any thread, before senders_stop. */
void senders_claim_no_more(struct senders *senders);

/* Finish the messages at hand, all at the same time, end the threads, release. NULL accepted.
 * Returns NULL. */
struct senders *senders_stop(struct senders *senders);

/* There is a new message: send it at once. From any thread. */
void senders_wake(struct senders *senders);

/* False when a thread has made no progress for longer than its time-outs allow. */
bool senders_alive(const struct senders *senders);

/* Whether every thread reached PostgreSQL the last time it tried. */
bool senders_database_up(const struct senders *senders);
