/*
 * The contact-vault key: the only thing in the suite that can open what is sealed to the notifier.
 *
 * Read once at start into locked memory, wiped at stop; shared by all threads, which only read.
 * What is opened belongs to the caller, who wipes it (wipe.h) as soon as it has been used.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "tier1-core/notify/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vault;

/* NULL with a line in ERROR when PATH is no key file (common/crypto/keyfile.h). */
struct vault *vault_new(const char *path, struct es_buf *error) ES_MUST_CHECK;
struct vault *vault_free(struct vault *vault);

/* Open SEALED (LENGTH bytes) into the empty OUT. False when it was not sealed to this key, was
 * changed or is larger than anything of ours. */
bool vault_open(const struct vault *vault, const void *sealed, size_t length,
                struct es_buf *out) ES_MUST_CHECK;

/* A name for message MESSAGE_ID that is the same every time and tells nobody anything. */
void vault_reference(const struct vault *vault, int64_t message_id,
                     char ret_reference[MAIL_REFERENCE_SIZE]);
