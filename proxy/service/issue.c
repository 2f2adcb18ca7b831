/* SPDX-License-Identifier: Apache-2.0 */
/* issue.c - from a request that was agreed to, to a certificate and its row. */
#include "proxy/service/issue.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <openssl/x509.h>

#include "proto/certificate.h"
#include "proto/certificate_make.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proxy/service/ca.h"

#define DAY_S             86400
#define SECURITY_BITS_MIN 112 /* RSA-2048, P-224: what clients and signers accept in chains */

static const struct {
    enum authority authority;
    const struct certificate_usage *usage;
} profiles[ISSUE_PROFILES] = {
    [ISSUE_SERVER] = { AUTHORITY_DEVICE, &certificate_usage_server },
    [ISSUE_CLIENT] = { AUTHORITY_DEVICE, &certificate_usage_client },
    [ISSUE_DOCUMENT] = { AUTHORITY_DOCUMENT, &certificate_usage_document },
};

static enum reason check(const struct issue_request *request)
{
    const char *names = request->alt_names;

    if (request->days == 0 || request->days > ISSUE_DAYS_MAX || !name_is_valid(bytes_of_text(request->owner)))
        return REASON_MALFORMED;
    if (X509_NAME_entry_count(request->subject) == 0 ||
        EVP_PKEY_get_security_bits(request->public_key) < SECURITY_BITS_MIN)
        return REASON_MALFORMED;
    if (names && (strlen(names) > ISSUE_NAMES_MAX || !certificate_alt_names_valid(names)))
        return REASON_MALFORMED;
    return REASON_NONE;
}

static enum reason end_of(const struct issue_request *request, const struct ca *ca, int64_t now_unix,
                          int64_t *ret_unix)
{
    int64_t end = now_unix + (int64_t)request->days * DAY_S, last;
    struct tm until;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(ca->certificate), &until) != 1)
        return REASON_INTERNAL;
    last = timegm(&until);
    end = end < last ? end : last;
    if (request->latest_ms && end > request->latest_ms / 1000)
        end = request->latest_ms / 1000;
    if (end <= now_unix)
        return REASON_NO_AUTHORITY; /* its own certificate, or the key, has come to its end */
    *ret_unix = end;
    return REASON_NONE;
}

static enum reason make(const struct issue_request *request, const struct ca *ca, int64_t now_ms,
                        struct certificate_plan *plan, X509 **ret)
{
    enum reason reason = end_of(request, ca, now_ms / 1000, &plan->until_unix);
    int r;

    if (reason != REASON_NONE)
        return reason;
    plan->usage = profiles[request->profile].usage;
    plan->public_key = request->public_key;
    plan->subject = request->subject;
    plan->issuer = ca->certificate;
    plan->issuer_key = ca->key;
    plan->now_unix = now_ms / 1000;
    plan->alt_names = request->alt_names;
    if (*ca->ocsp_url) {
        plan->crl_url = ca->crl_url;
        plan->ocsp_url = ca->ocsp_url;
        plan->issuer_url = ca->issuer_url;
    }
    r = certificate_serial(plan->serial);
    if (r == 0)
        r = certificate_make(plan, ret);
    if (r == -EINVAL)
        return REASON_MALFORMED;
    return r == -EIO ? REASON_HSM : r < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason name_of_key(EVP_PKEY *key, uint8_t ret[KEY_NAME_LEN])
{
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(key, &spki), r;

    if (len <= 0)
        return REASON_MALFORMED;
    r = digest_sha256(NULL, BYTES(spki, (size_t)len), ret);
    OPENSSL_free(spki);
    return r < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason fill_row(const struct issue_request *request, const struct certificate_plan *plan,
                            X509 *certificate, struct issued_row *row)
{
    *row = (struct issued_row){
        .authority = profiles[request->profile].authority,
        .profile = request->profile,
        .token_id = request->token_id,
        .issued_ms = plan->now_unix * 1000,
        .not_after_ms = plan->until_unix * 1000,
    };
    memcpy(row->serial, plan->serial, sizeof(row->serial));
    strcpy(row->owner, request->owner); /* a valid name: at most NAME_MAX_LEN */
    if (certificate_name_text(request->subject, row->subject, sizeof(row->subject)) < 0)
        return REASON_MALFORMED;
    if (certificate_hash(NULL, certificate, row->hash) < 0)
        return REASON_INTERNAL;
    return name_of_key(request->public_key, row->key_name);
}

static enum reason put_chain(X509 *certificate, const struct ca *ca, struct buffer chain[ISSUE_CHAIN_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    if (len <= 0)
        return REASON_INTERNAL;
    buffer_append(&chain[0], BYTES(der, (size_t)len));
    buffer_append(&chain[1], buffer_bytes(&ca->der));
    OPENSSL_free(der);
    return chain[0].failed || chain[1].failed ? REASON_INTERNAL : REASON_NONE;
}

enum reason issue_certificate(struct service *service, const struct issue_request *request, int64_t now_ms,
                              struct buffer ret_chain[ISSUE_CHAIN_LEN], struct issued_row *ret_row)
{
    const struct ca *ca = ca_find(service, profiles[request->profile].authority);
    CLEANUP(X509_free) X509 *certificate = NULL;
    struct certificate_plan plan = { 0 };
    struct issued_row row;
    enum reason reason = ca ? check(request) : REASON_NO_AUTHORITY;

    if (reason == REASON_NONE)
        reason = make(request, ca, now_ms, &plan, &certificate);
    if (reason == REASON_NONE)
        reason = fill_row(request, &plan, certificate, &row);
    if (reason == REASON_NONE)
        reason = issued_insert(&service->access, &row);
    if (reason == REASON_NONE)
        reason = put_chain(certificate, ca, ret_chain);
    if (reason == REASON_NONE && ret_row)
        *ret_row = row;
    return reason;
}
