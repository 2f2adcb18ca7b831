/* SPDX-License-Identifier: Apache-2.0 */
/* deployment.c - setting one up, taking it away, and the channel between its ends. */
#include "tests/loopback/deployment.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/ca.h"
#include "proto/certificate.h"
#include "proto/certificate_make.h"
#include "proto/pack.h"
#include "proxy/signer/dispatch.h"

struct deployment deployment;

static struct front_hook hook;
static int64_t waited_ms;

/* ------------------------------------------------------------------------------------------------- the clock */

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
time_t __wrap_time(time_t *ret);

/* Delays last hours, tests do not: the linker puts this before the system's (--wrap). */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r = __real_clock_gettime(clock, ret);

    ret->tv_sec += waited_ms / 1000;
    return r;
}

time_t __wrap_time(time_t *ret)
{
    struct timespec now;

    __wrap_clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

void deployment_wait(int64_t ms)
{
    waited_ms += ms;
}

void deployment_wait_no_more(void)
{
    waited_ms = 0;
}

/* ----------------------------------------------------------------------------------------------- the channel */

struct loopback_channel {
    struct channel base;
    uint8_t certificate_hash[HASH_LEN];
};

static void dispatch_envelope(unsigned signer, const Privyseal__V1__Envelope *envelope,
                              Privyseal__V1__EnvelopeReply **ret)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 }, reply = { 0 };

    ck_assert_int_eq(pack_append(&envelope->base, &request), 0);
    dispatch(&deployment.service[signer], buffer_bytes(&request), &reply);
    ck_assert(!reply.failed);
    ck_assert_int_eq(audit_flush(deployment.audit[signer]), 0);
    *ret = privyseal__v1__envelope_reply__unpack(NULL, reply.len, reply.data);
    ck_assert_ptr_nonnull(*ret);
    ck_assert_uint_eq((*ret)->id, envelope->id);
}

static unsigned route(const struct method *method, const Privyseal__V1__Envelope *envelope)
{
    int wanted = method_route(method, pack_lend(&envelope->body));

    return wanted >= 0 && wanted < SIGNERS ? (unsigned)wanted : SIGNER_WRAPPED;
}

static void carry(const struct method *method, const Privyseal__V1__Envelope *envelope,
                  struct channel_reply *ret)
{
    Privyseal__V1__EnvelopeReply *reply;

    dispatch_envelope(route(method, envelope), envelope, &reply);
    if (reply->reroute_to) {
        unsigned to = reply->reroute_to - 1;

        privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
        ck_assert_uint_lt(to, SIGNERS);
        dispatch_envelope(to, envelope, &reply);
    }
    *ret = (struct channel_reply){ .status = reply->grpc_status, .was_sent = true };
    buffer_append(&ret->body, pack_lend(&reply->body));
    buffer_append(&ret->failure, pack_lend(&reply->failure));
    snprintf(ret->detail, sizeof(ret->detail), "%s", reply->message);
    privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
}

/* A hook may put its own bytes into a field: only what is ours then is freed by us. */
static void carry_hooked(const struct method *method, Privyseal__V1__Envelope *envelope,
                         struct channel_reply *ret)
{
    static uint64_t next_id;

    envelope->id = ++next_id;
    envelope->method = method->id;
    envelope->request_id = "0123456789abcdef";
    envelope->peer = "192.0.2.1";
    if (hook.request && !hook.request(hook.arg, method, envelope)) {
        *ret = (struct channel_reply){ .status = GRPC_DEADLINE_EXCEEDED, .was_sent = true };
        return;
    }
    carry(method, envelope, ret);
    if (hook.reply)
        hook.reply(hook.arg, method, ret);
}

void deployment_carry(const struct method *method, const uint8_t certificate_hash[HASH_LEN],
                      struct bytes body, struct channel_reply *ret)
{
    Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;

    envelope.certificate_hash = pack_borrow(BYTES(certificate_hash, HASH_LEN));
    envelope.body = pack_borrow(body);
    carry_hooked(method, &envelope, ret);
}

static void channel_call(struct channel *channel, const struct method *method, struct bytes request,
                         unsigned deadline_ms, struct channel_reply *ret)
{
    const struct loopback_channel *loopback = (struct loopback_channel *)channel;

    (void)deadline_ms;
    deployment_carry(method, loopback->certificate_hash, request, ret);
}

static void channel_certificate_hash(struct channel *channel, uint8_t ret[HASH_LEN])
{
    memcpy(ret, ((struct loopback_channel *)channel)->certificate_hash, HASH_LEN);
}

static void channel_free_loopback(struct channel *channel)
{
    free(channel);
}

static const struct channel_ops loopback_ops = {
    .call = channel_call,
    .certificate_hash = channel_certificate_hash,
    .free = channel_free_loopback,
};

struct remote *deployment_remote(const struct person *person)
{
    struct loopback_channel *channel = calloc(1, sizeof(*channel));
    struct remote *remote = NULL;

    ck_assert_ptr_nonnull(channel);
    channel->base.ops = &loopback_ops;
    memcpy(channel->certificate_hash, person->certificate_hash, HASH_LEN);
    ck_assert_int_eq(remote_new(NULL, &deployment.client, &channel->base, &remote), 0);
    return remote;
}

void deployment_hook(const struct front_hook *new_hook)
{
    hook = new_hook ? *new_hook : (struct front_hook){ 0 };
}

/* ------------------------------------------------------------------------------------------------- the set-up */

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", deployment.directory, name);
    return path;
}

static void write_file(const char *name, struct bytes content)
{
    FILE *file = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(content.data, 1, content.len, file), content.len);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_hsm(void)
{
    char environment[160];
    const struct hsm_config config = {
        .module = SOFTHSM_MODULE,
        .environment = environment,
        .token_label = "loopback",
        .pin_file = path_of("pin"),
        .allow_software = true,
        .max_handles = 64,
    };
    char text[256], *why = NULL;
    CK_RV rv;

    ck_assert_int_eq(mkdir(path_of("tokens"), 0700), 0);
    snprintf(text, sizeof(text), "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
             path_of("tokens"));
    write_file("softhsm2.conf", bytes_of_text(text));
    snprintf(environment, sizeof(environment), "SOFTHSM2_CONF=%s", path_of("softhsm2.conf"));
    rv = hsm_provision(&config, &why);
    ck_assert_msg(rv == CKR_OK, "hsm_provision: 0x%lx %s", rv, why ? why : "");
    rv = hsm_open(&config, &deployment.hsm, &why);
    ck_assert_msg(rv == CKR_OK, "hsm_open: 0x%lx %s", rv, why ? why : "");
}

static X509 *issue(enum ca_profile profile, EVP_PKEY *key, const char *subject, struct buffer *pem)
{
    struct ca_request request = { .profile = profile, .public_key = key, .days = 30 };
    X509_NAME *name = NULL;
    X509 *certificate = NULL;
    char *why = NULL;
    int r = certificate_parse_subject(subject, &name, &why);

    ck_assert_int_eq(r, 0);
    request.subject = name;
    r = ca_issue(path_of("ca"), &request, pem, &certificate, &why);
    ck_assert_msg(r == 0, "ca_issue: %s", why ? why : "");
    X509_NAME_free(name);
    return certificate;
}

static void make_seal_chain(void)
{
    CLEANUP(seal_epoch_clear) struct seal_epoch epoch = { 0 };
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    EVP_PKEY *key;

    ck_assert_uint_eq(
        seal_epoch_derive(deployment.hsm, REALM, hsm_epoch_mac(deployment.hsm, HSM_SEAL), &epoch), CKR_OK);
    key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, epoch.public_key, sizeof(epoch.public_key));
    X509_free(issue(CA_PROFILE_SEAL, key, "/CN=sealing", &pem));
    EVP_PKEY_free(key);
    write_file("seal.pem", buffer_bytes(&pem));
}

void deployment_person(struct person *person, const char *subject)
{
    CLEANUP(buffer_clear) struct buffer pem = { 0 };

    person->key = EVP_EC_gen("P-256");
    ck_assert_ptr_nonnull(person->key);
    X509_free(issue(CA_PROFILE_CLIENT, person->key, subject, &pem));
    write_file("person.pem", buffer_bytes(&pem));
    ck_assert_int_eq(certificate_load_file(NULL, path_of("person.pem"), &person->chain), 0);
    ck_assert_int_eq(certificate_hash(NULL, sk_X509_value(person->chain, 0), person->certificate_hash), 0);
}

/* As the root certifies it at `init`. */
static void certify_authority(enum hsm_ca ca, enum ca_hsm_issuer issuer, const char *file)
{
    CLEANUP(buffer_clear) struct buffer spki = { 0 };
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    const unsigned char *at;
    EVP_PKEY *key;
    char *why = NULL;

    ck_assert_uint_eq(hsm_ca_public_key(deployment.hsm, ca, &spki), CKR_OK);
    at = spki.data;
    key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(ca_certify(path_of("ca"), REALM, issuer, key, &pem, &why), 0);
    EVP_PKEY_free(key);
    write_file(file, buffer_bytes(&pem));
}

static void make_pki(void)
{
    char *why = NULL;
    int r = ca_create(path_of("ca"), REALM, &why);

    ck_assert_msg(r == 0, "ca_create: %s", why ? why : "");
    make_seal_chain();
    certify_authority(HSM_CA_DEVICE, CA_HSM_DEVICE, "ca-device.pem");
    certify_authority(HSM_CA_DOCUMENT, CA_HSM_DOCUMENT, "ca-document.pem");
    deployment_person(&deployment.alice, "/CN=alice");
    deployment_person(&deployment.mallory, "/CN=mallory");
    deployment_person(&deployment.operator_, "/CN=operator");
}

/* As `init` leaves it: one operator, nobody else. */
static void make_store(void)
{
    CLEANUP(access_clear) struct access access = { .realm = REALM, .hsm = deployment.hsm };
    struct principal_row principal;
    struct principal_certificate_row certificate = { .role = ROLE_OPERATOR, .not_after_ms = INT64_MAX / 2 };
    char url[128];

    snprintf(url, sizeof(url), "sqlite:%s", path_of("store.db"));
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(store_open(url, &deployment.store), 0);
    access.store = deployment.store;
    memcpy(certificate.hash, deployment.operator_.certificate_hash, HASH_LEN);
    ck_assert_int_eq(principal_find(&access, "operator", true, 0, &principal), REASON_NONE);
    ck_assert_int_eq(principal_add_certificate(&access, &principal, &certificate), REASON_NONE);
}

static void make_signer(unsigned index)
{
    static char chain[128], root[128], tokens[128], device_ca[128], document_ca[128];
    struct service_config *config = &deployment.config[index];
    const struct audit_config audit = {
        .directory = deployment.audit_directory,
        .realm = REALM,
        .log = { PROXY, index },
        .sync = AUDIT_SYNC_WRITE,
    };
    char *why = NULL;
    int r;

    snprintf(chain, sizeof(chain), "%s", path_of("seal.pem"));
    snprintf(root, sizeof(root), "%s", path_of("ca/root.pem"));
    snprintf(device_ca, sizeof(device_ca), "%s", path_of("ca-device.pem"));
    snprintf(document_ca, sizeof(document_ca), "%s", path_of("ca-document.pem"));
    snprintf(tokens, sizeof(tokens), "%s", path_of("tokens"));
    *config = (struct service_config){
        .realm = REALM,
        .proxy = PROXY,
        .signer = index,
        .signers = SIGNERS,
        .partition_signers = 1,
        .partition_users = 1000,
        .argon2_memory_kib = ARGON2_MEMORY_KIB_FLOOR,
        .argon2_passes = ARGON2_PASSES_FLOOR,
        .argon2_lanes = 1,
        .seal_chain_file = chain,
        .client_ca_file = root,
        .ca_file = { [AUTHORITY_DEVICE] = device_ca, [AUTHORITY_DOCUMENT] = document_ca },
        .ca_subject = "/O=Example/CN=%u",
        .ca_days = { [ISSUE_SERVER] = 90, [ISSUE_CLIENT] = 90, [ISSUE_DOCUMENT] = 180 },
        .ca_crl_hours = 24,
        .ca_ocsp_minutes = 60,
        .ca_self_service = true,
        .ca_url = "http://ca.example.org",
        .audit_directory = deployment.audit_directory,
        .partition_dir = index == SIGNER_HOME ? tokens : NULL,
        .key_life_days = 365,
        .factor_window = 1,
        .ticket_hours = 12,
        .leases = { .max = 16,
                    .idle_ms = 60000,
                    .life_ms = 600000,
                    .recheck_ms = 5000,
                    .storeless_ms = 60000 },
    };
    ck_assert_int_eq(audit_open(&audit, deployment.store, &deployment.audit[index]), 0);
    r = service_init(&deployment.service[index], config, deployment.store, deployment.hsm,
                     deployment.audit[index], &why);
    ck_assert_msg(r == 0, "service_init: %s", why ? why : strerror(-r));
}

void deployment_setup(void)
{
    static char ca[128];

    strcpy(deployment.directory, "/tmp/privyseal-loopback-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(deployment.directory));
    snprintf(deployment.audit_directory, sizeof(deployment.audit_directory), "%s/audit",
             deployment.directory);
    ck_assert_int_eq(mkdir(deployment.audit_directory, 0700), 0);
    make_hsm();
    make_pki();
    make_store();
    for (unsigned i = 0; i < SIGNERS; i++)
        make_signer(i);
    snprintf(ca, sizeof(ca), "%s", path_of("ca/root.pem"));
    deployment.client = (struct deployment_config){
        .name = "loopback",
        .realm = REALM,
        .ca = ca,
        .connect_timeout_ms = 1000,
        .login_timeout_ms = 30000,
        .sign_timeout_ms = 15000,
    };
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void deployment_person_clear(struct person *person)
{
    EVP_PKEY_free(person->key);
    certificate_free_stack(person->chain);
}

void deployment_close(void)
{
    deployment_hook(NULL);
    for (unsigned i = 0; i < SIGNERS; i++) {
        service_clear(&deployment.service[i]);
        audit_close(deployment.audit[i]);
    }
    store_close(deployment.store);
    hsm_close(deployment.hsm);
    deployment_person_clear(&deployment.alice);
    deployment_person_clear(&deployment.mallory);
    deployment_person_clear(&deployment.operator_);
}

void deployment_remove(void)
{
    ck_assert_int_eq(nftw(deployment.directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void deployment_teardown(void)
{
    deployment_close();
    deployment_remove();
}

/* --------------------------------------------------------------------------------------------------- people */

CK_RV deployment_operate(const struct person *person, enum method_id method, const ProtobufCMessage *request,
                         ProtobufCMessage **ret, struct remote_error *error)
{
    struct remote *remote = deployment_remote(person);
    CK_RV rv = remote_operate(remote, method, request, person->key, person->chain, ret, error);

    remote_free(remote);
    return rv;
}

static void operate(enum method_id method, const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    struct remote_error error = { 0 };
    CK_RV rv = deployment_operate(&deployment.operator_, method, request, ret, &error);

    ck_assert_msg(rv == CKR_OK, "%s: %s", method_by_id(method)->name, error.detail);
}

void deployment_register(const char *name, const char *role, const struct person *person)
{
    Privyseal__V1__AddCertificateRequest request = PRIVYSEAL__V1__ADD_CERTIFICATE_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    unsigned char *der = NULL;
    int len = i2d_X509(sk_X509_value(person->chain, 0), &der);

    ck_assert_int_gt(len, 0);
    request.principal = (char *)name;
    request.role = (char *)role;
    request.der = pack_borrow(BYTES(der, (size_t)len));
    operate(METHOD_AddCertificate, &request.base, &reply);
    protobuf_c_message_free_unpacked(reply, NULL);
    OPENSSL_free(der);
}

void deployment_add_user(const char *name, const struct person *person, Privyseal__V1__Custody custody,
                         uint8_t ret_code[ACTIVATION_CODE_LEN])
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    const Privyseal__V1__AddUserResponse *answer;

    request.user = (char *)name;
    request.custody = custody;
    operate(METHOD_AddUser, &request.base, &reply);
    answer = (const Privyseal__V1__AddUserResponse *)reply;
    ck_assert_uint_eq(answer->activation_code.len, ACTIVATION_CODE_LEN);
    memcpy(ret_code, answer->activation_code.data, ACTIVATION_CODE_LEN);
    protobuf_c_message_free_unpacked(reply, NULL);
    deployment_register(name, "device", person);
}

struct remote_token *deployment_token(struct remote *remote, Privyseal__V1__Custody custody)
{
    uint8_t code[ACTIVATION_CODE_LEN];
    struct remote_token *token = NULL;
    struct remote_error error = { 0 };
    CK_RV rv;

    deployment_add_user("alice", &deployment.alice, custody, code);
    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
    rv = remote_token_set_pin(token, BYTES_OF_ARRAY(code), PIN, &error);
    ck_assert_msg(rv == CKR_OK, "set_pin: %s", error.detail);
    return token;
}

void deployment_each_record(void (*visit)(const char *line))
{
    for (unsigned signer = 0; signer < SIGNERS; signer++) {
        struct buffer *lines = NULL;
        size_t count = 0;

        ck_assert_int_eq(audit_read(deployment.audit_directory, &(struct log_name){ PROXY, signer }, 1,
                                    100000, &lines, &count),
                         0);
        for (size_t i = 0; i < count; i++) {
            buffer_append_u8(&lines[i], '\0');
            visit((const char *)lines[i].data);
            buffer_clear(&lines[i]);
        }
        free(lines);
    }
}

static const char *wanted_text;
static unsigned found_records;

static void count_record(const char *line)
{
    found_records += strstr(line, wanted_text) != NULL;
}

unsigned deployment_records(const char *text)
{
    wanted_text = text;
    found_records = 0;
    deployment_each_record(count_record);
    return found_records;
}
