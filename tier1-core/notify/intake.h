/*
 * Taking events in: each event that asks for a letter becomes one row of vault.messages, in the
 * transaction in which the event is recorded as taken. Runs on the consumer's thread.
 */
#pragma once

#include "common/bus/consumer.h"

#include <stddef.h>

#define NOTIFY_GROUP "notify" /* consumer group; part of every inbox row: never change it */

extern const struct es_consumer_topic intake_topics[];
extern const size_t intake_topic_count;
