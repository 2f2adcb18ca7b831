/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_cert_issue.c - cert issue: by the server's authorities, whose keys are in the HSM; or, with --ca, by the
 * authority in files, for a deployment without them and for a server that cannot start any more.
 */
#include "cli/commands.h"

#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "cli/ca.h"
#include "cli/connect.h"
#include "cli/issue.h"
#include "cli/output.h"
#include "cli/request.h"
#include "include/table.h"
#include "proto/certificate_make.h"
#include "proto/name.h"
#include "proto/pack.h"

#define FILE_DAYS 398

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);
DEFINE_CLEANUP(BIO_free_all, BIO *);

struct profile {
    const char *name;
    Privyseal__V1__CertificateProfile wire;
    const char *role;         /* registered at the server with this role; NULL: not registered */
    enum ca_profile in_files; /* CA_PROFILES: not by the authority in files */
};

#define CLIENT(name, role)                                                                                   \
    {                                                                                                        \
        name, PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_CLIENT, role, CA_PROFILE_CLIENT                    \
    }

static const struct profile profiles[] = {
    { "signing", PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_DOCUMENT, NULL, CA_PROFILES },
    CLIENT("device", "device"),
    CLIENT("application", "application"),
    CLIENT("operator", "operator"),
    CLIENT("auditor", "auditor"),
    CLIENT("officer", "officer"),
    { "server", PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_SERVER, NULL, CA_PROFILE_SERVER },
};

static enum cli_exit find_profile(struct cli *cli, const char *name, const struct profile **ret)
{
    const struct profile *row;

    for (EACH_ROW(row, profiles)) {
        if (strcmp(row->name, name) != 0)
            continue;
        *ret = row;
        return CLI_DONE;
    }
    return cli_fail(cli, CLI_USAGE, "signing, device, application, operator, auditor, officer or server.",
                    "no profile is called \"%s\"", name);
}

/* ---------------------------------------------------------------------------------------------- by the server */

static enum cli_exit parse_subject(struct cli *cli, X509_NAME **ret)
{
    CLEANUP(free_string) char *why = NULL;
    const char *subject = cli_option(cli, "subject");

    if (!subject || certificate_parse_subject(subject, ret, &why) == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE, NULL, "%s", why ? why : "out of memory");
}

/*
 * The subject that goes into the operator's signed request: --subject, else the request's own, which the operator
 * thereby agrees to; for other certificates, none.
 */
static enum cli_exit fill_subject(struct cli *cli, const struct profile *profile, X509_REQ *csr,
                                  ProtobufCBinaryData *ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *given = NULL;
    const X509_NAME *subject;
    enum cli_exit status = parse_subject(cli, &given);
    int len;

    if (status != CLI_DONE)
        return status;
    if (profile->wire != PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_DOCUMENT)
        return given ? cli_fail(cli, CLI_USAGE, NULL, "--subject is for signing certificates") : CLI_DONE;
    subject = given ? given : X509_REQ_get_subject_name(csr);
    if (X509_NAME_entry_count(subject) == 0)
        return CLI_DONE; /* the deployment's template */
    len = i2d_X509_NAME(subject, &ret->data);
    ret->len = len > 0 ? (size_t)len : 0;
    return len > 0 ? CLI_DONE : cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
}

enum cli_exit issue_chain_pem(struct cli *cli, const Privyseal__V1__IssueCertificateResponse *reply,
                              struct buffer *ret)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long len;

    for (size_t i = 0; bio && i < reply->n_chain; i++) {
        CLEANUP(X509_free) X509 *certificate = NULL;

        if (certificate_parse(NULL, pack_lend(&reply->chain[i]), &certificate) < 0 ||
            !PEM_write_bio_X509(bio, certificate))
            return cli_fail(cli, CLI_REFUSED, NULL, "the server's answer is no certificate");
    }
    len = bio ? BIO_get_mem_data(bio, &data) : 0;
    if (len > 0)
        buffer_append(ret, BYTES(data, (size_t)len));
    return len > 0 && !ret->failed ? CLI_DONE : cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
}

static enum cli_exit issue_by_server(struct cli *cli, const struct profile *profile, long days, X509_REQ *csr,
                                     struct buffer *ret_pem)
{
    Privyseal__V1__IssueCertificateRequest ask = PRIVYSEAL__V1__ISSUE_CERTIFICATE_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    const char *alt_names = cli_option(cli, "alt-names"), *label = cli_option(cli, "label");
    enum cli_exit status = fill_subject(cli, profile, csr, &ask.subject);
    int len;

    if (status != CLI_DONE)
        return status;
    ask.owner = cli->args[0];
    ask.profile = profile->wire;
    ask.role = profile->role ? (char *)profile->role : ask.role;
    ask.alt_names = alt_names ? (char *)alt_names : ask.alt_names;
    ask.label = label ? (char *)label : ask.label;
    ask.days = (uint32_t)days;
    len = i2d_X509_REQ(csr, &ask.request.data);
    ask.request.len = len > 0 ? (size_t)len : 0;
    status = connect_operate(cli, "issuing the certificate", METHOD_IssueCertificate, &ask.base, &reply);
    OPENSSL_free(ask.request.data);
    OPENSSL_free(ask.subject.data);
    return status == CLI_DONE
               ? issue_chain_pem(cli, (const Privyseal__V1__IssueCertificateResponse *)reply, ret_pem)
               : status;
}

/* --------------------------------------------------------------------------------------------------- by files */

static enum cli_exit register_certificate(struct cli *cli, const char *role, X509 *certificate)
{
    Privyseal__V1__AddCertificateRequest add = PRIVYSEAL__V1__ADD_CERTIFICATE_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    uint8_t *der = NULL;
    enum cli_exit status;
    int len = i2d_X509(certificate, &der);

    if (len < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    add.principal = cli->args[0];
    add.role = (char *)role;
    add.der = (ProtobufCBinaryData){ (size_t)len, der };
    status = connect_operate(cli, "registering the certificate", METHOD_AddCertificate, &add.base, &reply);
    OPENSSL_free(der);
    return status;
}

/* Who a principal is, the operator says: the request's names count for nothing. */
static enum cli_exit issue_by_files(struct cli *cli, const struct profile *profile, long days, X509_REQ *csr,
                                    struct buffer *ret_pem)
{
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    CLEANUP(X509_free) X509 *certificate = NULL;
    CLEANUP(free_string) char *why = NULL;
    char common_name[NAME_MAX_LEN + 8];
    struct ca_request request = { .profile = profile->in_files,
                                  .public_key = X509_REQ_get0_pubkey(csr),
                                  .alt_names = cli_option(cli, "alt-names"),
                                  .days = days ? (unsigned)days : FILE_DAYS };

    if (profile->in_files == CA_PROFILES)
        return cli_fail(cli, CLI_USAGE, "Leave --ca away: the server's authority does.",
                        "the authority in files issues no %s certificates", profile->name);
    if (request.alt_names && !certificate_alt_names_valid(request.alt_names))
        return cli_fail(cli, CLI_USAGE, "DNS:sign.example.org,IP:192.0.2.1 is one.",
                        "\"%s\" is no list of names", request.alt_names);
    snprintf(common_name, sizeof(common_name), "/CN=%.32s", cli->args[0]);
    if (certificate_parse_subject(common_name, &subject, &why) < 0)
        return cli_fail(cli, CLI_USAGE, NULL, "%s", why ? why : "out of memory");
    request.subject = subject;
    if (ca_issue(cli_option(cli, "ca"), &request, ret_pem, &certificate, &why) < 0)
        return cli_fail(cli, CLI_REFUSED, "--ca DIR names the CA's directory; `privyseal init` makes it.",
                        "%s", why ? why : "out of memory");
    return profile->role ? register_certificate(cli, profile->role, certificate) : CLI_DONE;
}

/* A certificate by files is written even when its registration waits for a second person: that is all it then needs. */
enum cli_exit issue_certificate(struct cli *cli, const char *profile_name)
{
    CLEANUP(X509_REQ_free) X509_REQ *csr = NULL;
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    const struct profile *profile = NULL;
    enum cli_exit status = find_profile(cli, profile_name, &profile), written;
    long days = 0;

    if (status == CLI_DONE)
        status = cli_option_number(cli, "days", 0, 1, 3650, &days);
    if (status == CLI_DONE && !name_is_valid(bytes_of_text(cli->args[0])))
        status = cli_fail(cli, CLI_USAGE, NULL, "\"%s\" cannot be a user's name", cli->args[0]);
    if (status == CLI_DONE)
        status = request_read(cli, cli->args[1], &csr);
    if (status == CLI_DONE)
        status = cli_option(cli, "ca") ? issue_by_files(cli, profile, days, csr, &pem)
                                       : issue_by_server(cli, profile, days, csr, &pem);
    if (status != CLI_DONE && (status != CLI_WAITS || !pem.len))
        return status;
    written = output_pem(cli, cli->arg_count > 2 ? cli->args[2] : NULL, buffer_bytes(&pem));
    return written == CLI_DONE ? status : written;
}

enum cli_exit cmd_cert_issue(struct cli *cli)
{
    const char *profile = cli_option(cli, "profile");

    return issue_certificate(cli, profile ? profile : "signing");
}
