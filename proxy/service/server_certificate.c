/* SPDX-License-Identifier: Apache-2.0 */
/* server_certificate.c - what the old certificate says is all the new one may say. */
#include "proxy/service/server_certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "proto/certificate.h"
#include "proxy/service/issue.h"

DEFINE_CLEANUP(BIO_free_all, BIO *);
DEFINE_CLEANUP(GENERAL_NAMES_free, GENERAL_NAMES *);

static int read_chain(struct bytes pem, STACK_OF(X509) **ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = sk_X509_new_null();
    CLEANUP(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *certificate;

    if (!chain || !bio)
        return -ENOMEM;
    while (sk_X509_num(chain) < CERTIFICATES_MAX && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        if (!sk_X509_push(chain, certificate)) {
            X509_free(certificate);
            return -ENOMEM;
        }
    if (sk_X509_num(chain) == 0)
        return -EBADMSG;
    *ret = TAKE(chain);
    return 0;
}

/* "DNS:sign.example.org" or "IP:192.0.2.1"; other kinds are left out, as no client looks at them. */
static void append_name(const GENERAL_NAME *name, struct buffer *ret)
{
    const ASN1_STRING *text = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    char address[INET6_ADDRSTRLEN];
    bool is_v6;

    if (name->type != GEN_DNS && name->type != GEN_IPADD)
        return;
    buffer_append_text(ret, ret->len ? "," : "");
    buffer_append_text(ret, name->type == GEN_DNS ? "DNS:" : "IP:");
    if (name->type == GEN_DNS) {
        buffer_append(ret, BYTES(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)));
        return;
    }
    is_v6 = ASN1_STRING_length(text) == sizeof(struct in6_addr);
    if (inet_ntop(is_v6 ? AF_INET6 : AF_INET, ASN1_STRING_get0_data(text), address, sizeof(address)))
        buffer_append_text(ret, address);
}

static void read_names(X509 *certificate, struct buffer *ret)
{
    CLEANUP(GENERAL_NAMES_free)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++)
        append_name(sk_GENERAL_NAME_value(names, i), ret);
    buffer_append_u8(ret, '\0');
}

static enum reason append_pem(const struct buffer chain[ISSUE_CHAIN_LEN], struct buffer *ret)
{
    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++) {
        CLEANUP(X509_free) X509 *certificate = NULL;
        CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
        char *text;
        long len;

        if (!bio || certificate_parse(NULL, buffer_bytes(&chain[i]), &certificate) < 0 ||
            !PEM_write_bio_X509(bio, certificate))
            return REASON_INTERNAL;
        len = BIO_get_mem_data(bio, &text);
        buffer_append(ret, BYTES(text, (size_t)len));
    }
    return ret->failed ? REASON_INTERNAL : REASON_NONE;
}

static enum reason issue(struct service *service, X509 *former, int64_t now_ms, struct buffer *ret,
                         char note[2 * HASH_LEN + 8])
{
    CLEANUP(buffer_clear) struct buffer names = { 0 }, leaf = { 0 }, issuer = { 0 };
    struct buffer chain[ISSUE_CHAIN_LEN] = { { 0 } };
    struct issue_request request = { .profile = ISSUE_SERVER,
                                     .owner = "server",
                                     .public_key = X509_get0_pubkey(former),
                                     .subject = X509_get_subject_name(former),
                                     .days = service->config->ca_days[ISSUE_SERVER] };
    struct issued_row row;
    enum reason reason;

    read_names(former, &names);
    if (names.failed || !request.public_key)
        return REASON_INTERNAL;
    request.alt_names = names.len > 1 ? (const char *)names.data : NULL;
    reason = issue_certificate(service, &request, now_ms, chain, &row);
    leaf = chain[0];
    issuer = chain[1];
    if (reason == REASON_NONE)
        hex_encode(BYTES_OF_ARRAY(row.hash), note);
    return reason == REASON_NONE ? append_pem(chain, ret) : reason;
}

static enum reason record(struct service *service, enum reason reason, const char *note)
{
    struct audit_record record = { .event = "server.renew",
                                   .result = reason_row(reason)->word,
                                   .request_id = "",
                                   .client_request_id = "",
                                   .principal = "server",
                                   .certificate = "",
                                   .peer = "",
                                   .token = "",
                                   .key = "",
                                   .mechanism = "",
                                   .digest = "",
                                   .note = note };

    return audit_append(service->audit, &record) < 0 ? REASON_AUDIT : reason;
}

enum reason server_certificate_renew(struct service *service, struct bytes pem, int64_t now_ms,
                                     struct buffer *ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    char note[2 * HASH_LEN + 8] = "";
    const char *why = NULL;
    enum reason reason = REASON_MALFORMED;

    if (read_chain(pem, &chain) < 0)
        return reason;
    reason = certificate_check(NULL, chain, service->client_trust, CERTIFICATE_SERVER,
                               (uint64_t)now_ms / 1000, &why) < 0
                 ? REASON_CERT_MISMATCH
                 : issue(service, sk_X509_value(chain, 0), now_ms, ret, note);
    return record(service, reason, note);
}
