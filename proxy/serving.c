/* SPDX-License-Identifier: Apache-2.0 */
/* serving.c - who is started when, who makes room for a successor, and when nobody has to do anything. */
#include "proxy/serving.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "include/log.h"
#include "proxy/check.h"
#include "proxy/stopping.h"

#define START_MAX_MS 120000 /* until a signer serves: an HSM may test itself first */
#define ILL_START_MS 10000  /* so long does the first start wait for HSMs that are slow, or ill */

static void start_child(struct proxy *proxy, struct child *child)
{
    int error = crew_start(child);

    if (!error)
        return;
    log_event(LOG_LEVEL_ERROR, "supervisor.start", "child=\"%s\" why=\"%s\"", child->name, strerror(-error));
    child->start_at_ms = crew_now_ms() + 1000;
    if (!proxy->is_serving) {
        check_explain(EX_OSERR, "cannot start %s: %s", child->name, strerror(-error));
        stopping_begin(proxy, EX_OSERR);
    }
}

/* Several HSMs: one that is ill keeps the proxy neither from starting nor from running. */
static bool is_pool(const struct crew *crew)
{
    return proxy_config_hsms(crew->config) > 1;
}

static bool is_due(const struct child *child)
{
    return child->state == CHILD_DOWN && crew_now_ms() >= child->start_at_ms;
}

struct child *serving_starting(struct crew *crew, unsigned hsm)
{
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (crew->signers[i].state == CHILD_STARTING && crew->signers[i].hsm == hsm)
            return &crew->signers[i];
    return NULL;
}

/*
 * One at a time of each HSM: simultaneous starts break SoftHSM (its C_Login rewrites the token's file). But no HSM that is
 * ill keeps others waiting.
 */
static void start_signers(struct proxy *proxy, unsigned hsm)
{
    struct crew *crew = &proxy->crew;
    struct child *starting = serving_starting(crew, hsm);

    if (starting && crew_now_ms() >= starting->started_ms + START_MAX_MS)
        crew_kill(starting);
    for (unsigned i = 0; i < crew->signer_count && !starting; i++) {
        if (crew->signers[i].hsm == hsm && is_due(&crew->signers[i]))
            start_child(proxy, &crew->signers[i]);
        starting = serving_starting(crew, hsm);
    }
}

static bool is_any_signer_up(const struct crew *crew)
{
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (crew->signers[i].state == CHILD_UP)
            return true;
    return false;
}

/* Nothing more to wait for: a signer that could not start is tried again, but nobody knows when its HSM will be well. */
static bool are_signers_settled(const struct crew *crew)
{
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (crew->signers[i].state != CHILD_UP && !crew->signers[i].has_failed)
            return false;
    return is_any_signer_up(crew);
}

/* Whether the first clients may come. */
static bool is_crew_ready(const struct proxy *proxy)
{
    const struct crew *crew = &proxy->crew;

    return are_signers_settled(crew) ||
           (is_pool(crew) && is_any_signer_up(crew) && crew_now_ms() >= proxy->begun_ms + ILL_START_MS);
}

/*
 * One leaves when the one before it is back: somebody serves at every moment, and none knows an old epoch in the
 * end. Whoever is not there now will start anew anyway; but where one that left does not come back, none follows it. A
 * former front would not be told of the new ones, so it goes first.
 */
static void replace_signers(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;
    struct child *next;

    if (proxy->replaced >= crew->signer_count || !are_signers_settled(crew) || crew->former.pid ||
        (proxy->leaving && proxy->leaving->state != CHILD_UP))
        return;
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (crew->signers[i].pid && crew->signers[i].control < 0)
            return; /* it is leaving */
    next = &crew->signers[proxy->replaced++];
    if (next->state != CHILD_UP)
        return;
    proxy->leaving = next;
    crew_dismiss(next);
}

bool serving_is_at_rest(const struct proxy *proxy)
{
    return proxy->goal == GOAL_SERVE && crew_is_all(&proxy->crew, CHILD_UP) && !proxy->crew.former.pid &&
           proxy->replaced >= proxy->crew.signer_count;
}

/* A program that would not start gets nothing. */
static void hand_over(struct proxy *proxy)
{
    int error;

    proxy->wants_successor = false;
    log_event(LOG_LEVEL_NOTICE, "supervisor.handover", "program=%s", proxy->program->path);
    error = handover_check(proxy->program);
    if (!error)
        error = handover_make(proxy->program, &proxy->crew);
    log_event(LOG_LEVEL_ERROR, "supervisor.handover", "why=\"%s\" serving=former",
              error == -EINVAL ? "it does not take the configuration, see above" : strerror(-error));
}

void serving_pursue(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;

    if (proxy->is_successor && serving_is_at_rest(proxy)) {
        log_event(LOG_LEVEL_NOTICE, "supervisor.renewed", "signers=%u", crew->signer_count);
        proxy->is_successor = false;
    }
    if (proxy->wants_successor && serving_is_at_rest(proxy))
        hand_over(proxy);
    if (crew->herald && is_due(crew->herald))
        start_child(proxy, crew->herald);
    if (crew->exporter && is_due(crew->exporter))
        start_child(proxy, crew->exporter);
    for (unsigned hsm = 0; hsm < proxy_config_hsms(crew->config); hsm++)
        start_signers(proxy, hsm);
    crew_kill_hanging(crew);
    replace_signers(proxy);
    if (is_due(crew->front) && (proxy->is_serving || is_crew_ready(proxy)))
        start_child(proxy, crew->front);
    crew_listen(crew);
    if (proxy->is_serving)
        server_renewal_pursue(&proxy->renewal, crew, crew_now_ms());
}

/* Whether any signer serves, or may yet in its first try. */
static bool may_others(const struct crew *crew)
{
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (!crew->signers[i].has_failed)
            return true;
    return false;
}

/* Somebody killed it, or it is a signer that served already: it is started again, as it would be later. */
static bool is_worth_another(const struct child *child, int status)
{
    return crew_was_interrupted(child, status) || (child->kind == CHILD_SIGNER && !child->has_failed);
}

/* The child has said why in the log; say what follows from it. */
void serving_start_failed(struct proxy *proxy, const struct child *child, int status)
{
    int code = WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EX_SOFTWARE;

    if (proxy->goal != GOAL_SERVE || is_worth_another(child, status) ||
        (child->kind == CHILD_SIGNER && is_pool(&proxy->crew) && may_others(&proxy->crew)))
        return;
    check_explain(code,
                  "%s did not start (%s %d); its reason is in the lines above, and nothing is running now",
                  child->name, WIFSIGNALED(status) ? "signal" : "exit status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    stopping_begin(proxy, code);
}
