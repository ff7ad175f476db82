#include "deploy/ctl/ctl.h"
enum es_exit es_ctl_log_verify(const struct es_ctl_command *self, int argc, char **argv)
{
    (void)self;
    (void)argc;
    (void)argv;
    return ES_EXIT_FAILED;
}
