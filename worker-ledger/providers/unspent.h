/* Lists of unspent outputs that others can make longer: anybody may pay our address. */
#pragma once

#include "worker-ledger/providers/answers.h"

/* Of a list longer than ES_UNSPENT_MAX keep the largest outputs, largest first. */
void es_unspent_keep_largest(struct es_unspent_list *list);
