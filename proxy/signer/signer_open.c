/* SPDX-License-Identifier: Apache-2.0 */
/* signer_open.c - the start of a signer, step by step; each says what is wrong, so that it can be mended. */
#include "proxy/signer/signer_state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "include/log.h"
#include "proxy/hsm/epochs.h"
#include "proxy/signer/sighting.h"
#include "proxy/store/store_move.h"

#define DAY_US             UINT64_C(86400000000)
#define LEASE_RECHECK_MS   5000  /* so long may a revoked grant still sign */
#define LEASE_STORELESS_MS 60000 /* so long without a store */

void signer_clear(struct signer *signer)
{
    if (signer->store)
        store_set_wait(signer->store, NULL, NULL);
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
    sighting_fail(signer, why ? why : "its HSM cannot be opened", (int64_t)time(NULL) * 1000);
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
        .started_unix = (uint64_t)time(NULL),
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
int signer_open(struct signer *signer)
{
    static int (*const steps[])(struct signer *) = { fill_shard, open_hsm,     open_store,
                                                     open_audit, open_service, prove_hsm };
    int status = confine();

    for (size_t i = 0; status == EX_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
        status = steps[i](signer);
    return status;
}
