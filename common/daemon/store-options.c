#include "common/daemon/store-options.h"

bool es_redis_options_check(const char *redis_user, const char *redis_password_file,
                            struct es_buf *errors)
{
    if (redis_user != NULL && redis_password_file == NULL) {
        es_buf_add_str(errors, "ELDERSAFE_REDIS_USER: needs ELDERSAFE_REDIS_PASSWORD_FILE\n");
        return false;
    }
    return true;
}
