/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_cert.c - cert request, issue, import: from a key to a certificate beside it. */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>
#include <openssl/x509v3.h>

#include "cli/ca.h"
#include "cli/connect.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/request.h"
#include "include/table.h"
#include "proto/digest.h"
#include "proto/name.h"

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);
DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);

/* ----------------------------------------------------------------------------------------------- request */

/* The key --key names; the newest when none is named. NULL: none. */
static const Privyseal__V1__KeyInfo *find_key(const struct cli *cli, const Privyseal__V1__Snapshot *content)
{
    const char *name = cli_option(cli, "key");
    const Privyseal__V1__KeyInfo *found = NULL;

    for (size_t i = 0; i < content->n_key; i++)
        if (!name || names_key_is(content->key[i], name))
            found = content->key[i];
    return found;
}

static enum cli_exit subject_of(struct cli *cli, const char *user, X509_NAME **ret)
{
    CLEANUP(free_string) char *why = NULL;
    const char *subject = cli_option(cli, "subject");
    char common_name[NAME_MAX_LEN + 8];

    snprintf(common_name, sizeof(common_name), "/CN=%.32s", user);
    if (ca_parse_subject(subject ? subject : common_name, ret, &why) < 0)
        return cli_fail(cli, CLI_USAGE, NULL, "%s", why ? why : "out of memory");
    return CLI_DONE;
}

static enum cli_exit request_for_key(struct cli *cli, X509_REQ **ret)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    const Privyseal__V1__KeyInfo *key;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_snapshot(cli->token, 60000, &snapshot, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the token", rv, &error);
    key = find_key(cli, snapshot->content);
    if (!key)
        return cli_fail(cli, CLI_REFUSED, "`privyseal key list` shows the keys, `key generate` makes one.",
                        "the token has no such key");
    status = subject_of(cli, snapshot->content->token, &subject);
    return status == CLI_DONE ? request_of_token(cli, key, subject, ret) : status;
}

static enum cli_exit request_for_device(struct cli *cli, const char *key_file, X509_REQ **ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(free_string) char *why = NULL;
    enum cli_exit status = subject_of(cli, "device", &subject);

    if (status != CLI_DONE)
        return status;
    if (ca_make_key_file(key_file, &key, &why) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s", why ? why : "out of memory");
    return request_of_key(key, subject, ret) < 0
               ? cli_fail(cli, CLI_REFUSED, NULL, "OpenSSL could not sign the request")
               : CLI_DONE;
}

enum cli_exit cmd_cert_request(struct cli *cli)
{
    CLEANUP(X509_REQ_free) X509_REQ *request = NULL;
    const char *device = cli_option(cli, "device");
    enum cli_exit status =
        device ? request_for_device(cli, device, &request) : request_for_key(cli, &request);

    return status == CLI_DONE ? request_write(cli, cli->arg_count ? cli->args[0] : NULL, request) : status;
}

/* ------------------------------------------------------------------------------------------------- issue */

static const struct issue_profile {
    const char *name;
    enum ca_profile profile;
    const char *role; /* registered at the server with this role; NULL: not registered */
} issue_profiles[] = {
    { "signing", CA_PROFILE_DOCUMENT, NULL },
    { "device", CA_PROFILE_CLIENT, "device" },
    { "application", CA_PROFILE_CLIENT, "application" },
    { "operator", CA_PROFILE_CLIENT, "operator" },
    { "auditor", CA_PROFILE_CLIENT, "auditor" },
    { "officer", CA_PROFILE_CLIENT, "officer" },
    { "server", CA_PROFILE_SERVER, NULL },
};

static const struct issue_profile *find_profile(const char *name)
{
    const struct issue_profile *row;

    for (EACH_ROW(row, issue_profiles))
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

/* Nobody certifies a key "for" a user: it must be one the user made at the login of the user's own token. */
static enum cli_exit check_key_of_user(struct cli *cli, const char *user, X509_REQ *request)
{
    Privyseal__V1__ShowUserRequest show = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ShowUserResponse *reply;
    uint8_t name[HASH_LEN], *spki = NULL;
    bool is_found = false;
    enum cli_exit status;
    int len;

    show.user = (char *)user;
    status = connect_operate(cli, "asking for the user's keys", METHOD_ShowUser, &show.base, &message);
    if (status != CLI_DONE)
        return status;
    len = i2d_PUBKEY(X509_REQ_get0_pubkey(request), &spki);
    if (len < 0 || digest_sha256(NULL, BYTES(spki, (size_t)len), name) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "OpenSSL could not read the request's key");
    OPENSSL_free(spki);
    reply = (const Privyseal__V1__ShowUserResponse *)message;
    for (size_t i = 0; i < reply->n_key; i++)
        is_found |=
            bytes_equal(BYTES(reply->key[i]->name.data, reply->key[i]->name.len), BYTES_OF_ARRAY(name));
    return is_found ? CLI_DONE
                    : cli_fail(cli, CLI_REFUSED, "The user makes it with `privyseal key generate`.",
                               "the request's key is not one of %s's keys", user);
}

static enum cli_exit register_certificate(struct cli *cli, const char *user, const char *role,
                                          X509 *certificate)
{
    Privyseal__V1__AddCertificateRequest add = PRIVYSEAL__V1__ADD_CERTIFICATE_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    uint8_t *der = NULL;
    enum cli_exit status;
    int len = i2d_X509(certificate, &der);

    if (len < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    add.principal = (char *)user;
    add.role = (char *)role;
    add.der = (ProtobufCBinaryData){ (size_t)len, der };
    status = connect_operate(cli, "registering the certificate", METHOD_AddCertificate, &add.base, &reply);
    OPENSSL_free(der);
    return status;
}

static enum cli_exit issue(struct cli *cli, const struct issue_profile *profile, const char *ca,
                           X509_REQ *request, struct buffer *ret_pem, X509 **ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    CLEANUP(free_string) char *why = NULL;
    char common_name[NAME_MAX_LEN + 8];
    struct ca_request ca_request = { .profile = profile->profile,
                                     .public_key = X509_REQ_get0_pubkey(request) };
    enum cli_exit status;
    long days;

    status = cli_option_number(cli, "days", 730, 1, 3650, &days);
    if (status != CLI_DONE)
        return status;
    /*
     * Who a principal is, the operator says; what a signer's certificate says of a person, the request may.
     */
    snprintf(common_name, sizeof(common_name), "/CN=%.32s", cli->args[0]);
    if (ca_parse_subject(common_name, &subject, &why) < 0)
        return cli_fail(cli, CLI_USAGE, NULL, "%s", why ? why : "out of memory");
    ca_request.subject =
        profile->profile == CA_PROFILE_DOCUMENT ? X509_REQ_get_subject_name(request) : subject;
    ca_request.days = (unsigned)days;
    if (ca_issue(ca, &ca_request, ret_pem, ret, &why) < 0)
        return cli_fail(cli, CLI_REFUSED, "--ca DIR names the CA's directory; `privyseal init` makes it.",
                        "%s", why ? why : "out of memory");
    return CLI_DONE;
}

enum cli_exit cmd_cert_issue(struct cli *cli)
{
    const char *name = cli_option(cli, "profile"), *ca = cli_option(cli, "ca");
    const struct issue_profile *profile = find_profile(name ? name : "signing");
    CLEANUP(X509_REQ_free) X509_REQ *request = NULL;
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    CLEANUP(X509_free) X509 *certificate = NULL;
    enum cli_exit status;

    if (!ca)
        ca = getenv("PRIVYSEAL_CA");
    if (!profile)
        return cli_fail(cli, CLI_USAGE, "signing, device, application, operator, auditor, officer or server.",
                        "no profile is called \"%s\"", name);
    if (!ca)
        return cli_fail(cli, CLI_USAGE, NULL, "where is the CA? Give --ca DIR or set PRIVYSEAL_CA");
    if (!name_is_valid(bytes_of_text(cli->args[0])))
        return cli_fail(cli, CLI_USAGE, NULL, "\"%s\" cannot be a user's name", cli->args[0]);
    status = request_read(cli, cli->args[1], &request);
    if (status == CLI_DONE && profile->profile == CA_PROFILE_DOCUMENT)
        status = check_key_of_user(cli, cli->args[0], request);
    if (status == CLI_DONE)
        status = issue(cli, profile, ca, request, &pem, &certificate);
    if (status == CLI_DONE && profile->role)
        status = register_certificate(cli, cli->args[0], profile->role, certificate);
    return status == CLI_DONE ? output_pem(cli, cli->arg_count > 2 ? cli->args[2] : NULL, buffer_bytes(&pem))
                              : status;
}

/* ------------------------------------------------------------------------------------------------ import */

static void default_label(X509 *certificate, char ret[LABEL_MAX_LEN + 1])
{
    int length =
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, ret, LABEL_MAX_LEN + 1);

    if (length <= 0 || !label_is_valid(bytes_of_text(ret)))
        snprintf(ret, LABEL_MAX_LEN + 1, "certificate");
}

enum cli_exit cmd_cert_import(struct cli *cli)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    const char *label = cli_option(cli, "label");
    struct remote_error error = { 0 };
    char fallback[LABEL_MAX_LEN + 1];
    enum cli_exit status;
    uint8_t *der = NULL;
    int len, r;
    CK_RV rv;

    r = certificate_load_file(NULL, cli->args[0], &chain);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", cli->args[0],
                        r == -EBADMSG ? "no certificate in PEM form" : strerror(-r));
    status = connect_login(cli);
    if (status != CLI_DONE)
        return status;
    default_label(sk_X509_value(chain, 0), fallback);
    len = i2d_X509(sk_X509_value(chain, 0), &der);
    if (len < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    rv = remote_token_put_certificate(cli->token, BYTES(der, (size_t)len), label ? label : fallback, &error);
    OPENSSL_free(der);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "storing the certificate", rv, &error);
    return output_done(cli, json_pack("{s:s}", "label", label ? label : fallback), "Stored as \"%s\".",
                       label ? label : fallback);
}
