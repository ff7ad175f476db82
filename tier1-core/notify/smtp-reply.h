/*
 * What an SMTP conversation that libcurl has had means for the mail. Pure: no I/O.
 */
#pragma once

#include "tier1-core/notify/channel.h"

#include <curl/curl.h>
#include <stddef.h>

/* How far a conversation came: the last command that was sent. */
enum smtp_stage {
    SMTP_BEFORE_MAIL, /* connecting, greeting, TLS, authentication */
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
};

/* The stage after COMMAND (LENGTH bytes, as sent) was sent in STAGE. */
enum smtp_stage smtp_stage_after(enum smtp_stage stage, const char *command, size_t length);

/* CODE is how the transfer ended, STATUS the last reply (0: none). A reply of 5yz to the addressee
 * or to the text ends this mail; one to the greeting, to the sign-in or to our sender address would
 * hit every mail alike and is ours to put right: the mail waits. */
enum channel_result smtp_judge(CURLcode code, enum smtp_stage stage, long status,
                               struct channel_report *report);

/* The server's name for the mail, from its last reply ("250 2.0.0 Ok: queued as 4Fw9"): the last
 * word when it can be nothing else, so that no address gets into the records. */
void smtp_reference(const char *reply, size_t length, char ret_reference[CHANNEL_REFERENCE_SIZE]);
