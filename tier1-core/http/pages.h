/*
 * The few pages of tier 1: signing in. Plain HTML with forms, no script, large type, Danish and
 * English; they work in any browser an elder may have.
 */
#pragma once

struct es_request;

/* Number and address. */
void page_sign_in(struct es_request *request);

/* "A mail is on its way": the field for its code. */
void page_code(struct es_request *request, unsigned status);

/* The button that confirms a link. TOKEN has been checked for its form. */
void page_confirm(struct es_request *request, const char *token);

void page_signed_in(struct es_request *request);
