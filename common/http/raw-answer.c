#include "common/http/raw-answer.h"

#include "common/answer/answer.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <sys/socket.h>

void es_raw_answer(int fd, enum es_problem problem, const char *detail, const char *request_id)
{
    struct es_problem_facts facts = {problem, detail, request_id};
    ES_CLEANUP(es_buf_done) struct es_buf response = ES_BUF_INIT;
    es_problem_render_response(&facts, &response);
    ssize_t sent = send(fd, response.data, response.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* nothing can be done for a peer that does not listen */
}
