#include "tier1-core/notify/smtp-reply.h"

#include "tier1-core/notify/channel-kinds.h"

#include <string.h>
#include <strings.h>

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

enum smtp_stage smtp_stage_after(enum smtp_stage stage, const char *command, size_t length)
{
    static const struct {
        const char *verb;
        enum smtp_stage stage;
    } verbs[] = {{"MAIL ", SMTP_MAIL}, {"RCPT ", SMTP_RCPT}, {"DATA", SMTP_DATA}};
    for (size_t i = 0; i < ES_ARRAY_LEN(verbs); i++) {
        size_t verb = strlen(verbs[i].verb);
        if (length >= verb && strncasecmp(command, verbs[i].verb, verb) == 0) {
            return verbs[i].stage;
        }
    }
    return stage;
}

static const char *word_for(CURLcode code)
{
    static const struct {
        CURLcode code;
        const char *word;
    } words[] = {
        {CURLE_OPERATION_TIMEDOUT, "timeout"},   {CURLE_COULDNT_RESOLVE_HOST, "resolve"},
        {CURLE_COULDNT_CONNECT, "connect"},      {CURLE_USE_SSL_FAILED, "no_tls"},
        {CURLE_SSL_CONNECT_ERROR, "tls_failed"}, {CURLE_PEER_FAILED_VERIFICATION, "tls_untrusted"},
        {CURLE_LOGIN_DENIED, "login_denied"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(words); i++) {
        if (words[i].code == code) {
            return words[i].word;
        }
    }
    return NULL;
}

enum channel_result smtp_judge(CURLcode code, enum smtp_stage stage, long status,
                               struct channel_report *report)
{
    if (code == CURLE_OK) {
        return CHANNEL_DELIVERED;
    }
    const char *word = word_for(code);
    if (word != NULL) {
        return channel_fail(report, CHANNEL_LATER, "%s", word);
    }
    bool refused = status >= 500 && status <= 599;
    if (refused && stage >= SMTP_RCPT) {
        return channel_fail(report, CHANNEL_NEVER, "smtp_%ld", status);
    }
    if (status >= 400) {
        return channel_fail(report, CHANNEL_LATER, "smtp_%ld", status);
    }
    return channel_fail(report, CHANNEL_LATER, "curl_%d", (int)code);
}

void smtp_reference(const char *reply, size_t length, char ret_reference[CHANNEL_REFERENCE_SIZE])
{
    while (length > 0 && (reply[length - 1] == '\r' || reply[length - 1] == '\n')) {
        length--;
    }
    size_t start = length;
    while (start > 0 && strchr(LETTERS_AND_DIGITS "._-", reply[start - 1]) != NULL &&
           reply[start - 1] != '\0') {
        start--;
    }
    bool whole_word = start > 0 && reply[start - 1] == ' ';
    size_t word = whole_word && length - start < CHANNEL_REFERENCE_SIZE ? length - start : 0;
    memcpy(ret_reference, reply + start, word);
    ret_reference[word] = '\0';
}
