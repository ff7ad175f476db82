#include "deploy/ctl/chain-key.h"
#include "deploy/ctl/ctl.h"
#include "worker-ledger/chain/address.h"

#include <stdio.h>

enum es_exit es_ctl_key_address(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *network_name = NULL;
    const struct es_ctl_option options[] = {
        {"--file", "FILE", "the chain key, instead of $ELDERSAFE_CHAIN_KEY_FILE", &path, NULL},
        {"--network", "main|test|regtest", "instead of $ELDERSAFE_CHAIN_NETWORK", &network_name,
         NULL},
    };
    enum es_exit status;
    enum es_network network;
    char address[ES_ADDRESS_TEXT_SIZE];
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    network_name = es_ctl_setting(network_name, "ELDERSAFE_CHAIN_NETWORK");
    if (!es_ctl_given(self, "--network", network_name)) {
        return ES_EXIT_USAGE;
    }
    if (!es_network_parse(network_name, &network)) {
        es_ctl_error("key address: --network must be main, test or regtest");
        return ES_EXIT_USAGE;
    }
    ES_CLEANUP(es_key_free_p) struct es_key *key = es_chain_key_load(path, &status);
    if (key == NULL) {
        return status;
    }
    es_address_format(network, es_key_hash(key), address);
    (void)printf("%s\n", address);
    return ES_EXIT_OK;
}
