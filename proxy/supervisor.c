/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.c - one poll() loop over signals and the children's sockets. After every event it pursues its goal one
 * step further: to serve (the herald, signers one after the other, then the front), or to stop (the front, then the
 * signers, then the herald).
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
#include "include/table.h"
#include "proxy/check.h"
#include "proxy/crew.h"
#include "proxy/server_renewal.h"
#include "proxy/herald/herald.h"

#define START_MAX_MS    120000 /* until a signer serves: an HSM may test itself first */
#define FRONT_STOP_MS   (FRONT_DRAIN_MS + 2000)
#define SIGNERS_STOP_MS 10000
#define HERALD_STOP_MS  (HERALD_DRAIN_MS + 2000)
#define ILL_START_MS    10000 /* so long does the first start wait for HSMs that are slow, or ill */
#define WATCH_MS        250   /* how often it is looked whether an HSM's library hangs */
#define TICK_MS         50    /* how often time is looked at, while anything waits for it */

enum goal { GOAL_SERVE, GOAL_STOP_FRONT, GOAL_STOP_SIGNERS, GOAL_STOP_HERALD, GOALS };

struct proxy {
    struct crew crew;
    struct server_renewal renewal;
    const struct program *program;
    bool wants_successor; /* SIGUSR2 came: as soon as everybody is up */
    bool is_successor;    /* some children are the former program's still */
    int signals, ready_fd;
    enum goal goal;
    bool is_serving;       /* was reached once */
    struct child *leaving; /* of the signers that are replaced the last that was told to go; NULL: none was */
    unsigned replaced;     /* signers that were replaced since the last SIGHUP; all: nothing to do */
    uint64_t begun_ms;
    uint64_t watchdog_ms; /* systemd's WatchdogSec=; 0: none */
    uint64_t told_ms;     /* when it was told last */
    uint64_t kill_at_ms;  /* while stopping: who is still there then is killed */
    int status;
};

static const struct level_word {
    const char *word;
    enum log_level level;
} level_words[] = {
    { "error", LOG_LEVEL_ERROR }, { "warning", LOG_LEVEL_WARNING }, { "notice", LOG_LEVEL_NOTICE },
    { "info", LOG_LEVEL_INFO },   { "debug", LOG_LEVEL_DEBUG },
};

enum log_level supervisor_log_level(const struct proxy_config *config)
{
    const struct level_word *row;

    for (EACH_ROW(row, level_words))
        if (config->log_level && strcmp(row->word, config->log_level) == 0)
            return row->level;
    return LOG_LEVEL_INFO;
}

int supervisor_check(const struct proxy_config *config)
{
    struct crew crew;
    int status;

    if (crew_init(&crew, config, supervisor_log_level(config)))
        return check_explain(EX_OSERR, "out of memory");
    status = check_start(&crew);
    crew_clear(&crew);
    return status;
}

/* --------------------------------------------------------------------------------------------------- stopping */

static void stop(struct proxy *proxy, int status)
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

static void kill_all(struct proxy *proxy)
{
    struct child *child;

    for (EACH_CHILD(child, &proxy->crew))
        crew_kill(child);
    crew_kill(&proxy->crew.former);
}

static void pursue_stop_front(struct proxy *proxy)
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

static void pursue_stop_signers(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;

    if (crew_now_ms() >= proxy->kill_at_ms)
        kill_all(proxy);
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
static void pursue_stop_herald(struct proxy *proxy)
{
    if (crew_now_ms() >= proxy->kill_at_ms)
        kill_all(proxy);
}

/* ---------------------------------------------------------------------------------------------------- serving */

static void start_child(struct proxy *proxy, struct child *child)
{
    int error = crew_start(child);

    if (!error)
        return;
    log_event(LOG_LEVEL_ERROR, "supervisor.start", "child=\"%s\" why=\"%s\"", child->name, strerror(-error));
    child->start_at_ms = crew_now_ms() + 1000;
    if (!proxy->is_serving) {
        check_explain(EX_OSERR, "cannot start %s: %s", child->name, strerror(-error));
        stop(proxy, EX_OSERR);
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

/* The signer of this HSM that is being started; NULL: none is. */
static struct child *starting_signer(struct crew *crew, unsigned hsm)
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
    struct child *starting = starting_signer(crew, hsm);

    if (starting && crew_now_ms() >= starting->started_ms + START_MAX_MS)
        crew_kill(starting);
    for (unsigned i = 0; i < crew->signer_count && !starting; i++) {
        if (crew->signers[i].hsm == hsm && is_due(&crew->signers[i]))
            start_child(proxy, &crew->signers[i]);
        starting = starting_signer(crew, hsm);
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

/* Nobody to start, to stop or to wait for: only an event changes anything. */
static bool is_at_rest(const struct proxy *proxy)
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

static void pursue_serve(struct proxy *proxy)
{
    struct crew *crew = &proxy->crew;

    if (proxy->is_successor && is_at_rest(proxy)) {
        log_event(LOG_LEVEL_NOTICE, "supervisor.renewed", "signers=%u", crew->signer_count);
        proxy->is_successor = false;
    }
    if (proxy->wants_successor && is_at_rest(proxy))
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

static void (*const pursue[GOALS])(struct proxy *proxy) = {
    [GOAL_SERVE] = pursue_serve,
    [GOAL_STOP_FRONT] = pursue_stop_front,
    [GOAL_STOP_SIGNERS] = pursue_stop_signers,
    [GOAL_STOP_HERALD] = pursue_stop_herald,
};

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

/* A start that failed: the child has said why in the log; say what follows from it. */
static void fail_start(struct proxy *proxy, const struct child *child, int status)
{
    int code = WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EX_SOFTWARE;

    if (proxy->goal != GOAL_SERVE || is_worth_another(child, status) ||
        (child->kind == CHILD_SIGNER && is_pool(&proxy->crew) && may_others(&proxy->crew)))
        return;
    check_explain(code,
                  "%s did not start (%s %d); its reason is in the lines above, and nothing is running now",
                  child->name, WIFSIGNALED(status) ? "signal" : "exit status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    stop(proxy, code);
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
            fail_start(proxy, child, status);
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
        stop(proxy, EX_OK);
    } else {
        kill_all(proxy);
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

    if (!is_at_rest(proxy))
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
        starting[i] = starting_signer(&proxy->crew, i);
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

int supervisor_main(const struct proxy_config *config, const struct program *program, int ready_fd)
{
    struct proxy proxy = { .program = program,
                           .ready_fd = ready_fd,
                           .signals = -1,
                           .begun_ms = crew_now_ms(),
                           .replaced = UINT_MAX,
                           .renewal = SERVER_RENEWAL_NONE };
    int error = crew_init(&proxy.crew, config, supervisor_log_level(config));
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
