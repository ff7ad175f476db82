#include "worker-ledger/providers/words.h"

#include <string.h>
#include <strings.h>

struct word {
    const char *text;
    enum es_sight sight;
    enum es_refusal refusal;
    const char *reason;
};

/* The first that is found counts: special ones stand before those whose text they contain. */
static const struct word words[] = {
    {"already in the mempool", ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "known"},
    {"txn-already-in-mempool", ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "known"},
    {"txn-already-known", ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "known"},
    {"mempool min fee not met", ES_SIGHT_REFUSED, ES_REFUSAL_FEE, NULL},
    {"insufficient fee", ES_SIGHT_REFUSED, ES_REFUSAL_FEE, NULL},
    {"insufficient priority", ES_SIGHT_REFUSED, ES_REFUSAL_FEE, NULL},
    {"fee too low", ES_SIGHT_REFUSED, ES_REFUSAL_FEE, NULL},
    {"missing inputs", ES_SIGHT_REFUSED, ES_REFUSAL_COIN, NULL},
    {"missing-inputs", ES_SIGHT_REFUSED, ES_REFUSAL_COIN, NULL},
    {"missingorspent", ES_SIGHT_REFUSED, ES_REFUSAL_COIN, NULL},
    {"bad-txns-inputs-spent", ES_SIGHT_REFUSED, ES_REFUSAL_COIN, NULL},
    {"txn-mempool-conflict", ES_SIGHT_REFUSED, ES_REFUSAL_COIN, NULL},
    {"double spend", ES_SIGHT_REFUSED, ES_REFUSAL_COIN, NULL},
    {"inputs-frozen", ES_SIGHT_REFUSED, ES_REFUSAL_FROZEN, NULL},
    {"mempool full", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "mempool_full"},
    {"too-long-mempool-chain", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "long_chain"},
    {"too-long-validation-time", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "slow_validation"},
    {"too busy", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "too_busy"},
    {"rate exceeded", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "rate_exceeded"},
    {"non-final", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "not_final"},
    {"nonfinal", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "not_final"},
    {"mandatory-script-verify", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"bad-txns", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"tx decode failed", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"scriptsig-", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"absurdly-high-fee", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"datacarrier", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"non-standard", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"nonzero-false-return", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"tx-size", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
    {"dust", ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, NULL},
};

static bool contains(const char *text, size_t length, const char *wanted)
{
    size_t wanted_length = strlen(wanted);
    for (size_t at = 0; at + wanted_length <= length; at++) {
        if (strncasecmp(text + at, wanted, wanted_length) == 0) {
            return true;
        }
    }
    return false;
}

bool es_words_read(const char *text, size_t length, struct es_sighting *ret_sighting)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(words); i++) {
        const struct word *word = &words[i];
        if (!contains(text, length, word->text)) {
            continue;
        }
        *ret_sighting = word->sight == ES_SIGHT_REFUSED
                            ? es_sighting_refused(word->refusal)
                            : es_sighting_make(word->sight, word->reason);
        es_sighting_set_detail(ret_sighting, text, length);
        return true;
    }
    return false;
}
