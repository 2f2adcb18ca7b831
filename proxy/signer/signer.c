/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.c - the life of a signer: open everything, prove the HSM, serve, leave.
 */
#include "proxy/signer/signer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proxy/audit/forward.h"
#include "proxy/busy_poll.h"
#include "proxy/hsm/epochs.h"
#include "proxy/hsm/hsm_health.h"
#include "proxy/service/expiry.h"
#include "proxy/service/server_certificate.h"
#include "proxy/service/service.h"
#include "proxy/service/warm_up.h"
#include "proxy/signer/dispatch.h"
#include "proxy/signer/fronts.h"
#include "proxy/signer/record.h"
#include "proxy/store/store_move.h"

#define SERVER_PEM_MAX     65536 /* bytes of a chain, as much as a pipe holds */
#define ROUND_MAX          16 /* requests whose records share one fdatasync, and that are answered in one write */
#define ROUND_US           4000 /* others are not waited for longer: who has an answer can ask for the next */
#define ROUND_SYNC_US      8000 /* the same, where a round costs an fdatasync */
#define TICK_MS            1000 /* leases that end, heads to the store */
#define ILL_TICK_MS        50   /* while the HSM is ill: it is asked again as soon as it is due */
#define DAY_US             UINT64_C(86400000000)
#define LEAVE_MS           8000 /* for what was sent before the goodbye: less than the supervisor's patience */
#define LEASE_RECHECK_MS   5000  /* so long may a revoked grant still sign */
#define LEASE_STORELESS_MS 60000 /* so long without a store */

struct signer {
    const struct proxy_config *config;
    unsigned index;
    int herald;                                        /* -1: none */
    char *partition_environment, *partition_directory; /* NULL: it holds none */
    struct hsm *hsm;
    struct store *store;
    struct audit *audit;
    struct forward *forward;       /* NULL: nowhere */
    struct metrics *metrics;       /* of the proxy; NULL: nobody counts */
    struct pulse *pulse;           /* NULL: nobody listens */
    const char *enrolment_address; /* as clients are told, and the next: lent by the configuration */
    const char *endpoints[LISTEN_MAX];
    size_t endpoint_count;
    struct service_config service_config;
    struct service service;
    bool is_service_open;
    struct fronts fronts;
    struct busy_poll busy;
    enum hsm_health told; /* to the fronts */
    int64_t ticked_ms;
};

static void signer_clear(struct signer *signer)
{
    fronts_clear(&signer->fronts);
    if (signer->is_service_open)
        service_clear(&signer->service);
    if (signer->audit)
        audit_settle(signer->audit);
    audit_close(signer->audit);
    forward_close(signer->forward);
    store_close(signer->store);
    if (signer->hsm)
        hsm_close(signer->hsm);
    free(signer->partition_environment);
    free(signer->partition_directory);
}
DEFINE_CLEAR(signer_clear, struct signer);

static int64_t unix_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -------------------------------------------------------------------------------------------------- the start */

/* Nobody attaches to this process, nothing of it reaches a disk, and it gains no rights again. prctl(2) */
static int confine(void)
{
    const struct rlimit no_core = { 0, 0 };

    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        setrlimit(RLIMIT_CORE, &no_core) == 0)
        return EX_OK;
    log_event(LOG_LEVEL_ERROR, "signer.failed", "what=\"cannot confine the process\" why=\"%s\"",
              strerror(errno));
    return EX_OSERR;
}

static bool holds_partitions(const struct signer *signer)
{
    return signer->index >= signer->config->signers;
}

/* What the configuration says of the first partition signer, as it is for this one. */
static int fill_shard(struct signer *signer)
{
    const struct proxy_config *config = signer->config;
    unsigned shard = signer->index - config->signers;
    int r = 0;

    if (!holds_partitions(signer))
        return EX_OK;
    if (!config->hsm_partition_directory)
        shard = 0; /* partitions are the HSM's own: each of these signers sees them all */
    r = proxy_config_of_shard(config->hsm_partition_environment, shard, &signer->partition_environment);
    if (r == 0)
        r = proxy_config_of_shard(config->hsm_partition_directory, shard, &signer->partition_directory);
    if (r == 0 && signer->partition_directory && access(signer->partition_directory, R_OK | W_OK | X_OK) < 0)
        r = -errno;
    if (r == 0)
        return EX_OK;
    log_event(
        LOG_LEVEL_ERROR, "signer.failed",
        "what=\"no place for partitions: run privyseald --provision partitions\" directory=%s why=\"%s\"",
        signer->partition_directory ? signer->partition_directory : "", strerror(-r));
    return r == -ENOMEM ? EX_OSERR : EX_CONFIG;
}

/* What a restart does not mend: no such token, no master keys, or software that nobody allowed. */
static bool is_misconfigured(CK_RV rv)
{
    return rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_KEY_NEEDED || rv == CKR_FUNCTION_REJECTED;
}

/* Keys that the HSM has and the manifest does not name: a new epoch that is not signed for yet, or planted ones. */
static void report_strangers(const struct hsm *hsm)
{
    struct hsm_epoch epochs[HSM_EPOCHS_MAX];
    size_t count;

    hsm_epochs(hsm, epochs, &count);
    for (size_t i = 0; i < count; i++)
        if (epochs[i].is_stranger)
            log_event(LOG_LEVEL_WARNING, "hsm.stranger",
                      "kind=%s epoch=%u what=\"the manifest does not name it\"",
                      master_keys_name(epochs[i].kind), epochs[i].epoch);
}

static int open_hsm(struct signer *signer)
{
    const struct proxy_config *config = signer->config;
    const struct hsm_place place = proxy_config_hsm(config, proxy_config_hsm_of(config, signer->index));
    const struct hsm_config hsm = {
        .module = place.module,
        .environment = signer->partition_environment ? signer->partition_environment : place.environment,
        .token_label = place.token,
        .pin_file = place.pin_file,
        .allow_software = config->allow_software_hsm,
        .max_handles = config->hsm_handles,
        .manifest = config->hsm_manifest,
        .root = config->client_ca,
        .realm = config->realm,
        .due_ms = signer->pulse ? &signer->pulse->hsm_due_ms : NULL,
        .hang_ms = config->hsm_hang_ms,
        .processes = place.signers,
        .is_one_of_many = proxy_config_hsms(config) > 1,
    };
    CLEANUP(free_string) char *why = NULL;
    CK_RV rv = hsm_open(&hsm, &signer->hsm, &why);

    if (rv == CKR_OK) {
        report_strangers(signer->hsm);
        return EX_OK;
    }
    log_event(LOG_LEVEL_ERROR, "signer.failed", "what=\"cannot open the HSM\" hsm=%s rv=0x%lx why=\"%s\"",
              place.name, rv, why ? why : "");
    return is_misconfigured(rv) ? EX_CONFIG : EX_UNAVAILABLE;
}

/* Says what this HSM cannot enforce; what it must enforce and does not keeps the signer from starting. */
static int judge_findings(const struct service *service)
{
    int status = EX_OK;

    for (size_t i = 0; i < service->findings_count; i++) {
        const struct hsm_finding *finding = &service->findings[i];

        if (finding->is_enforced)
            continue;
        log_event(finding->is_required ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "hsm.lacking",
                  "finding=%s required=%s what=\"%s\"", finding->name, finding->is_required ? "yes" : "no",
                  finding->sentence);
        if (finding->is_required)
            status = EX_CONFIG;
    }
    return status;
}

static int prove_hsm(struct signer *signer)
{
    struct service *service = &signer->service;
    CK_RV rv = hsm_self_test(signer->hsm, service->findings, &service->findings_count);
    int status;

    if (rv != CKR_OK) {
        log_event(LOG_LEVEL_ERROR, "signer.failed", "what=\"the HSM's self-test could not be made\" rv=0x%lx",
                  rv);
        return EX_UNAVAILABLE;
    }
    status = judge_findings(service);
    log_event(status == EX_OK ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "hsm.grade", "grade=%s hsm=\"%s\"",
              hsm_grade(service->findings, service->findings_count), hsm_description(signer->hsm));
    return status;
}

static int open_store(struct signer *signer)
{
    int r = store_open_following(signer->config->store, signer->config->store_successor, &signer->store);

    if (r == 0)
        return EX_OK;
    log_event(LOG_LEVEL_ERROR, "signer.failed", "what=\"cannot open the store %s\" why=\"%s\"",
              signer->config->store,
              r == -EPROTO ? "its schema is of another version, see above" : strerror(-r));
    return r == -EPROTO ? EX_CONFIG : EX_UNAVAILABLE;
}

/* Kaudit signs nothing but heads, so the head itself is what it signs. */
static int sign_checkpoint(void *arg, const uint8_t head[HASH_LEN], struct buffer *ret)
{
    struct hsm *hsm = arg;
    uint8_t signature[64];

    if (hsm_sign_checkpoint(hsm, head, signature) != CKR_OK)
        return -EIO;
    buffer_append(ret, BYTES_OF_ARRAY(signature));
    return ret->failed ? -ENOMEM : 0;
}

/* Where records go besides the log. */
static int open_forward(struct signer *signer, const struct log_name *log)
{
    const char *where = signer->config->audit_forward;
    int r = where ? forward_open(where, log, &signer->forward) : 0;

    if (r == 0 && where)
        audit_set_forward(signer->audit, forward_record, signer->forward);
    if (r == 0)
        return EX_OK;
    log_event(LOG_LEVEL_ERROR, "signer.failed", "what=\"[audit] forward = %s\" why=\"%s\"", where,
              r == -EINVAL ? "not a numeric address and a port" : strerror(-r));
    return EX_CONFIG;
}

static int open_audit(struct signer *signer)
{
    const struct proxy_config *config = signer->config;
    struct audit_config audit = {
        .directory = config->audit_directory,
        .realm = config->realm,
        .sync = config->audit_write ? AUDIT_SYNC_WRITE : AUDIT_SYNC_BATCH,
        .rotate_bytes = (uint64_t)config->audit_rotate_mib << 20,
        .rotate_us = (uint64_t)config->audit_rotate_days * DAY_US,
    };
    int r = log_name_set(&audit.log, config->proxy, signer->index);

    if (r == 0)
        r = audit_open(&audit, signer->store, &signer->audit);
    if (r == 0) {
        audit_set_checkpoint(signer->audit, sign_checkpoint, signer->hsm);
        return open_forward(signer, &audit.log);
    }
    log_event(LOG_LEVEL_ERROR, "signer.failed", "what=\"cannot go on with the audit log in %s\" why=\"%s\"",
              config->audit_directory,
              r == -EUCLEAN ? "records are missing that were there: run privyseal audit verify"
                            : strerror(-r));
    return r == -EUCLEAN ? EX_DATAERR : EX_IOERR;
}

/* ":7443": that port, at the host that a client knows. */
static const char *port_of(const struct addresses *listen)
{
    return listen->count ? strrchr(listen->at[0], ':') : "";
}

static void fill_addresses(struct signer *signer)
{
    const struct proxy_config *config = signer->config;
    const struct addresses *endpoints = &config->enrolment_endpoints;

    signer->enrolment_address =
        config->enrolment_address ? config->enrolment_address : port_of(&config->enrolment_listen);
    signer->endpoint_count = endpoints->count ? endpoints->count : 1;
    signer->endpoints[0] = port_of(&config->listen);
    for (size_t i = 0; i < endpoints->count; i++)
        signer->endpoints[i] = endpoints->at[i];
}

static void fill_service_config(struct signer *signer)
{
    const struct proxy_config *config = signer->config;

    fill_addresses(signer);
    signer->service_config = (struct service_config){
        .realm = config->realm,
        .proxy = config->proxy,
        .signer = signer->index,
        .signers = config->signers + config->partitions,
        .partition_signers = config->partitions,
        .partition_users = config->partition_users,
        .argon2_memory_kib = config->argon2_memory_kib,
        .argon2_passes = config->argon2_passes,
        .argon2_lanes = config->argon2_lanes,
        .pin_min_len = config->pin_min_length,
        .pin_max_len = config->pin_max_length,
        .pin_classes = config->pin_character_classes,
        .refuse_trivial_pins = config->pin_refuse_trivial,
        .recovery_needed = config->recovery_quorum,
        .recovery_delay_hours = config->recovery_delay_hours,
        .officers_file = config->recovery_officers,
        .seal_chain_file = config->seal_chain,
        .client_ca_file = config->client_ca,
        .ca_file = { [AUTHORITY_DEVICE] = config->ca_device, [AUTHORITY_DOCUMENT] = config->ca_document },
        .ca_url = config->ca_url,
        .ca_crl_hours = config->ca_crl_hours,
        .ca_ocsp_minutes = config->ca_ocsp_minutes,
        .ca_self_service = config->ca_self_service,
        .ca_subject = config->ca_subject,
        .ca_days = { [ISSUE_SERVER] = config->ca_server_days,
                     [ISSUE_CLIENT] = config->ca_device_days,
                     [ISSUE_DOCUMENT] = config->ca_document_days },
        .audit_directory = config->audit_directory,
        .partition_dir = signer->partition_directory,
        .verify_every_ec = config->verify_every_ec,
        .key_life_days = config->key_life_days,
        .two_for = config->two_for,
        .request_hours = config->request_hours,
        .enrolment = { .is_open = config->enrolment_listen.count > 0,
                       .proofs = config->enrolment_proofs,
                       .address = signer->enrolment_address,
                       .endpoints = signer->endpoints,
                       .endpoint_count = signer->endpoint_count },
        .token_rate = config->token_rate,
        .leases = { .max = config->leases,
                    .idle_ms = config->lease_idle_ms,
                    .life_ms = config->lease_life_ms,
                    .recheck_ms = LEASE_RECHECK_MS,
                    .storeless_ms = LEASE_STORELESS_MS },
        .policy = config->policy,
        .factor_window = config->factor_window,
        .ticket_hours = config->factor_ticket_hours,
        .has_herald = signer->herald >= 0,
        .herald = signer->herald,
        .started_unix = (uint64_t)unix_ms() / 1000,
        .metrics = signer->metrics,
        .pulse = signer->pulse,
    };
}

static int open_service(struct signer *signer)
{
    CLEANUP(free_string) char *why = NULL;
    int r;

    fill_service_config(signer);
    r = service_init(&signer->service, &signer->service_config, signer->store, signer->hsm, signer->audit,
                     &why);
    signer->is_service_open = r == 0;
    if (r == 0)
        return EX_OK;
    log_event(LOG_LEVEL_ERROR, "signer.failed", "what=\"%s\"", why ? why : strerror(-r));
    return r == -EINVAL || r == -ENOENT ? EX_CONFIG : EX_UNAVAILABLE;
}

/* The HSM is proved last and before the first request: its findings belong to the service. */
static int open_all(struct signer *signer)
{
    static int (*const steps[])(struct signer *) = { fill_shard, open_hsm,     open_store,
                                                     open_audit, open_service, prove_hsm };
    int status = confine();

    for (size_t i = 0; status == EX_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
        status = steps[i](signer);
    return status;
}

/* ---------------------------------------------------------------------------------------------------- serving */

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

/* Whether what was answered since @begun_us should leave before more is served. */
static bool is_round_over(const struct signer *signer, unsigned served, int64_t begun_us)
{
    int64_t most_us = signer->config->audit_write ? ROUND_US : ROUND_SYNC_US;

    return served == ROUND_MAX || (served && record_clock_us() - begun_us > most_us);
}

/*
 * Answers a few requests with one flush of the audit log. When that fails nobody knows what is on the disk: no answer
 * leaves, and the next signer starts from what it finds. False: leave.
 */
static bool serve_round(struct signer *signer, struct frames *frames, unsigned *ret_served)
{
    int64_t begun_us = record_clock_us();
    struct bytes frame;
    int r;

    for (*ret_served = 0; !is_round_over(signer, *ret_served, begun_us) && frames_next(frames, &frame);
         (*ret_served)++) {
        size_t start = frames_begin(frames);

        dispatch(&signer->service, frame, &frames->out);
        frames_end(frames, start);
    }
    if (*ret_served == 0)
        return true;
    pulse_beat(signer->pulse, PULSE_DISK_MS);
    r = audit_flush(signer->audit);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "audit.failed", "what=\"cannot make records durable\" why=\"%s\"",
                  strerror(-r));
        return false;
    }
    frames_flush(frames);
    return true;
}

/* Everything that has been read. */
static bool serve_waiting(struct signer *signer)
{
    struct frames *stream;
    unsigned served;

    for (EACH_FRONT(stream, &signer->fronts))
        do {
            if (!serve_round(signer, stream, &served))
                return false;
        } while (served);
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
        dispatch_news(is_well, &stream->out);
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
        if (!serve_waiting(signer))
            return EX_IOERR;
        tick(signer);
    }
    return EX_OK;
}

static int serve(struct signer *signer, int control)
{
    for (;;) {
        bool has_message;
        int ready = wait_for_work(signer, control, &has_message);

        if (ready < 0 && errno != EINTR)
            return EX_OSERR;
        if (!serve_waiting(signer))
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
    int status = open_all(&signer);

    if (status == EX_OK)
        status = report_ready(ready_fd);
    if (status != EX_OK)
        return status;
    log_event(LOG_LEVEL_NOTICE, "signer.ready", "index=%u", index);
    status = serve(&signer, control);
    pulse_beat(pulse, PULSE_DISK_MS); /* the last records and their head */
    return status;
}
