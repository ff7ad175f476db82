#include "worker-ledger/providers/unspent.h"

#include <stdlib.h>

static int larger_first(const void *a_, const void *b_)
{
    const struct es_unspent *a = a_;
    const struct es_unspent *b = b_;
    return (a->satoshis < b->satoshis) - (a->satoshis > b->satoshis);
}

void es_unspent_keep_largest(struct es_unspent_list *list)
{
    if (list->count > ES_UNSPENT_MAX) {
        qsort(list->items, list->count, sizeof(*list->items), larger_first);
        list->left_out = list->count - ES_UNSPENT_MAX;
        list->count = ES_UNSPENT_MAX;
    }
}
