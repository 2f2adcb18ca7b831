/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_cert.c - cert request, import: from a key to a certificate beside it. */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <openssl/x509v3.h>

#include "cli/ca.h"
#include "cli/connect.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/request.h"
#include "proto/certificate_make.h"
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
    if (certificate_parse_subject(subject ? subject : common_name, ret, &why) < 0)
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
        return cli_fail(cli, CLI_REFUSED, "Choose a place for the key where none is yet.", "%s",
                        why ? why : "out of memory");
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

    if (status != CLI_DONE)
        return status;
    status = request_write(cli, cli->arg_count ? cli->args[0] : NULL, request);
    if (status != CLI_DONE && device)
        unlink(device); /* made just now, for a request that nobody has */
    return status;
}

/* ------------------------------------------------------------------------------------------------ import */

static void default_label(X509 *certificate, char ret[LABEL_MAX_LEN + 1])
{
    int length =
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, ret, LABEL_MAX_LEN + 1);

    if (length <= 0 || !label_is_valid(bytes_of_text(ret)))
        snprintf(ret, LABEL_MAX_LEN + 1, "certificate");
}

/* The certificates of a file in DER; freed by the caller. */
static size_t encode(STACK_OF(X509) *chain, struct bytes ret[CERTIFICATES_MAX])
{
    size_t count = 0;

    for (int i = 0; i < sk_X509_num(chain) && i < CERTIFICATES_MAX; i++) {
        uint8_t *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);

        if (len <= 0)
            break;
        ret[count++] = BYTES(der, (size_t)len);
    }
    return count;
}

static enum cli_exit put_chain(struct cli *cli, STACK_OF(X509) *chain, const char *label)
{
    struct remote_error error = { 0 };
    struct bytes ders[CERTIFICATES_MAX];
    size_t count = encode(chain, ders);
    CK_RV rv = remote_token_put_chain(cli->token, ders, count, label, &error);

    for (size_t i = 0; i < count; i++)
        OPENSSL_free((void *)ders[i].data);
    return rv == CKR_OK ? CLI_DONE : cli_fail_remote(cli, "storing the certificate", rv, &error);
}

enum cli_exit cmd_cert_import(struct cli *cli)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    const char *label = cli_option(cli, "label");
    char fallback[LABEL_MAX_LEN + 1];
    enum cli_exit status;
    int r = certificate_load_file(NULL, cli->args[0], &chain);

    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "It is the key's certificate in PEM form, alone or with its chain.",
                        "%s: %s", cli->args[0], r == -EBADMSG ? "no certificate in PEM form" : strerror(-r));
    if (sk_X509_num(chain) > CERTIFICATES_MAX)
        return cli_fail(cli, CLI_REFUSED, "The key's own comes first, then its issuer's, and so on.",
                        "%s has more than %d certificates", cli->args[0], CERTIFICATES_MAX);
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (X509_check_issued(sk_X509_value(chain, i), sk_X509_value(chain, i - 1)) != X509_V_OK)
            return cli_fail(cli, CLI_REFUSED, "The key's own comes first, then its issuer's, and so on.",
                            "%s: certificate %d did not issue the one before it", cli->args[0], i + 1);
    status = connect_login(cli);
    if (status != CLI_DONE)
        return status;
    default_label(sk_X509_value(chain, 0), fallback);
    label = label ? label : fallback;
    status = put_chain(cli, chain, label);
    return status == CLI_DONE
               ? output_done(cli, json_pack("{s:s}", "label", label), "Stored as \"%s\".", label)
               : status;
}
