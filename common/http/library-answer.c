#include "common/http/library-answer.h"

#include "common/answer/answer.h"
#include "common/answer/request-id.h"
#include "common/base/clock.h"
#include "common/http/connections.h"
#include "common/http/loop-state.h"
#include "common/http/loop.h"
#include "common/http/raw-answer.h"

#include <dlfcn.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef enum MHD_Result queue_function(struct MHD_Connection *, unsigned, struct MHD_Response *);

enum MHD_Result es_library_queue(struct MHD_Connection *mhd, unsigned status,
                                 struct MHD_Response *response)
{
    static _Atomic(queue_function *) found;
    queue_function *queue = found;
    if (queue == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "MHD_queue_response");
        if (symbol == NULL) {
            abort(); /* nobody could be answered at all */
        }
        memcpy(&queue, &symbol, sizeof(queue));
        found = queue;
    }
    return queue(mhd, status, response);
}

/* Called by the library, and by who serves something else than requests of ours. Written past the
 * library: 0.9.75 sends the header twice after some errors. MHD_NO makes it close the connection.
 */
enum MHD_Result MHD_queue_response(struct MHD_Connection *mhd, unsigned status,
                                   struct MHD_Response *response)
{
    struct es_loop *loop = es_loop_here();
    enum es_problem problem = ES_PROBLEM_INTERNAL;
    if (loop == NULL || !es_problem_of_status(status, &problem)) {
        return es_library_queue(mhd, status, response);
    }
    struct es_connection *connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    unsigned char id[ES_REQUEST_ID_BYTES];
    char id_text[ES_REQUEST_ID_TEXT_SIZE];
    es_request_id_make(&loop->ids, id);
    es_request_id_format(id, id_text);
    atomic_fetch_add_explicit(&loop->refusals, 1, memory_order_relaxed);
    if (es_connection_at_work(connection)) {
        es_raw_answer(es_connection_fd(connection), problem, NULL, id_text);
    }
    es_connection_answering(connection, es_clock_mono_us());
    /* it has the library look at the connection once more, and see that it has closed it */
    (void)shutdown(es_connection_fd(connection), SHUT_RDWR);
    return MHD_NO;
}
