#include "tier1-core/http/unavailable.h"

#include "common/http/problem.h"
#include "tier1-core/app.h"
#include "tier1-core/outage.h"

void respond_unavailable(struct es_request *request, const struct worker *worker)
{
    outage_notice(worker->app->outage, worker->db);
    es_respond_problem(request, ES_PROBLEM_UNAVAILABLE, NULL);
}
