#include "common/tests/role-db.h"

struct es_db *es_test_role_db(const struct es_test_server *server, const char *role,
                              const struct es_db_statement *const *statements, size_t count)
{
    /* as long as the connection, which is as long as the test program */
    static char *conninfo;
    conninfo = es_test_postgres_conninfo(server, role, "postgres");
    return es_db_new(&(struct es_db_config){.conninfo = conninfo, .application_name = "test"},
                     statements, count);
}
