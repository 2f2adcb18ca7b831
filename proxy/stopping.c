/* SPDX-License-Identifier: Apache-2.0 */
/* stopping.c - who is told to go when, and who is killed in the end. */
#include "proxy/stopping.h"

#include <systemd/sd-daemon.h>

#include "proxy/herald/herald.h"

#define FRONT_STOP_MS   (FRONT_DRAIN_MS + 2000)
#define SIGNERS_STOP_MS 10000
#define HERALD_STOP_MS  (HERALD_DRAIN_MS + 2000)

void stopping_begin(struct proxy *proxy, int status)
{
    if (proxy->goal != GOAL_SERVE)
        return;
    proxy->goal = GOAL_STOP_FRONT;
    proxy->status = status;
    proxy->kill_at_ms = crew_now_ms() + FRONT_STOP_MS;
    sd_notify(0, "STOPPING=1");
    crew_tell_front(&proxy->crew, FRONT_CONTROL_DRAIN, 0, NULL, 0);
    crew_drain_former(&proxy->crew);
}

void stopping_kill_all(struct proxy *proxy)
{
    struct child *child;

    for (EACH_CHILD(child, &proxy->crew))
        crew_kill(child);
    crew_kill(&proxy->crew.former);
}

void stopping_front(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;

    if (crew->front->pid || crew->former.pid) {
        if (crew_now_ms() >= proxy->kill_at_ms) {
            crew_kill(crew->front);
            crew_kill(&crew->former);
        }
        return;
    }
    for (unsigned i = 0; i < crew->signer_count; i++)
        crew_dismiss(&crew->signers[i]);
    proxy->kill_at_ms = crew_now_ms() + SIGNERS_STOP_MS;
    proxy->goal = GOAL_STOP_SIGNERS;
}

void stopping_signers(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;

    if (crew_now_ms() >= proxy->kill_at_ms)
        stopping_kill_all(proxy);
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (crew->signers[i].state != CHILD_DOWN)
            return;
    if (crew->herald)
        crew_dismiss(crew->herald);
    if (crew->exporter)
        crew_dismiss(crew->exporter);
    proxy->kill_at_ms = crew_now_ms() + HERALD_STOP_MS;
    proxy->goal = GOAL_STOP_HERALD;
}

/* The last: signers may have told it something until their end. */
void stopping_herald(struct proxy *proxy)
{
    if (crew_now_ms() >= proxy->kill_at_ms)
        stopping_kill_all(proxy);
}
