/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.c - one poll() loop over signals and the children's sockets. After every event it pursues its goal one
 * step further: to serve (serving.h), or to stop (stopping.h).
 */
#include "proxy/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/table.h"
#include "proxy/check.h"
#include "proxy/herald/herald.h"
#include "proxy/serving.h"
#include "proxy/stopping.h"
#include "proxy/supervisor_state.h"

#define WATCH_MS 250 /* how often it is looked whether an HSM's library hangs */
#define TICK_MS  50  /* how often time is looked at, while anything waits for it */

int supervisor_check(const struct proxy_config *config)
{
    struct crew crew;
    int status;

    if (crew_init(&crew, config))
        return check_explain(EX_OSERR, "out of memory");
    status = check_start(&crew);
    crew_clear(&crew);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ events */

static void reload(struct proxy *proxy)
{
    CLEANUP(free_string) char *why = NULL;
    struct material material;

    if (material_read(proxy->crew.config, &material, &why)) {
        log_event(LOG_LEVEL_ERROR, "supervisor.reload", "why=\"%s\" kept=former",
                  why ? why : "out of memory");
        return;
    }
    material_clear(&proxy->crew.material);
    proxy->crew.material = material;
    crew_tell_front_material(&proxy->crew);
    proxy->replaced = 0;
    proxy->leaving = NULL;
}

static void reap(struct proxy *proxy)
{
    struct child *child;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        child = crew_find(&proxy->crew, pid);
        if (!child)
            continue;
        crew_child_gone(child, status);
        if (!proxy->is_serving)
            serving_start_failed(proxy, child, status);
    }
}

static void on_signal(struct proxy *proxy)
{
    struct signalfd_siginfo info;

    if (read(proxy->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD) {
        reap(proxy);
    } else if (info.ssi_signo == SIGHUP) {
        reload(proxy);
    } else if (info.ssi_signo == SIGUSR2) {
        proxy->wants_successor = true;
    } else if (proxy->goal == GOAL_SERVE) {
        log_event(LOG_LEVEL_NOTICE, "supervisor.stop", "signal=%u", info.ssi_signo);
        stopping_begin(proxy, EX_OK);
    } else {
        stopping_kill_all(proxy);
    }
}

static void announce(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;

    crew->front->state = CHILD_UP;
    crew_drain_former(crew);
    if (proxy->is_serving)
        return;
    proxy->is_serving = true;
    log_event(LOG_LEVEL_NOTICE, "supervisor.serving", "realm=%s signers=%u version=%s", crew->config->realm,
              crew->signer_count, PRIVYSEAL_VERSION);
    sd_notify(0, "READY=1");
    if (proxy->ready_fd >= 0 && write(proxy->ready_fd, "", 1) != 1)
        log_event(LOG_LEVEL_WARNING, "supervisor.serving", "why=\"nobody waits to hear it\"");
}

static void on_front(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;
    struct front_control message;

    if (crew_hear_front(crew, &message))
        return;
    if (message.kind == FRONT_CONTROL_READY)
        announce(proxy);
    else if (message.kind == FRONT_CONTROL_BROKEN && message.index < crew->signer_count)
        crew_kill(&crew->signers[message.index]);
}

/* That the loop goes round, at half of the interval in which systemd wants to hear it. sd_watchdog_enabled(3) */
static void tell_watchdog(struct proxy *proxy)
{
    uint64_t now_ms = crew_now_ms();

    if (!proxy->watchdog_ms || now_ms - proxy->told_ms < proxy->watchdog_ms / 2)
        return;
    proxy->told_ms = now_ms;
    sd_notify(0, "WATCHDOG=1");
}

/* Until something is due, or has to be looked at, that no event announces. */
static int wait_ms(const struct proxy *proxy)
{
    int renewal_ms = server_renewal_wait_ms(&proxy->renewal, crew_now_ms());

    if (!serving_is_at_rest(proxy))
        return TICK_MS;
    return renewal_ms >= 0 && renewal_ms < WATCH_MS ? renewal_ms : WATCH_MS;
}

/* Errors: -errno. */
static int wait_for_event(struct proxy *proxy)
{
    enum { SIGNALS, FRONT, RENEWAL, STARTING }; /* from STARTING on one for each HSM */
    struct pollfd sources[STARTING + HSMS_MAX] = {
        [SIGNALS] = { .fd = proxy->signals, .events = POLLIN },
        [FRONT] = { .fd = proxy->crew.front->control, .events = POLLIN },
        [RENEWAL] = { .fd = proxy->renewal.pipe, .events = POLLIN },
    };
    unsigned hsms = proxy_config_hsms(proxy->crew.config);
    struct child *starting[HSMS_MAX];

    for (unsigned i = 0; i < hsms; i++) {
        starting[i] = serving_starting(&proxy->crew, i);
        sources[STARTING + i] =
            (struct pollfd){ .fd = starting[i] ? starting[i]->ready : -1, .events = POLLIN };
    }
    if (poll(sources, STARTING + hsms, wait_ms(proxy)) < 0)
        return errno == EINTR ? 0 : -errno;
    for (unsigned i = 0; i < hsms; i++)
        if (sources[STARTING + i].revents)
            crew_signer_ready(starting[i]);
    if (sources[FRONT].revents)
        on_front(proxy);
    if (sources[RENEWAL].revents && server_renewal_hear(&proxy->renewal, proxy->crew.config))
        reload(proxy);
    if (sources[SIGNALS].revents)
        on_signal(proxy);
    return 0;
}

/* Errors: -errno. */
static int watch_signals(int *ret)
{
    static const int watched[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD };
    const int *number;
    sigset_t set;

    sigemptyset(&set);
    for (EACH_ROW(number, watched))
        sigaddset(&set, *number);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -errno;
    *ret = signalfd(-1, &set, SFD_CLOEXEC);
    return *ret < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------------------------------------------ public */

/* Whose it is may change with the configuration; what lies in it is the herald's. */
static int make_spool(const struct crew *crew)
{
    if (mkdir(HERALD_SPOOL, 0700) && errno != EEXIST)
        return -errno;
    if (!crew->has_users)
        return 0;
    return lchown(HERALD_SPOOL, crew->herald_user.uid, crew->herald_user.gid) ? -errno : 0;
}

/* Clients are served all the while; herald, exporter and signers are replaced, and the front. */
static int take_over(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;
    int error = handover_take(crew);

    if (error)
        return check_explain(EX_SOFTWARE, "cannot go on with what the former program left: %s",
                             strerror(-error));
    proxy->is_serving = proxy->is_successor = true;
    proxy->replaced = 0;
    if (crew->herald)
        crew_dismiss(crew->herald);
    if (crew->exporter)
        crew_dismiss(crew->exporter);
    log_event(LOG_LEVEL_NOTICE, "supervisor.taken_over", "realm=%s signers=%u version=%s",
              crew->config->realm, crew->signer_count, PRIVYSEAL_VERSION);
    return EX_OK;
}

static int prepare(struct proxy *proxy)
{
    CLEANUP(free_string) char *why = NULL;
    struct crew *crew = &proxy->crew;
    int status = check_start(crew);

    if (status)
        return status;
    if (crew->herald && make_spool(crew))
        return check_explain(EX_CANTCREAT, "cannot make the directory " HERALD_SPOOL ": %s", strerror(errno));
    if (handover_is_pending())
        return take_over(proxy);
    if (sockets_open(crew->config, &crew->sockets, &why))
        return check_explain(EX_OSERR, "%s", why ? why : "out of memory");
    return EX_OK;
}

static void (*const pursue[GOALS])(struct proxy *proxy) = {
    [GOAL_SERVE] = serving_pursue,
    [GOAL_STOP_FRONT] = stopping_front,
    [GOAL_STOP_SIGNERS] = stopping_signers,
    [GOAL_STOP_HERALD] = stopping_herald,
};

int supervisor_main(const struct proxy_config *config, const struct program *program, int ready_fd)
{
    struct proxy proxy = { .program = program,
                           .ready_fd = ready_fd,
                           .signals = -1,
                           .begun_ms = crew_now_ms(),
                           .replaced = UINT_MAX,
                           .renewal = SERVER_RENEWAL_NONE };
    int error = crew_init(&proxy.crew, config);
    uint64_t watchdog_us = 0;

    if (error)
        return check_explain(EX_OSERR, "out of memory");
    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        proxy.watchdog_ms = watchdog_us / 1000;
    if (watch_signals(&proxy.signals) || prctl(PR_SET_DUMPABLE, 0))
        proxy.status = check_explain(EX_OSERR, "cannot watch signals: %s", strerror(errno));
    else
        proxy.status = prepare(&proxy);
    if (proxy.status == EX_OK) {
        do {
            pursue[proxy.goal](&proxy);
            tell_watchdog(&proxy);
            error = wait_for_event(&proxy);
        } while (!error && (proxy.goal == GOAL_SERVE || proxy.crew.former.pid ||
                            !crew_is_all(&proxy.crew, CHILD_DOWN)));
        if (error) { /* without poll() there is no supervising: the children die with us */
            log_event(LOG_LEVEL_ERROR, "supervisor.poll", "why=\"%s\"", strerror(-error));
            proxy.status = EX_OSERR;
        }
        log_event(LOG_LEVEL_NOTICE, "supervisor.stopped", "status=%d", proxy.status);
    }
    if (proxy.signals >= 0)
        descriptor_close(proxy.signals);
    server_renewal_clear(&proxy.renewal);
    crew_clear(&proxy.crew);
    return proxy.status;
}
