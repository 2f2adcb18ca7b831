/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_device_enroll.c - device enroll: from a name, a PIN and a code to a device that signs.
 *
 * The server is asked twice: first whoever answers, for its root, and only that; then, once the root's fingerprint is
 * the one the user was given (or has agreed to), the server that this root vouches for, for everything else.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/connect.h"
#include "cli/device_files.h"
#include "cli/enrol_uri.h"
#include "cli/enroll_code.h"
#include "cli/output.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proto/pack.h"

struct enroll {
    struct cli *cli;
    struct enrol_uri uri; /* the URI, or what options and argument say */
    struct device_files files;
    struct deployment_config deployment;
    struct remote *remote; /* to the server whose root was checked */
    Privyseal__V1__GetAuthorityResponse *authority;
    X509 *root; /* the one of the fingerprint */
    struct enroll_code code;
    struct secret *device_secret;
    char endpoints[1024];
};

static void enroll_clear(struct enroll *enroll)
{
    enrol_uri_clear(&enroll->uri);
    device_files_undo(&enroll->files);
    remote_free(enroll->remote);
    X509_free(enroll->root);
    secret_free(enroll->code.code);
    secret_free(enroll->device_secret);
    if (enroll->authority)
        privyseal__v1__get_authority_response__free_unpacked(enroll->authority, NULL);
}
DEFINE_CLEAR(enroll_clear, struct enroll);

/* ------------------------------------------------------------------------------------------ what was asked for */

static enum cli_exit read_uri(struct enroll *enroll, const char *text)
{
    const char *why;

    if (enrol_uri_parse(text, &enroll->uri, &why) == 0)
        return CLI_DONE;
    return cli_fail(enroll->cli, CLI_USAGE,
                    "`privyseal device code` on an enrolled device shows a whole one.",
                    "this is no address to enrol at: %s", why);
}

static enum cli_exit read_words(struct enroll *enroll, const char *user)
{
    struct cli *cli = enroll->cli;
    const char *server = cli_option(cli, "server"), *fingerprint = cli_option(cli, "ca-fingerprint");

    if (!server)
        return cli_fail(cli, CLI_USAGE, "Or give the privyseal:// address that an enrolled device shows.",
                        "where is the server? Give --server HOST[:PORT]");
    if (enrol_server_parse(server, enroll->uri.server) < 0)
        return cli_fail(cli, CLI_USAGE, NULL, "--server takes HOST or HOST:PORT, not \"%s\"", server);
    if (!name_is_valid(bytes_of_text(user)))
        return cli_fail(cli, CLI_USAGE, NULL, "\"%s\" cannot be a user's name", user);
    strcpy(enroll->uri.user, user); /* a valid name: at most NAME_MAX_LEN */
    enroll->uri.has_ca = fingerprint != NULL;
    if (fingerprint && enrol_fingerprint_parse(fingerprint, enroll->uri.ca) < 0)
        return cli_fail(cli, CLI_USAGE, "It is the SHA-256 of the deployment's root certificate.",
                        "--ca-fingerprint takes 64 hexadecimal digits");
    return CLI_DONE;
}

static enum cli_exit read_arguments(struct enroll *enroll)
{
    const char *argument = enroll->cli->args[0];
    bool is_uri = strncmp(argument, ENROL_URI_SCHEME, strlen(ENROL_URI_SCHEME)) == 0;

    return is_uri ? read_uri(enroll, argument) : read_words(enroll, argument);
}

/* --------------------------------------------------------------------------------------------------- the server */

/* Without a certificate of our own; with @ca NULL to whoever answers. */
static enum cli_exit open_remote(struct enroll *enroll, char *ca, struct remote **ret)
{
    CLEANUP(channel_free) struct channel *channel = NULL;
    CLEANUP(free_string) char *why = NULL;
    struct deployment_config *deployment = &enroll->deployment;
    int r;

    deployment->name = deployment->realm = enroll->uri.realm;
    deployment->endpoints[0] = enroll->uri.server;
    deployment->endpoint_count = 1;
    deployment->ca = ca;
    deployment->connect_timeout_ms = 5000;
    deployment->login_timeout_ms = deployment->sign_timeout_ms = 30000;
    r = channel_http2_new(NULL, deployment, NULL, &channel, &why);
    if (r == 0)
        r = remote_new(NULL, deployment, channel, ret);
    if (r < 0)
        return cli_fail(enroll->cli, CLI_REFUSED, NULL, "%s: %s", enroll->uri.server,
                        why ? why : strerror(-r));
    channel = NULL; /* the remote's now */
    return CLI_DONE;
}

static enum cli_exit ask_authority(struct enroll *enroll, struct remote *remote)
{
    Privyseal__V1__GetAuthorityRequest request = PRIVYSEAL__V1__GET_AUTHORITY_REQUEST__INIT;
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv = remote_plain(remote, METHOD_GetAuthority, &request.base, &reply, &error);

    if (rv != CKR_OK)
        return cli_fail_remote(enroll->cli, "asking the server who it is", rv, &error);
    if (enroll->authority)
        privyseal__v1__get_authority_response__free_unpacked(enroll->authority, NULL);
    enroll->authority = (Privyseal__V1__GetAuthorityResponse *)reply;
    return CLI_DONE;
}

static bool is_of_fingerprint(struct bytes der, const uint8_t fingerprint[HASH_LEN])
{
    uint8_t hash[HASH_LEN];

    return digest_sha256(NULL, der, hash) == 0 && memcmp(hash, fingerprint, HASH_LEN) == 0;
}

/* The root among those shown: that of the fingerprint; without one the first, if the user agrees. */
static enum cli_exit choose_root(struct enroll *enroll)
{
    const Privyseal__V1__GetAuthorityResponse *authority = enroll->authority;
    struct bytes der = authority->n_authority ? pack_lend(&authority->authority[0]) : BYTES_NONE;
    char text[2 * HASH_LEN + 1], question[512];
    uint8_t hash[HASH_LEN];
    bool is_found = !enroll->uri.has_ca;
    enum cli_exit status;

    for (size_t i = 0; !is_found && i < authority->n_authority; i++) {
        der = pack_lend(&authority->authority[i]);
        is_found = is_of_fingerprint(der, enroll->uri.ca);
    }
    if (!is_found)
        return cli_fail(enroll->cli, CLI_REFUSED,
                        "This may be another server, or somebody in between: ask the operator.",
                        "no root that %s shows has this fingerprint", enroll->uri.server);
    if (certificate_parse(NULL, der, &enroll->root) < 0 || digest_sha256(NULL, der, hash) < 0)
        return cli_fail(enroll->cli, CLI_REFUSED, NULL, "the server shows no root certificate");
    if (enroll->uri.has_ca)
        return CLI_DONE;
    hex_encode(BYTES_OF_ARRAY(hash), text);
    snprintf(question, sizeof(question),
             "The root certificate of \"%.32s\" at %s has the SHA-256 fingerprint\n  %s\n"
             "Is this what the operator told you? yes/no: ",
             authority->realm, enroll->uri.server, text);
    status = connect_confirm(enroll->cli, question, "nothing was done");
    if (status == CLI_USAGE)
        fprintf(stderr, "           The server shows --ca-fingerprint %s\n", text);
    return status;
}

/* What an endpoint is called from here: ":7443" is that port of the host we reached. */
static enum cli_exit add_endpoint(struct enroll *enroll, const char *endpoint)
{
    const char *server = enroll->uri.server;
    size_t host_len = *endpoint == ':' ? (size_t)(strrchr(server, ':') - server) : 0;
    char text[ENROL_SERVER_MAX + 8], checked[ENROL_SERVER_MAX + 1];
    size_t used = strlen(enroll->endpoints);

    if (snprintf(text, sizeof(text), "%.*s%s", (int)host_len, server, endpoint) >= (int)sizeof(text) ||
        enrol_server_parse(text, checked) < 0 || used + strlen(checked) + 2 > sizeof(enroll->endpoints))
        return cli_fail(enroll->cli, CLI_REFUSED, NULL, "the server names addresses that are none");
    snprintf(enroll->endpoints + used, sizeof(enroll->endpoints) - used, "%s%s", used ? " " : "", checked);
    return CLI_DONE;
}

/* As the checked server says it: what the first answer said is forgotten. */
static enum cli_exit read_authority(struct enroll *enroll)
{
    enum cli_exit status = ask_authority(enroll, enroll->remote);

    if (status != CLI_DONE)
        return status;
    if (strcmp(enroll->authority->realm, enroll->uri.realm) != 0)
        return cli_fail(enroll->cli, CLI_REFUSED, NULL, "the server belongs to \"%s\" now",
                        enroll->authority->realm);
    for (size_t i = 0; status == CLI_DONE && i < enroll->authority->n_endpoint; i++)
        status = add_endpoint(enroll, enroll->authority->endpoint[i]);
    return status;
}

static enum cli_exit meet_server(struct enroll *enroll)
{
    CLEANUP(remote_free) struct remote *stranger = NULL;
    struct cli *cli = enroll->cli;
    const char *realm;
    enum cli_exit status = open_remote(enroll, NULL, &stranger);

    if (status == CLI_DONE)
        status = ask_authority(enroll, stranger);
    if (status != CLI_DONE)
        return status;
    realm = enroll->authority->realm;
    if (!name_is_valid(bytes_of_text(realm)) || (*enroll->uri.realm && strcmp(realm, enroll->uri.realm) != 0))
        return cli_fail(cli, CLI_REFUSED, NULL, "%s belongs to another deployment", enroll->uri.server);
    status = choose_root(enroll);
    if (status != CLI_DONE)
        return status;
    strcpy(enroll->uri.realm, realm);
    status = device_files_claim(cli, cli_option(cli, "directory"), enroll->uri.realm, enroll->uri.user,
                                &enroll->files);
    if (status == CLI_DONE)
        status = device_files_write_ca(&enroll->files, enroll->root);
    if (status == CLI_DONE)
        status = open_remote(enroll, enroll->files.ca, &enroll->remote);
    return status == CLI_DONE ? read_authority(enroll) : status;
}

/* ---------------------------------------------------------------------------------------------------- enrolling */

static struct remote_enrolment enrolment_of(const struct enroll *enroll)
{
    return (struct remote_enrolment){ .user = enroll->uri.user,
                                      .proof = enroll->code.proof,
                                      .code = secret_bytes(enroll->code.code) };
}

/* A device's code, or that of recovery, may bring a secret that S is made with on all of the user's devices. */
static enum cli_exit take_secret(struct enroll *enroll)
{
    const struct remote_enrolment enrolment = enrolment_of(enroll);
    struct remote_error error = { 0 };
    CK_RV rv;

    if (enrolment.proof != PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE &&
        enrolment.proof != PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY)
        return CLI_DONE;
    rv = remote_fetch_device_secret(enroll->remote, &enrolment, &enroll->device_secret, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(enroll->cli, "presenting the code", rv, &error);
    return enroll->device_secret ? device_files_write_secret(&enroll->files, enroll->device_secret)
                                 : CLI_DONE;
}

static enum cli_exit call_enrol(struct enroll *enroll, struct bytes request, ProtobufCMessage **ret)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    struct cli *cli = enroll->cli;
    const char *label = cli_option(cli, "label");
    struct remote_error error = { 0 };
    char host[DEVICE_LABEL_MAX + 1] = "", prompt[NAME_MAX_LEN + 16];
    struct remote_enrolment enrolment = enrolment_of(enroll);
    enum cli_exit status;
    CK_RV rv;

    if (gethostname(host, sizeof(host) - 1) < 0)
        host[0] = '\0';
    snprintf(prompt, sizeof(prompt), "PIN of %.32s: ", enroll->uri.user);
    status = connect_pin(cli, "pin-file", prompt, false, &pin);
    if (status != CLI_DONE)
        return status;
    if (enroll->device_secret)
        enrolment.device_secret = secret_bytes(enroll->device_secret);
    enrolment.pin = secret_bytes(pin);
    enrolment.request = request;
    enrolment.label = label ? label : host;
    rv = remote_enrol(enroll->remote, &enrolment, ret, &error);
    return rv == CKR_OK ? CLI_DONE : cli_fail_remote(cli, "enrolling the device", rv, &error);
}

static enum cli_exit parse_chain(struct enroll *enroll, const Privyseal__V1__EnrolDeviceResponse *reply,
                                 STACK_OF(X509) **ret)
{
    struct bytes ders[CERTIFICATES_MAX];

    if (reply->n_certificate == 0 || reply->n_certificate > CERTIFICATES_MAX)
        return cli_fail(enroll->cli, CLI_REFUSED, NULL, "the server sent no certificate");
    for (size_t i = 0; i < reply->n_certificate; i++)
        ders[i] = pack_lend(&reply->certificate[i]);
    return certificate_parse_chain(NULL, ders, reply->n_certificate, ret) < 0
               ? cli_fail(enroll->cli, CLI_REFUSED, NULL, "the server's certificate cannot be read")
               : CLI_DONE;
}

static enum cli_exit enrol(struct enroll *enroll, STACK_OF(X509) **ret_chain)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    struct bytes code = enroll->uri.has_code ? BYTES_OF_ARRAY(enroll->uri.code) : BYTES_NONE;
    enum cli_exit status = enroll_code_read(enroll->cli, enroll->authority, code, &enroll->code);

    if (status == CLI_DONE)
        status = take_secret(enroll);
    if (status == CLI_DONE)
        status = device_files_make_key(&enroll->files, enroll->uri.user, &request);
    if (status == CLI_DONE)
        status = call_enrol(enroll, buffer_bytes(&request), &reply);
    return status == CLI_DONE
               ? parse_chain(enroll, (const Privyseal__V1__EnrolDeviceResponse *)reply, ret_chain)
               : status;
}

static enum cli_exit report(struct enroll *enroll, X509 *certificate)
{
    CLEANUP(json_decref) json_t *object = NULL;
    uint8_t hash[HASH_LEN];
    enum cli_exit status;

    if (certificate_hash(NULL, certificate, hash) < 0)
        return cli_fail(enroll->cli, CLI_REFUSED, NULL, "OpenSSL has no SHA-256");
    object = json_pack("{s:s, s:s, s:s, s:o, s:s}", "user", enroll->uri.user, "realm", enroll->uri.realm,
                       "config", enroll->files.config, "fingerprint", output_hex(BYTES_OF_ARRAY(hash)),
                       "identity", enroll->files.name);
    status = output_object(enroll->cli, object);
    output_say(enroll->cli,
               "\nThis device is %s's now. Next:\n"
               "  privyseal token show               what there is to sign with\n"
               "  privyseal apps add libreoffice     (or firefox, ssh): let an application sign\n"
               "  privyseal doctor                   if something does not work",
               enroll->uri.user);
    return status;
}

enum cli_exit cmd_device_enroll(struct cli *cli)
{
    CLEANUP(enroll_clear) struct enroll enroll = { .cli = cli };
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    enum cli_exit status = read_arguments(&enroll);

    if (status == CLI_DONE)
        status = meet_server(&enroll);
    if (status == CLI_DONE)
        status = enrol(&enroll, &chain);
    if (status == CLI_DONE)
        status =
            device_files_finish(&enroll.files, chain, enroll.uri.realm, enroll.uri.user, enroll.endpoints);
    return status == CLI_DONE ? report(&enroll, sk_X509_value(chain, 0)) : status;
}
