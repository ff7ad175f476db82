#include "common/daemon/database.h"

#include "common/observe/log.h"

enum es_exit es_daemon_open_database(struct es_db *db, struct es_buf *error)
{
    enum es_db_result result = es_db_connect(db, error);
    if (result == ES_DB_OK) {
        es_log(ES_LOG_INFO, "database.connected", es_f_int("version", es_db_server_version(db)));
        result = es_db_check_schema(db, error);
    }
    return result == ES_DB_OK      ? ES_EXIT_OK
           : result == ES_DB_CHECK ? ES_EXIT_SCHEMA
                                   : ES_EXIT_FAILED;
}
