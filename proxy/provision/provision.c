/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision.c - the verbs that need the HSM's administration or the store's schema. Each is a row; each runs under a
 * lock in the state directory and prints one JSON object.
 */
#include "proxy/provision/provision.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include <openssl/x509.h>

#include "include/json.h"
#include "include/table.h"
#include "proto/certificate.h"
#include "proto/name.h"
#include "proxy/access/access.h"
#include "proxy/hsm/hsm.h"
#include "proxy/provision/directories.h"
#include "proxy/provision/verbs.h"
#include "proxy/service/seal_keys.h"
#include "proxy/store/store.h"

struct hsm_config provision_hsm_config(const struct proxy_config *config, unsigned hsm)
{
    const struct hsm_place place = proxy_config_hsm(config, hsm);

    return (struct hsm_config){ .module = place.module,
                                .environment = place.environment,
                                .token_label = place.token,
                                .pin_file = place.pin_file,
                                .allow_software = config->allow_software_hsm,
                                .max_handles = config->hsm_handles,
                                .manifest = config->hsm_manifest,
                                .root = config->client_ca,
                                .realm = config->realm };
}

static int take_lock(void)
{
    int fd = open("provision.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return provision_fail(EX_CANTCREAT, "provision.lock: %s", strerror(errno));
    /* Held until the process ends. */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return provision_fail(EX_TEMPFAIL, "another provisioning runs here: wait for it");
    return EX_OK;
}

/* ------------------------------------------------------------------------------------------- softhsm's files */

/*
 * SoftHSM keeps its tokens where its configuration says: "SOFTHSM2_CONF=FILE" and a line "directories.tokendir = DIR"
 * in it. False for any other HSM: then there are no files to own.
 */
bool provision_softhsm_directory(const char *environment, char ret[PATH_MAX])
{
    static const char variable[] = "SOFTHSM2_CONF=", key[] = "directories.tokendir";
    char line[PATH_MAX + 64];
    bool is_found = false;
    FILE *file;

    if (!environment || strncmp(environment, variable, strlen(variable)) != 0)
        return false;
    file = fopen(environment + strlen(variable), "re");
    while (file && !is_found && fgets(line, sizeof(line), file))
        is_found = strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), " = %4095s", ret) == 1;
    if (file)
        fclose(file);
    return is_found;
}

static int make_directory(const char *path)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return provision_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    return EX_OK;
}

static int lay_out_hsm(const struct proxy_config *config, unsigned hsm, const struct owners *owners)
{
    const struct hsm_place place = proxy_config_hsm(config, hsm);
    char tokens[PATH_MAX];
    unsigned made;
    int status, r = 0;

    if (provision_softhsm_directory(place.environment, tokens)) {
        status = hsm == 0 ? provision_partitions(config, tokens, owners, &made) : EX_OK;
        if (status != EX_OK)
            return status;
        r = directory_read_only(tokens, owners);
    }
    if (r == 0)
        r = directory_read_only(place.pin_file, owners);
    return r == 0 ? EX_OK : provision_fail(EX_CANTCREAT, "%s: %s", tokens, strerror(-r));
}

/* Those of further HSMs have no copies. */
static int refresh_further(const struct proxy_config *config, const struct owners *owners)
{
    char tokens[PATH_MAX];
    int r = 0;

    for (unsigned hsm = 1; r == 0 && hsm < proxy_config_hsms(config); hsm++)
        if (provision_softhsm_directory(proxy_config_hsm(config, hsm).environment, tokens))
            r = directory_read_only(tokens, owners);
    return r == 0 ? EX_OK : provision_fail(EX_CANTCREAT, "%s: %s", tokens, strerror(-r));
}

int provision_refresh_hsm(const struct proxy_config *config, const struct owners *owners)
{
    char tokens[PATH_MAX], partitions[PATH_MAX];
    int r, status = refresh_further(config, owners);

    if (status != EX_OK || !provision_softhsm_directory(config->hsm_environment, tokens))
        return status;
    r = directory_read_only(tokens, owners);
    for (unsigned i = 0; r == 0 && provision_shard_directory(config, i, partitions); i++)
        r = directory_follow(tokens, partitions, owners);
    return r == 0 ? EX_OK : provision_fail(EX_CANTCREAT, "%s: %s", tokens, strerror(-r));
}

/* ---------------------------------------------------------------------------------------------------- store */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int read_certificate(const char *path, struct principal_certificate_row *ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    struct tm until = { 0 };
    int r = certificate_load_file(NULL, path, &chain);

    if (r == 0)
        r = certificate_hash(NULL, sk_X509_value(chain, 0), ret->hash);
    if (r < 0)
        return provision_fail(EX_NOINPUT, "%s: %s", path, strerror(-r));
    if (!ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, 0)), &until))
        return provision_fail(EX_DATAERR, "%s: its validity cannot be read", path);
    ret->not_after_ms = (int64_t)timegm(&until) * 1000;
    ret->role = ROLE_OPERATOR;
    return EX_OK;
}

static enum reason insert_operator(struct access *access, const char *name,
                                   struct principal_certificate_row *certificate)
{
    struct principal_row principal;
    enum reason reason = principal_find(access, name, true, now_ms(), &principal);

    return reason == REASON_NONE ? principal_add_certificate(access, &principal, certificate) : reason;
}

/* The first operator: its rows too are under the HSM's Krow. */
static int add_operator(const struct proxy_config *config, struct hsm *hsm, const char *name,
                        struct principal_certificate_row *certificate)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(access_clear) struct access access = { .realm = config->realm, .hsm = hsm };
    enum reason reason;
    int r = store_open(config->store, &store);

    if (r == 0)
        r = store_begin(store);
    if (r < 0)
        return provision_fail(EX_CANTCREAT, "%s: %s", config->store, strerror(-r));
    access.store = store;
    reason = insert_operator(&access, name, certificate);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_commit(store));
    return reason == REASON_NONE ? EX_OK
                                 : provision_fail(EX_CANTCREAT, "%s: the operator was not added: %s",
                                                  config->store, reason_row(reason)->word);
}

bool provision_store_directory(const char *url, char ret[PATH_MAX])
{
    const char *path = strncmp(url, "sqlite:", 7) == 0 ? url + 7 : NULL,
               *slash = path ? strrchr(path, '/') : NULL;

    if (!slash || slash == path)
        return false;
    snprintf(ret, PATH_MAX, "%.*s", (int)(slash - path), path);
    return true;
}

static int make_store(const struct proxy_config *config, struct hsm *hsm, const char *name,
                      const char *certificate_path, const struct owners *owners)
{
    struct principal_certificate_row certificate = { 0 };
    char directory[PATH_MAX];
    bool has_directory = provision_store_directory(config->store, directory);
    int status = read_certificate(certificate_path, &certificate), r = 0;

    if (status != EX_OK)
        return status;
    if (has_directory)
        r = directory_for_signers(directory, owners);
    if (r == 0)
        r = store_migrate(config->store);
    if (r == 0) {
        status = add_operator(config, hsm, name, &certificate);
        if (status != EX_OK)
            return status;
    }
    if (r == 0 && has_directory)
        r = directory_give(directory, owners);
    if (r == 0)
        r = directory_for_signers(config->audit_directory, owners);
    return r == 0 ? EX_OK : provision_fail(EX_CANTCREAT, "%s: %s", config->store, strerror(-r));
}

/* ----------------------------------------------------------------------------------------------- what it says */

#define SPKI_MAX 256 /* DER of a P-256 public key has 91 bytes */

static void add_findings(json_t *object, const struct hsm_finding *findings, size_t count)
{
    json_t *lacking = json_array();

    for (size_t i = 0; i < count; i++)
        if (!findings[i].is_enforced)
            json_array_append_new(lacking, json_string(findings[i].sentence));
    json_object_set_new(object, "grade", json_string(hsm_grade(findings, count)));
    json_object_set_new(object, "not_enforced", lacking);
}

/* For the root to certify. */
static CK_RV add_ca_keys(json_t *object, struct hsm *hsm)
{
    static const char *const names[HSM_CAS] = {
        [HSM_CA_DEVICE] = "ca_device_public_key", [HSM_CA_DOCUMENT] = "ca_document_public_key"
    };
    CK_RV rv = CKR_OK;

    for (int ca = 0; rv == CKR_OK && ca < HSM_CAS; ca++) {
        CLEANUP(buffer_clear) struct buffer spki = { .limit = SPKI_MAX };
        char text[2 * SPKI_MAX + 1];

        rv = hsm_ca_public_key(hsm, (enum hsm_ca)ca, &spki);
        if (rv != CKR_OK)
            break;
        hex_encode(buffer_bytes(&spki), text);
        json_object_set_new(object, names[ca], json_string(text));
    }
    return rv;
}

/* Says what the HSM is, what it refuses, and the sealing key of the newest epoch. */
static int describe(const struct proxy_config *config, struct hsm *hsm)
{
    CLEANUP(json_decref) json_t *object = NULL;
    struct hsm_finding findings[HSM_FINDINGS_MAX];
    CLEANUP(seal_epoch_clear) struct seal_epoch seal = { 0 };
    CLEANUP(buffer_clear) struct buffer audit = { .limit = SPKI_MAX };
    char public_key[2 * HPKE_KEY_LEN + 1], audit_key[2 * SPKI_MAX + 1];
    size_t count = 0;
    CK_RV rv = hsm_self_test(hsm, findings, &count);

    if (rv == CKR_OK)
        rv = seal_epoch_derive(hsm, config->realm, hsm_epoch_mac(hsm, HSM_SEAL), &seal);
    if (rv == CKR_OK)
        rv = hsm_audit_public_key(hsm, &audit);
    if (rv != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM failed while it was tested: CKR 0x%lx", rv);
    hex_encode(BYTES_OF_ARRAY(seal.public_key), public_key);
    hex_encode(buffer_bytes(&audit), audit_key);
    object = json_pack("{s:s, s:i, s:s, s:s}", "hsm", hsm_description(hsm), "seal_epoch", (int)seal.epoch,
                       "seal_public_key", public_key, "audit_public_key", audit_key);
    rv = add_ca_keys(object, hsm);
    if (rv != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM does not tell the authorities' public keys: CKR 0x%lx",
                              rv);
    add_findings(object, findings, count);
    return provision_print(object);
}

/* ---------------------------------------------------------------------------------------------------- verbs */

int provision_token(const struct proxy_config *config, unsigned hsm, const struct owners *owners,
                    provision_make_fn *make, void *arg)
{
    struct hsm_config hsm_config = provision_hsm_config(config, hsm);
    CLEANUP(free_string) char *why = NULL;
    char tokens[PATH_MAX];
    int status = EX_OK;
    CK_RV rv;

    if (provision_softhsm_directory(hsm_config.environment, tokens))
        status = make_directory(tokens);
    if (status != EX_OK)
        return status;
    rv = make(&hsm_config, arg, &why);
    if (rv != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "%s", why ? why : "the HSM's token could not be made");
    return lay_out_hsm(config, hsm, owners);
}

static CK_RV make_fresh(const struct hsm_config *hsm_config, void *arg, char **why)
{
    (void)arg;
    return hsm_provision(hsm_config, why);
}

/* As a signer would. */
int provision_open_hsm(const struct proxy_config *config, struct hsm **ret)
{
    return provision_open_hsm_at(config, 0, ret);
}

int provision_open_hsm_at(const struct proxy_config *config, unsigned hsm, struct hsm **ret)
{
    struct hsm_config hsm_config = provision_hsm_config(config, hsm);
    CLEANUP(free_string) char *why = NULL;

    if (hsm_open(&hsm_config, ret, &why) == CKR_OK)
        return EX_OK;
    return provision_fail(EX_UNAVAILABLE, "%s", why ? why : "the HSM cannot be opened");
}

static int verb_init(const struct proxy_config *config, int argc, char **argv)
{
    static const struct option options[] = { { "operator", required_argument, NULL, 'o' },
                                             { "certificate", required_argument, NULL, 'c' },
                                             { NULL, 0, NULL, 0 } };
    const char *name = NULL, *certificate = NULL;
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    struct owners owners;
    int c, status = EX_OK;

    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'o')
            name = optarg;
        else if (c == 'c')
            certificate = optarg;
        else
            return EX_USAGE;
    }
    if (!name || !certificate || !name_is_valid(bytes_of_text(name)))
        return provision_fail(EX_USAGE, "usage: --provision init --operator NAME --certificate FILE");
    if (owners_find(config->signer_user, &owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    if (!config->hsm_manifest) /* else a ceremony has made the token */
        status = provision_token(config, 0, &owners, make_fresh, NULL);
    if (status == EX_OK)
        status = provision_open_hsm(config, &hsm);
    if (status == EX_OK)
        status = make_store(config, hsm, name, certificate, &owners);
    return status == EX_OK ? describe(config, hsm) : status;
}

static int verb_self_test(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    int status;

    (void)argv;
    if (argc != 1)
        return provision_fail(EX_USAGE, "usage: --provision self-test");
    status = provision_open_hsm(config, &hsm);
    return status == EX_OK ? describe(config, hsm) : status;
}

static const struct verb {
    const char *name;
    int (*run)(const struct proxy_config *config, int argc, char **argv);
} verbs[] = {
    { "init", verb_init },
    { "ceremony", verb_ceremony },
    { "backup", verb_backup },
    { "restore", verb_restore },
    { "add-hsm", verb_add_hsm },
    { "migrate-store", verb_migrate_store },
    { "self-test", verb_self_test },
    { "epoch-list", verb_epoch_list },
    { "epoch-new", verb_epoch_new },
    { "epoch-destroy", verb_epoch_destroy },
    { "seal-key", verb_seal_key },
    { "partitions", verb_partitions },
    { "upgrade-store", verb_upgrade_store },
};

int provision_main(const struct proxy_config *config, int argc, char **argv)
{
    const struct verb *verb;
    int status;

    umask(077);
    if (chdir(config->state) < 0)
        return provision_fail(EX_NOINPUT, "%s: %s", config->state, strerror(errno));
    for (EACH_ROW(verb, verbs)) {
        if (argc < 1 || strcmp(verb->name, argv[0]) != 0)
            continue;
        status = take_lock();
        return status == EX_OK ? verb->run(config, argc, argv) : status;
    }
    return provision_fail(EX_USAGE, "--provision has no verb \"%s\"", argc ? argv[0] : "");
}
