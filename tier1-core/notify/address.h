/*
 * Mail addresses, checked so strictly that they can stand in a header, an SMTP command or JSON as
 * they are: no blank, control character, quote, angle bracket or comma can get through.
 *
 * Pure: no I/O. Plain addresses only (RFC 5321 Dot-string @ Domain, ASCII): quoted local parts,
 * address literals and non-ASCII addresses are refused; the channels cannot carry the last two.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_SIZE      255 /* 254 bytes (RFC 5321, erratum 1690) and a NUL */
#define MAILBOX_NAME_SIZE 65

/* True when TEXT is an address of that form. */
bool address_valid(const char *text) ES_MUST_CHECK;

/* What stands after the '@' of a valid address. */
const char *address_domain(const char *address);

/* Who a mail is from: a name people see (may be empty) and an address. */
struct mailbox {
    char name[MAILBOX_NAME_SIZE]; /* UTF-8 without control characters, quotes and backslashes */
    char address[ADDRESS_SIZE];
};

/* Read "Name <address>" or "address"; false when it is neither. */
bool mailbox_parse(const char *text, struct mailbox *ret_mailbox) ES_MUST_CHECK;
