/* SPDX-License-Identifier: Apache-2.0 */
/*
 * herald.c - one poll() loop over the inbox, the deliveries' ends, and the supervisor's word to leave.
 */
#include "proxy/herald/herald.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/table.h"
#include "proxy/herald/delivery.h"
#include "proxy/herald/errands.h"
#include "proxy/herald/spool.h"

#define HOUR_MS           INT64_C(3600000)
#define LOGGED_PER_MINUTE 60
#define INBOX_ROUND       64 /* messages taken before the deliveries are looked at again */

struct herald {
    const struct proxy_config *config;
    int inbox, spool, ends;
    struct errands errands;
    uint64_t last_number;
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* ---------------------------------------------------------------------------------------------------- taking */

/* Numbers grow, even if the clock goes back. */
static uint64_t next_number(struct herald *herald)
{
    uint64_t number = (uint64_t)clock_ms(CLOCK_REALTIME) * 1000;

    if (number <= herald->last_number)
        number = herald->last_number + 1;
    herald->last_number = number;
    return number;
}

/* News of that number are given up when they are [notice] retry_hours old. */
static int64_t expiry_ms(const struct herald *herald, uint64_t number)
{
    int64_t age_ms = clock_ms(CLOCK_REALTIME) - (int64_t)(number / 1000);

    return now_ms() + (int64_t)herald->config->notice_retry_hours * HOUR_MS - (age_ms > 0 ? age_ms : 0);
}

static void drop(const char *event, int error)
{
    log_event_limited(LOG_LEVEL_ERROR, LOGGED_PER_MINUTE, "notice.dropped", "event=%s why=\"%s\"", event,
                      error == -ENOBUFS ? "too many wait already" : strerror(-error));
}

static int keep_code(struct herald *herald, struct secret *message)
{
    return errands_add(&herald->errands, NOTICE_CODE, 0, message, now_ms(), now_ms() + ERRAND_CODE_LIFE_MS);
}

/* Without room on the disk they are held in memory: better than not at all. */
static int keep_news(struct herald *herald, struct secret *message)
{
    CLEANUP(secret_free) struct secret *held = message;
    uint64_t number = next_number(herald);
    int written = -ENOBUFS, r;

    if (herald->errands.news < herald->errands.news_max)
        written = spool_write(herald->spool, number, secret_bytes(held));
    if (written < 0 && written != -ENOBUFS)
        log_event_limited(LOG_LEVEL_ERROR, LOGGED_PER_MINUTE, "notice.spool", "why=\"%s\"",
                          strerror(-written));
    r = errands_add(&herald->errands, NOTICE_NEWS, number, written == 0 ? NULL : TAKE(held), now_ms(),
                    expiry_ms(herald, number));
    if (r < 0 && written == 0)
        spool_remove(herald->spool, number);
    return r;
}

/* False: nothing more is there now. */
static bool take_message(struct herald *herald)
{
    CLEANUP(secret_free) struct secret *buffer = NULL;
    char event[NOTICE_EVENT_MAX + 1];
    struct notice_message read;
    ssize_t len;
    int r;

    if (secret_new(NOTICE_MAX + 1, &buffer) < 0)
        return false;
    len = recv(herald->inbox, buffer->data, buffer->len, MSG_DONTWAIT);
    if (len < 0)
        return errno == EINTR;
    buffer->len = (size_t)len;
    if (notice_message_read(secret_bytes(buffer), &read) < 0) {
        drop("?", -EBADMSG);
        return true;
    }
    if (read.kind == NOTICE_BLANK)
        return true;
    snprintf(event, sizeof(event), "%s", read.event); /* the message is given away */
    r = read.kind == NOTICE_CODE ? keep_code(herald, TAKE(buffer)) : keep_news(herald, TAKE(buffer));
    if (r < 0)
        drop(event, r);
    return true;
}

static int remember(void *argument, uint64_t number)
{
    struct herald *herald = argument;
    int r;

    if (number > herald->last_number)
        herald->last_number = number;
    r = errands_add(&herald->errands, NOTICE_NEWS, number, NULL, now_ms(), expiry_ms(herald, number));
    return r == -ENOBUFS ? 0 : r; /* [notice] keep was lowered: it stays there for the next start */
}

/* ------------------------------------------------------------------------------------------------- delivering */

/* Done or given up. */
static void forget(struct herald *herald, struct errand *errand)
{
    if (!errand->message)
        spool_remove(herald->spool, errand->number);
    errands_remove(&herald->errands, errand);
}

static void give_up(struct herald *herald, struct errand *errand, const char *why)
{
    log_event_limited(LOG_LEVEL_ERROR, LOGGED_PER_MINUTE, "notice.given_up",
                      "number=%" PRIu64 " tries=%u why=\"%s\"", errand->number, errand->tries, why);
    forget(herald, errand);
}

/* A try that did not succeed, or did not even begin. */
static void fail(struct herald *herald, struct errand *errand, const char *why)
{
    bool has_next = errands_ended(&herald->errands, errand, now_ms());

    if (!has_next) {
        give_up(herald, errand, why);
        return;
    }
    log_event_limited(LOG_LEVEL_WARNING, LOGGED_PER_MINUTE, "notice.failed",
                      "number=%" PRIu64 " tries=%u again_in_ms=%" PRId64 " why=\"%s\"", errand->number,
                      errand->tries, errand->due_ms - now_ms(), why);
}

/* Errors: -EBADMSG: it is no message, and will not become one. */
static int start_with(struct herald *herald, struct errand *errand, const struct secret *message)
{
    struct notice_message read;
    pid_t pid;

    if (notice_message_read(secret_bytes(message), &read) < 0 || read.kind != errand->kind)
        return -EBADMSG;
    pid = delivery_start(herald->config, &read);
    if (pid < 0)
        return pid;
    errands_started(&herald->errands, errand, pid, now_ms() + herald->config->notice_timeout_ms);
    return 0;
}

static void start(struct herald *herald, struct errand *errand)
{
    CLEANUP(secret_free) struct secret *spooled = NULL;
    int r = 0;

    if (errand->expires_ms <= now_ms()) {
        give_up(herald, errand, "it is too old");
        return;
    }
    if (!errand->message)
        r = spool_read(herald->spool, errand->number, &spooled);
    if (r == 0)
        r = start_with(herald, errand, errand->message ? errand->message : spooled);
    if (r == -EBADMSG || r == -EFBIG || r == -ENOENT)
        give_up(herald, errand, "its file is spoiled");
    else if (r < 0)
        fail(herald, errand, strerror(-r));
}

static void start_due(struct herald *herald)
{
    struct errand *errand;

    while ((errand = errands_due(&herald->errands, now_ms())))
        start(herald, errand);
}

static void kill_overdue(struct herald *herald, int64_t deadline_ms)
{
    for (struct errand *errand = herald->errands.first; errand; errand = errand->next)
        if (errand->pid && errand->deadline_ms <= deadline_ms) {
            delivery_kill(errand->pid);
            errand->deadline_ms = INT64_MAX; /* its end will be heard of */
        }
}

static void reap(struct herald *herald)
{
    struct signalfd_siginfo info;
    struct errand *errand;
    const char *why;
    int status;
    pid_t pid;

    while (read(herald->ends, &info, sizeof(info)) == sizeof(info))
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        errand = errands_of_pid(&herald->errands, pid);
        if (!errand)
            continue;
        why = delivery_complaint(herald->config, status);
        if (why)
            fail(herald, errand, why);
        else
            forget(herald, errand);
    }
}

/* ------------------------------------------------------------------------------------------------ the process */

static void turn(struct herald *herald)
{
    for (int i = 0; i < INBOX_ROUND && take_message(herald); i++)
        ;
    reap(herald);
    kill_overdue(herald, now_ms());
    start_due(herald);
}

static int timeout_of(const struct herald *herald, int64_t latest_ms)
{
    int64_t next_ms = errands_next_ms(&herald->errands), wait_ms;

    wait_ms = (next_ms < latest_ms ? next_ms : latest_ms) - now_ms();
    return wait_ms < 0 ? 0 : wait_ms > HOUR_MS ? (int)HOUR_MS : (int)wait_ms;
}

/* The signers are gone: what they sent is taken, what is under way may end; news that wait are in the spool. */
static void leave(struct herald *herald)
{
    int64_t latest_ms = now_ms() + HERALD_DRAIN_MS;

    while (take_message(herald))
        ;
    turn(herald);
    while (herald->errands.running && now_ms() < latest_ms) {
        struct pollfd ends = { .fd = herald->ends, .events = POLLIN };

        if (poll(&ends, 1, timeout_of(herald, latest_ms)) < 0 && errno != EINTR)
            break;
        reap(herald);
        kill_overdue(herald, now_ms());
    }
    kill_overdue(herald, INT64_MAX);
}

static int serve(struct herald *herald, int control)
{
    struct pollfd sources[] = { { .fd = control, .events = POLLIN },
                                { .fd = herald->inbox, .events = POLLIN },
                                { .fd = herald->ends, .events = POLLIN } };

    for (;;) {
        turn(herald);
        if (poll(sources, ARRAY_SIZE(sources), timeout_of(herald, INT64_MAX)) < 0 && errno != EINTR)
            return EX_OSERR;
        if (sources[0].revents) {
            leave(herald);
            return EX_OK;
        }
    }
}

static int watch_ends(int *ret)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -errno;
    *ret = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *ret < 0 ? -errno : 0;
}

static int fail_start(const char *what, int error)
{
    log_event(LOG_LEVEL_ERROR, "herald.failed", "what=\"%s\" why=\"%s\"", what, strerror(-error));
    return EX_OSERR;
}

int herald_main(const struct proxy_config *config, int control, int inbox)
{
    struct herald herald = { .config = config, .inbox = inbox, .spool = -1, .ends = -1 };
    int r, status;

    errands_init(&herald.errands, config->notice_keep, config->notice_workers);
    r = watch_ends(&herald.ends);
    if (r < 0)
        return fail_start("watching for the ends of deliveries", r);
    r = spool_open(HERALD_SPOOL, remember, &herald, &herald.spool);
    if (r < 0)
        return fail_start("opening the spool " HERALD_SPOOL, r);
    log_event(LOG_LEVEL_NOTICE, "herald.ready", "by=%s waiting=%zu",
              config->notice_command ? "command" : "webhook", herald.errands.news);
    status = serve(&herald, control);
    errands_clear(&herald.errands);
    descriptor_close(herald.spool);
    descriptor_close(herald.ends);
    return status;
}

/* ------------------------------------------------------------------------------------------------- the config */

bool herald_is_wanted(const struct proxy_config *config)
{
    return config->notice_command || config->notice_webhook;
}

int herald_check(const struct proxy_config *config, char **why)
{
    const char *command = config->notice_command, *webhook = config->notice_webhook;

    *why = NULL;
    if (command && webhook)
        *why = strdup("[notice] has a command and a webhook: choose one");
    else if (command && access(command, X_OK) < 0 &&
             asprintf(why, "[notice] command = %s: %s", command, strerror(errno)) < 0)
        *why = NULL;
    else if (webhook && strncmp(webhook, "https://", strlen("https://")) != 0)
        *why = strdup("[notice] webhook has to begin with https://: one-time codes go there");
    return *why ? -EINVAL : 0;
}
