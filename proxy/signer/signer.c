/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.c - the life of a signer: open everything, prove the HSM, serve, leave.
 */
#include "proxy/signer/signer.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proxy/service/expiry.h"
#include "proxy/service/server_certificate.h"
#include "proxy/service/warm_up.h"
#include "proxy/signer/answer.h"
#include "proxy/signer/record.h"
#include "proxy/signer/rounds.h"
#include "proxy/signer/sighting.h"

#define SERVER_PEM_MAX 65536 /* bytes of a chain, as much as a pipe holds */
#define TICK_MS        1000  /* leases that end, heads to the store */
#define ILL_TICK_MS    50    /* while the HSM is ill: it is asked again as soon as it is due */
#define LEAVE_MS       8000  /* for what was sent before the goodbye: less than the supervisor's patience */

static int64_t unix_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The front's certificate, as the supervisor has it, into a pipe that holds it whole; nothing when it is not renewed. */
static void renew_server(struct signer *signer, int certificate, int pipe)
{
    CLEANUP(buffer_clear) struct buffer fresh = { 0 };
    CLEANUP(free_string) char *text = calloc(1, SERVER_PEM_MAX);
    ssize_t len = text ? pread(certificate, text, SERVER_PEM_MAX, 0) : -1;
    enum reason reason =
        len > 0 ? server_certificate_renew(&signer->service, BYTES(text, (size_t)len), unix_ms(), &fresh)
                : REASON_MALFORMED;

    if (reason == REASON_NONE && write(pipe, fresh.data, fresh.len) == (ssize_t)fresh.len)
        return;
    log_event(LOG_LEVEL_WARNING, "signer.renew",
              "reason=%s what=\"the server's certificate is not renewed here\"", reason_row(reason)->word);
}

/* A message from the supervisor. False: the supervisor wants us to leave. */
static bool take_message(struct signer *signer, int control)
{
    int descriptors[DESCRIPTORS_MAX];
    size_t count = 0;
    char kind;
    ssize_t len = descriptor_receive(control, &kind, sizeof(kind), descriptors, &count);

    if (len == 0 || (len < 0 && len != -EAGAIN && len != -EINTR && len != -EBADMSG))
        return false;
    if (len > 0 && count == 1 && kind == SIGNER_CONTROL_STREAM) {
        fronts_take(&signer->fronts, TAKE_DESCRIPTOR(descriptors[0]));
        signer->told = HSM_WELL; /* as a front believes of everybody new */
    } else if (len > 0 && count == 2 && kind == SIGNER_CONTROL_RENEW) {
        renew_server(signer, descriptors[0], descriptors[1]);
    }
    for (size_t i = 0; len > 0 && i < count; i++)
        if (descriptors[i] >= 0)
            descriptor_close(descriptors[i]);
    return true;
}

/* The sealing certificate's end, as Unix time; 0: none is known. */
static uint64_t seal_expiry(const struct service *service)
{
    const unsigned char *der = service->seal_chain_count ? service->seal_chain[0].data : NULL;
    X509 *certificate = der ? d2i_X509(NULL, &der, (long)service->seal_chain[0].len) : NULL;
    struct tm until = { 0 };
    bool is_known = certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until);

    X509_free(certificate);
    return is_known ? (uint64_t)timegm(&until) : 0;
}

/* What this signer says about itself, for whoever watches. */
static void tell(const struct signer *signer, int64_t now_ms)
{
    const struct service *service = &signer->service;
    struct audit_state state;
    uint64_t *values;

    if (!signer->metrics || signer->index >= signer->metrics->signers)
        return;
    audit_tell(signer->audit, &state);
    values = signer->metrics->signer[signer->index].values;
    metrics_set(&values[SIGNER_STARTED], signer->service_config.started_unix);
    metrics_set(&values[SIGNER_SEEN], (uint64_t)now_ms / 1000);
    metrics_set(&values[SIGNER_LEASES], leases_count(service->leases));
    metrics_set(&values[SIGNER_LEASES_MAX], signer->service_config.leases.max);
    metrics_set(&values[SIGNER_HSM_OBJECTS], hsm_objects_made(signer->hsm));
    metrics_set(&values[SIGNER_AUDIT_SEQUENCE], state.sequence);
    metrics_set(&values[SIGNER_AUDIT_LAG], state.sequence - state.stored_sequence);
    metrics_set(&values[SIGNER_AUDIT_FAILED], state.has_failed);
    metrics_set(&values[SIGNER_FORWARD_DROPPED], signer->forward ? forward_dropped(signer->forward) : 0);
    metrics_set(&values[SIGNER_SEAL_EXPIRY], seal_expiry(service));
    metrics_set(&values[SIGNER_HSM_WELL], hsm_health(signer->hsm) == HSM_WELL);
}

static void tick(struct signer *signer)
{
    int64_t now_ms = unix_ms();

    if (now_ms >= signer->ticked_ms && now_ms < signer->ticked_ms + TICK_MS)
        return;
    signer->ticked_ms = now_ms;
    pulse_beat(signer->pulse, PULSE_DISK_MS);
    leases_sweep(signer->service.leases, now_ms, 0);
    audit_tick(signer->audit, now_ms);
    if (signer->index == 0)
        expiry_tick(&signer->service, now_ms);
    if (signer->forward)
        forward_tick(signer->forward, now_ms);
    tell(signer, now_ms);
    sighting_tick(signer, now_ms);
}

/* SoftHSM leaks with every object destroyed. Best between two requests; under a load that never pauses, anyway. */
static bool is_worn(const struct signer *signer, bool is_idle)
{
    uint64_t made = hsm_objects_made(signer->hsm);
    uint64_t limit = signer->config->recycle_after;

    return limit && (made > 2 * limit || (made > limit && is_idle));
}

/* How long nothing may happen before something has to be looked at. */
static int wait_ms(const struct signer *signer)
{
    unsigned probe_ms = signer->config->hsm_probe_ms;

    if (signer->told != HSM_WELL)
        return ILL_TICK_MS;
    return probe_ms && probe_ms < TICK_MS ? (int)probe_ms : TICK_MS;
}

/* Waits for something to do, on @control (-1: not there) and the fronts' streams. Returns what poll() does. */
static int wait_for_work(struct signer *signer, int control, bool *ret_has_message)
{
    struct pollfd polled[1 + FRONTS_MAX] = { { .fd = control, .events = POLLIN } };
    int ready = 0;

    for (unsigned i = 0; i < FRONTS_MAX; i++)
        polled[1 + i] = (struct pollfd){ .fd = signer->fronts.streams[i].fd, .events = POLLIN };
    pulse_beat(signer->pulse, PULSE_PATIENCE_MS);
    while (ready == 0 && warm_up_is_due(&signer->service)) {
        ready = poll(polled, 1 + FRONTS_MAX, 0);
        if (ready == 0)
            warm_up_step(&signer->service, unix_ms());
    }
    busy_poll_begin(&signer->busy, record_clock_us());
    while (ready == 0 && busy_poll_again(&signer->busy, record_clock_us()))
        ready = poll(polled, 1 + FRONTS_MAX, 0);
    if (ready == 0)
        ready = poll(polled, 1 + FRONTS_MAX, wait_ms(signer));
    busy_poll_end(&signer->busy, record_clock_us());
    for (unsigned i = 0; ready > 0 && i < FRONTS_MAX; i++)
        if (polled[1 + i].revents)
            frames_fill(&signer->fronts.streams[i]);
    *ret_has_message = ready > 0 && polled[0].revents;
    return ready;
}

/* A front sends nothing more to a signer whose HSM is ill, until it hears otherwise. */
static void tell_fronts(struct signer *signer, bool is_well)
{
    struct frames *stream;

    for (EACH_FRONT(stream, &signer->fronts)) {
        size_t start;

        if (stream->fd < 0)
            continue;
        start = frames_begin(stream);
        answer_news(is_well, &stream->out);
        frames_end(stream, start);
        frames_flush(stream);
    }
}

static enum hsm_health look_after_hsm(struct signer *signer)
{
    enum hsm_health health;

    pulse_beat(signer->pulse, signer->config->hsm_hang_ms + PULSE_PATIENCE_MS);
    health = hsm_examine(signer->hsm, signer->config->hsm_probe_ms);
    if ((health == HSM_WELL) == (signer->told == HSM_WELL))
        return health;
    signer->told = health;
    tell(signer, unix_ms());
    tell_fronts(signer, health == HSM_WELL);
    return health;
}

/* What the fronts have sent is still answered; they send the rest to others. */
static int leave(struct signer *signer)
{
    int64_t until_ms = unix_ms() + LEAVE_MS;
    bool has_message;

    fronts_say_goodbye(&signer->fronts);
    while (!fronts_are_gone(&signer->fronts) && unix_ms() < until_ms) {
        (void)wait_for_work(signer, -1, &has_message);
        if (!rounds_serve(signer))
            return EX_IOERR;
        tick(signer);
    }
    sighting_leave(signer, unix_ms());
    return EX_OK;
}

static int serve(struct signer *signer, int control)
{
    for (;;) {
        bool has_message;
        int ready = wait_for_work(signer, control, &has_message);

        if (ready < 0 && errno != EINTR)
            return EX_OSERR;
        if (!rounds_serve(signer))
            return EX_IOERR;
        if (has_message && !take_message(signer, control))
            return leave(signer);
        if (store_has_left(signer->store)) { /* the next one opens it where it is now */
            log_event(LOG_LEVEL_NOTICE, "signer.store_moved", "index=%u", signer->index);
            return leave(signer);
        }
        if (look_after_hsm(signer) == HSM_GONE) {
            (void)leave(signer); /* what is on its way to us is sent back */
            return EX_TEMPFAIL;
        }
        tick(signer);
        if (is_worn(signer, ready == 0)) {
            log_event(LOG_LEVEL_NOTICE, "signer.worn", "objects=%llu",
                      (unsigned long long)hsm_objects_made(signer->hsm));
            return leave(signer);
        }
    }
}

static int report_ready(int ready_fd)
{
    ssize_t len = write(ready_fd, "", 1);

    close(ready_fd);
    return len == 1 ? EX_OK : EX_OSERR;
}

int signer_main(const struct proxy_config *config, unsigned index, int control, int ready_fd, int herald,
                struct metrics *metrics, struct pulse *pulse)
{
    CLEANUP(signer_clear)
    struct signer signer = {
        .config = config,
        .index = index,
        .herald = herald,
        .metrics = metrics,
        .pulse = pulse,
        .fronts = FRONTS_NONE,
        .busy = { .budget_us = config->busy_poll_us },
    };
    int status = signer_open(&signer);

    if (status == EX_OK)
        status = report_ready(ready_fd);
    if (status != EX_OK)
        return status;
    store_set_wait(signer.store, rounds_meanwhile, &signer);
    log_event(LOG_LEVEL_NOTICE, "signer.ready", "index=%u", index);
    status = serve(&signer, control);
    pulse_beat(pulse, PULSE_DISK_MS); /* the last records and their head */
    return status;
}
