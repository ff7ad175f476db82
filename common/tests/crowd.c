#include "common/tests/crowd.h"

#include "common/base/mem.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"

#include <pthread.h>

struct crowd {
    es_test_part *part;
    void *context;
    pthread_barrier_t start;
};

struct member {
    struct crowd *crowd;
    pthread_t thread;
    PGconn *conn;
    size_t number;
};

static void *take_part(void *argument)
{
    struct member *member = argument;
    (void)pthread_barrier_wait(&member->crowd->start);
    member->crowd->part(member->conn, member->number, member->crowd->context);
    return NULL;
}

void es_test_crowd(size_t count, const char *conninfo, es_test_part *part, void *context)
{
    struct crowd crowd = {.part = part, .context = context};
    ES_CLEANUP(es_free_p) struct member *members = es_calloc(count, sizeof(*members));
    assert_int_equal(pthread_barrier_init(&crowd.start, NULL, (unsigned)count), 0);
    for (size_t i = 0; i < count; i++) {
        members[i] =
            (struct member){.crowd = &crowd, .conn = es_test_connect(conninfo), .number = i};
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&members[i].thread, NULL, take_part, &members[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(members[i].thread, NULL), 0);
        es_test_disconnect(&members[i].conn);
    }
    pthread_barrier_destroy(&crowd.start);
}
