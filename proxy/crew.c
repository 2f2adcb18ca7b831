/* SPDX-License-Identifier: Apache-2.0 */
/* crew.c - starting children, connecting them, and what is left to do when one is gone. */
#include "proxy/crew.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proxy/herald/herald.h"
#include "proxy/metrics/exporter.h"
#include "proxy/signer/signer.h"

#define BACK_OFF_MIN_MS 100
#define BACK_OFF_MAX_MS 5000 /* so long may an HSM be there again before a start is tried */
#define STEADY_MS       2000 /* one that served and lived so long is replaced as if it were the first to die */
#define HEALTHY_MS      60000 /* and one that lived so long at once */
#define HAND_OVER_MAX_S 2     /* to take a message; a child that does not is stuck */

#define CHILDREN_BESIDES 3 /* the signers: front, herald, exporter */

uint64_t crew_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void name_children(struct crew *crew)
{
    struct child *child;

    for (EACH_CHILD(child, crew)) {
        unsigned index = (unsigned)(child - crew->signers);

        *child = (struct child){ .crew = crew,
                                 .index = index,
                                 .hsm = proxy_config_hsm_of(crew->config, index),
                                 .control = -1,
                                 .ready = -1,
                                 .pulse = &crew->pulses[index] };
        snprintf(child->name, sizeof(child->name), "signer %u", index);
    }
    crew->front->kind = CHILD_FRONT;
    snprintf(crew->front->name, sizeof(crew->front->name), "front");
    crew->former = *crew->front;
    snprintf(crew->former.name, sizeof(crew->former.name), "former front");
    if (crew->herald) {
        crew->herald->kind = CHILD_HERALD;
        snprintf(crew->herald->name, sizeof(crew->herald->name), "herald");
    }
    if (crew->exporter) {
        crew->exporter->kind = CHILD_EXPORTER;
        snprintf(crew->exporter->name, sizeof(crew->exporter->name), "exporter");
    }
}

static size_t pulses_size(const struct crew *crew)
{
    return (crew->signer_count + CHILDREN_BESIDES) * sizeof(*crew->pulses);
}

static int pulses_new(struct crew *crew)
{
    crew->pulses = mmap(NULL, pulses_size(crew), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crew->pulses != MAP_FAILED)
        return 0;
    crew->pulses = NULL;
    return -ENOMEM;
}

/* The metrics of an HSM bear the name of its section. */
static int make_metrics(struct crew *crew)
{
    int error = metrics_new(crew->signer_count, &crew->metrics);

    static_assert(HSMS_MAX <= METRICS_HSMS_MAX, "room for each");
    static_assert(sizeof(((struct hsm_place *)0)->name) <= METRICS_HSM_NAME_MAX, "and for its name");
    if (error)
        return error;
    crew->metrics->hsms = proxy_config_hsms(crew->config);
    for (unsigned i = 0; i < crew->metrics->hsms; i++)
        strcpy(crew->metrics->hsm_name[i], proxy_config_hsm(crew->config, i).name);
    for (unsigned i = 0; i < crew->signer_count; i++)
        crew->metrics->signer[i].hsm = crew->signers[i].hsm;
    return 0;
}

int crew_init(struct crew *crew, const struct proxy_config *config)
{
    bool has_herald = herald_is_wanted(config);

    *crew = (struct crew){ .config = config, .material = MATERIAL_NONE, .notices = { -1, -1 } };
    crew->signer_count = config->signers + config->partitions;
    crew->signers = calloc(crew->signer_count + CHILDREN_BESIDES, sizeof(*crew->signers));
    if (!crew->signers)
        return -ENOMEM;
    crew->front = crew->last = &crew->signers[crew->signer_count];
    if (has_herald)
        crew->herald = crew->last = crew->front + 1;
    if (config->metrics_listen)
        crew->exporter = crew->last = crew->last + 1;
    if (pulses_new(crew))
        return -ENOMEM;
    name_children(crew);
    if (has_herald && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, crew->notices))
        return -errno;
    return make_metrics(crew);
}

static void close_if_open(int *descriptor)
{
    if (*descriptor >= 0)
        descriptor_close(*descriptor);
    *descriptor = -1;
}

void crew_clear(struct crew *crew)
{
    struct child *child;

    for (EACH_CHILD(child, crew)) {
        close_if_open(&child->control);
        close_if_open(&child->ready);
    }
    close_if_open(&crew->former.control);
    close_if_open(&crew->notices[0]);
    close_if_open(&crew->notices[1]);
    sockets_close(&crew->sockets);
    material_clear(&crew->material);
    free(crew->signers);
    if (crew->pulses)
        munmap(crew->pulses, pulses_size(crew));
    metrics_free(crew->metrics);
}

struct child *crew_find(struct crew *crew, pid_t pid)
{
    struct child *child;

    for (EACH_CHILD(child, crew))
        if (child->pid == pid)
            return child;
    return crew->former.pid == pid ? &crew->former : NULL;
}

bool crew_is_all(const struct crew *crew, enum child_state state)
{
    const struct child *child;

    for (EACH_CHILD(child, crew))
        if (child->state != state)
            return false;
    return true;
}

void crew_kill(struct child *child)
{
    if (!child->pid)
        return;
    child->is_condemned = true;
    kill(child->pid, SIGKILL);
}

bool crew_was_interrupted(const struct child *child, int status)
{
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM) &&
           !child->is_condemned;
}

/* After a time in which nobody looked: a call that was overdue only then may still come to its end. */
static void notice_absence(struct crew *crew, uint64_t now_ms)
{
    if (now_ms - crew->listened_ms >= 2 * PULSE_MS)
        crew->woke_ms = now_ms;
}

void crew_kill_hanging(struct crew *crew)
{
    uint64_t now_ms = crew_now_ms();

    notice_absence(crew, now_ms);
    for (unsigned i = 0; i < crew->signer_count; i++) {
        struct child *signer = &crew->signers[i];
        uint64_t due_ms = metrics_get(&signer->pulse->hsm_due_ms);

        if (!signer->pid || !due_ms || now_ms <= due_ms || now_ms < crew->woke_ms + PULSE_PATIENCE_MS)
            continue;
        log_event(LOG_LEVEL_ERROR, "supervisor.hsm_hangs", "child=\"%s\" hsm=%s overdue_ms=%" PRIu64,
                  signer->name, proxy_config_hsm(crew->config, signer->hsm).name, now_ms - due_ms);
        metrics_set(&signer->pulse->hsm_due_ms, 0); /* once is enough */
        crew_kill(signer);
    }
}

void crew_dismiss(struct child *child)
{
    close_if_open(&child->control);
}

/* ------------------------------------------------------------------------------------------------- messages */

static void tell(struct child *front, const struct front_control *message, const int *descriptors,
                 size_t count)
{
    int error;

    if (front->control < 0)
        return;
    error = descriptor_send(front->control, BYTES(message, sizeof(*message)), descriptors, count);
    if (!error)
        return;
    log_event(LOG_LEVEL_ERROR, "supervisor.front_deaf", "why=\"%s\"", strerror(-error));
    crew_kill(front);
}

void crew_tell_front(struct crew *crew, enum front_control_kind kind, unsigned index, const int *descriptors,
                     size_t count)
{
    tell(crew->front, &(struct front_control){ .kind = kind, .index = index }, descriptors, count);
}

void crew_drain_former(struct crew *crew)
{
    tell(&crew->former, &(struct front_control){ .kind = FRONT_CONTROL_DRAIN }, NULL, 0);
}

void crew_tell_front_material(struct crew *crew)
{
    crew_tell_front(crew, FRONT_CONTROL_TLS, 0, crew->material.memfd, TLS_FILES);
}

int crew_hear_front(struct crew *crew, struct front_control *ret)
{
    int descriptors[DESCRIPTORS_MAX];
    size_t count;
    ssize_t len = descriptor_receive(crew->front->control, ret, sizeof(*ret), descriptors, &count);

    while (count) /* a front has none to give */
        descriptor_close(descriptors[--count]);
    if (len == sizeof(*ret))
        return 0;
    crew_dismiss(crew->front);
    crew_kill(crew->front); /* one that does not listen is of no use, if it is not gone already */
    return -EPIPE;
}

/* A new stream between @signer and the front, an end for each. */
static void connect_to_front(struct child *signer)
{
    static const uint8_t message[] = { SIGNER_CONTROL_STREAM };
    int pair[2], error;

    if (signer->crew->front->control < 0)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        log_event(LOG_LEVEL_ERROR, "supervisor.connect", "why=\"%s\"", strerror(errno));
        return;
    }
    error = descriptor_send(signer->control, BYTES_OF_ARRAY(message), &pair[0], 1);
    if (error) {
        log_event(LOG_LEVEL_ERROR, "supervisor.signer_deaf", "signer=%u why=\"%s\"", signer->index,
                  strerror(-error));
        crew_kill(signer);
    } else {
        crew_tell_front(signer->crew, FRONT_CONTROL_SIGNER, signer->index, &pair[1], 1);
    }
    descriptor_close(pair[0]);
    descriptor_close(pair[1]);
}

static void brief_front(struct crew *crew)
{
    crew_tell_front_material(crew);
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (crew->signers[i].state == CHILD_UP)
            connect_to_front(&crew->signers[i]);
    for (size_t i = 0; i < crew->sockets.count; i++)
        crew_tell_front(crew, FRONT_CONTROL_LISTEN, crew->sockets.purpose[i], &crew->sockets.fd[i], 1);
    if (crew->sockets.http > 0)
        crew_tell_front(crew, FRONT_CONTROL_LISTEN_HTTP, 0, &crew->sockets.http, 1);
}

/* ------------------------------------------------------------------------------------------------- starting */

/* What a new child runs with. */
struct start {
    const struct child *child;
    int control, ready;
};

static int run(void *argument)
{
    const struct start *start = argument;
    const struct child *child = start->child;

    const struct crew *crew = child->crew;

    if (child->kind == CHILD_FRONT)
        return front_main(crew->config, start->control, &crew->metrics->front, child->pulse);
    if (child->kind == CHILD_EXPORTER)
        return exporter_main(crew->metrics, crew->config->proxy, start->control, crew->sockets.metrics);
    if (child->kind == CHILD_HERALD)
        return herald_main(crew->config, start->control, crew->notices[0]);
    return signer_main(crew->config, child->index, start->control, start->ready, crew->notices[1],
                       crew->metrics, child->pulse);
}

/* Who it runs as, when we are root. */
static const struct identity *identity_of(const struct child *child)
{
    const struct crew *crew = child->crew;

    static const size_t users[] = {
        [CHILD_SIGNER] = offsetof(struct crew, signer_user),
        [CHILD_FRONT] = offsetof(struct crew, front_user),
        [CHILD_HERALD] = offsetof(struct crew, herald_user),
        [CHILD_EXPORTER] = offsetof(struct crew, front_user),
    };

    return (const struct identity *)((const char *)crew + users[child->kind]);
}

/* What it gets besides its own sockets: its end of the one to the herald, or where to listen; -1: nothing. */
static int further_of(const struct child *child)
{
    const struct crew *crew = child->crew;

    switch (child->kind) {
    case CHILD_SIGNER:
        return crew->notices[1];
    case CHILD_HERALD:
        return crew->notices[0];
    case CHILD_EXPORTER:
        return crew->sockets.metrics;
    case CHILD_FRONT:
        break;
    }
    return -1;
}

static int fork_child(struct child *child, struct start *start)
{
    const struct crew *crew = child->crew;
    const struct child_plan plan = {
        .speaker = child->name,
        .log_level = crew->config->log_level,
        .identity = crew->has_users ? identity_of(child) : NULL,
        .is_jailed = crew->has_users && (child->kind == CHILD_FRONT || child->kind == CHILD_EXPORTER),
        .descriptors = child->kind == CHILD_FRONT ? front_descriptors(crew->config) : 0,
        .keep = { start->control, start->ready, further_of(child), -1 },
        .run = run,
        .argument = start,
    };

    return child_fork(&plan);
}

/* Errors: -errno. */
static int open_sockets(int control[2], int ready[2])
{
    const struct timeval patience = { .tv_sec = HAND_OVER_MAX_S };

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control))
        return -errno;
    if (setsockopt(control[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
        pipe2(ready, O_CLOEXEC)) {
        descriptor_close(control[0]);
        descriptor_close(control[1]);
        return -errno;
    }
    return 0;
}

int crew_start(struct child *child)
{
    int control[2], ready[2], pid;
    int error = open_sockets(control, ready);
    struct start start;

    if (error)
        return error;
    start = (struct start){ child, control[1], ready[1] };
    pulse_beat(child->pulse, PULSE_PATIENCE_MS); /* the former one's patience was its own */
    pid = fork_child(child, &start);
    descriptor_close(control[1]);
    descriptor_close(ready[1]);
    if (pid < 0) {
        descriptor_close(control[0]);
        descriptor_close(ready[0]);
        return pid;
    }
    child->pid = pid;
    child->control = control[0];
    child->ready = ready[0];
    child->state = CHILD_STARTING;
    child->is_inherited = child->is_condemned = false;
    child->silent_ms = 0;
    child->started_ms = crew_now_ms();
    log_event(LOG_LEVEL_INFO, "supervisor.start", "child=\"%s\" pid=%d", child->name, pid);
    if (child->kind == CHILD_FRONT)
        brief_front(child->crew);
    if (child->kind == CHILD_HERALD || child->kind == CHILD_EXPORTER)
        child->state = CHILD_UP; /* nobody waits for it */
    return 0;
}

void crew_signer_ready(struct child *signer)
{
    uint8_t byte;
    ssize_t len = read(signer->ready, &byte, 1);

    close_if_open(&signer->ready);
    if (len != 1)
        return; /* it is about to be gone, and that will say more */
    signer->state = CHILD_UP;
    signer->has_failed = false;
    log_event(LOG_LEVEL_INFO, "supervisor.up", "child=\"%s\" ms=%" PRIu64, signer->name,
              crew_now_ms() - signer->started_ms);
    connect_to_front(signer);
}

/* ------------------------------------------------------------------------------------------------- listening */

/* Who says that it goes on. One that starts has a time limit of its own; the herald's errands are limited one by one. */
static bool has_pulse(const struct child *child)
{
    return child->state == CHILD_UP && !child->is_inherited &&
           (child->kind == CHILD_SIGNER || child->kind == CHILD_FRONT);
}

static void listen_to(struct child *child, uint64_t passed_ms)
{
    uint64_t beats = pulse_beats(child->pulse), patience_ms = pulse_patience_ms(child->pulse);

    child->silent_ms = beats == child->heard_beats ? child->silent_ms + passed_ms : 0;
    child->heard_beats = beats;
    if (child->silent_ms <= patience_ms)
        return;
    log_event(LOG_LEVEL_ERROR, "supervisor.silent", "child=\"%s\" pid=%d silent_ms=%" PRIu64 " killed=yes",
              child->name, child->pid, child->silent_ms);
    child->silent_ms = 0; /* it is said once */
    crew_kill(child);
}

/* Time in which nobody looked does not count: the machine slept, or somebody stopped all of us. */
void crew_listen(struct crew *crew)
{
    uint64_t now_ms = crew_now_ms(), passed_ms = now_ms - crew->listened_ms;
    struct child *child;

    if (passed_ms < PULSE_MS)
        return;
    crew->listened_ms = now_ms;
    for (EACH_CHILD(child, crew))
        if (has_pulse(child))
            listen_to(child, passed_ms < 2 * PULSE_MS ? passed_ms : PULSE_MS);
}

/* ------------------------------------------------------------------------------------------------ being gone */

static uint64_t back_off(const struct child *child, int status, uint64_t lived_ms)
{
    bool is_recycled = child->state == CHILD_UP && child->kind == CHILD_SIGNER && WIFEXITED(status) &&
                       WEXITSTATUS(status) == 0;

    if (is_recycled || lived_ms >= HEALTHY_MS)
        return 0;
    if (child->back_off_ms == 0 || (child->state == CHILD_UP && lived_ms >= STEADY_MS))
        return BACK_OFF_MIN_MS;
    return child->back_off_ms * 2 < BACK_OFF_MAX_MS ? child->back_off_ms * 2 : BACK_OFF_MAX_MS;
}

static struct metrics_signer *metrics_of(const struct child *signer)
{
    return &signer->crew->metrics->signer[signer->index];
}

void crew_child_gone(struct child *child, int status)
{
    uint64_t now_ms = crew_now_ms();

    child->back_off_ms = back_off(child, status, now_ms - child->started_ms);
    child->start_at_ms = now_ms + child->back_off_ms;
    log_event(LOG_LEVEL_NOTICE, "supervisor.gone", "child=\"%s\" pid=%d exit=%d signal=%d lived_ms=%" PRIu64,
              child->name, child->pid, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0, now_ms - child->started_ms);
    child->has_failed = child->state == CHILD_STARTING;
    child->pid = 0;
    child->state = CHILD_DOWN;
    if (child->kind == CHILD_SIGNER) { /* it says nothing about itself any more */
        metrics_set(&metrics_of(child)->values[SIGNER_HSM_WELL], 0);
        metrics_set(&child->pulse->hsm_due_ms, 0);
    }
    close_if_open(&child->control);
    close_if_open(&child->ready);
}
