/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsp.c - answers about one certificate each, signed by its authority's own key. RFC 6960, in the lightweight form of
 * RFC 5019: one question a request, no nonce in the answer, so that answers can be kept.
 */
#include <errno.h>
#include <string.h>
#include <openssl/ocsp.h>

#include "proto/digest.h"
#include "proxy/service/ca_status.h"

#define REQUEST_MAX 2048 /* bytes; one with a nonce has about 150 */
#define MINUTE_MS   60000

DEFINE_CLEANUP(OCSP_REQUEST_free, OCSP_REQUEST *);
DEFINE_CLEANUP(OCSP_RESPONSE_free, OCSP_RESPONSE *);
DEFINE_CLEANUP(OCSP_BASICRESP_free, OCSP_BASICRESP *);
DEFINE_CLEANUP(OCSP_CERTID_free, OCSP_CERTID *);

/* What is known of the certificate that was asked about. */
struct verdict {
    int status, reason; /* V_OCSP_CERTSTATUS_*, CRLReason */
    int64_t since_ms;
};

static enum reason append_response(OCSP_RESPONSE *response, struct buffer *ret)
{
    unsigned char *der = NULL;
    int len = response ? i2d_OCSP_RESPONSE(response, &der) : 0;

    if (len <= 0)
        return REASON_INTERNAL;
    buffer_append(ret, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return ret->failed ? REASON_INTERNAL : REASON_NONE;
}

/* Unsigned, as the standard has it: it says nothing about any certificate. RFC 6960 2.3 (Exception Cases) */
static enum reason refuse(int status, struct buffer *ret)
{
    CLEANUP(OCSP_RESPONSE_free) OCSP_RESPONSE *response = OCSP_response_create(status, NULL);

    return append_response(response, ret);
}

/* ----------------------------------------------------------------------------------------------- the question */

/* The one certificate asked about; lent by the request. NULL: more or fewer, or nonsense. */
static OCSP_CERTID *parse(struct bytes der, OCSP_REQUEST **ret)
{
    const unsigned char *end = der.data;

    if (der.len == 0 || der.len > REQUEST_MAX)
        return NULL;
    *ret = d2i_OCSP_REQUEST(NULL, &end, (long)der.len);
    if (!*ret || end != der.data + der.len || OCSP_request_onereq_count(*ret) != 1)
        return NULL;
    return OCSP_onereq_get0_id(OCSP_request_onereq_get0(*ret, 0));
}

static bool is_issuer(const struct ca *ca, OCSP_CERTID *id, const EVP_MD *md)
{
    CLEANUP(OCSP_CERTID_free)
    OCSP_CERTID *ours = OCSP_cert_id_new(md, X509_get_subject_name(ca->certificate),
                                         X509_get0_pubkey_bitstr(ca->certificate), NULL);

    return ours && OCSP_id_issuer_cmp(ours, id) == 0;
}

static const struct ca *issuer_of(const struct service *service, OCSP_CERTID *id)
{
    ASN1_OBJECT *algorithm;
    const EVP_MD *md;

    if (OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id) != 1 || !(md = EVP_get_digestbyobj(algorithm)))
        return NULL;
    for (int i = 0; i < AUTHORITIES; i++) {
        const struct ca *ca = ca_find(service, (enum authority)i);

        if (ca && is_issuer(ca, id, md))
            return ca;
    }
    return NULL;
}

static bool serial_of(OCSP_CERTID *id, uint8_t ret[ISSUED_SERIAL_LEN])
{
    ASN1_INTEGER *serial;
    BIGNUM *number;
    bool is_ours;

    if (OCSP_id_get0_info(NULL, NULL, NULL, &serial, id) != 1)
        return false;
    number = ASN1_INTEGER_to_BN(serial, NULL);
    is_ours = number && !BN_is_negative(number) && BN_bn2binpad(number, ret, ISSUED_SERIAL_LEN) > 0;
    BN_free(number);
    return is_ours;
}

/* ------------------------------------------------------------------------------------------------- the answer */

/* A serial number that was never given out is unknown, as one whose row is gone: never good. */
static enum reason judge(struct service *service, const struct ca *ca, OCSP_CERTID *id, struct verdict *ret)
{
    uint8_t serial[ISSUED_SERIAL_LEN];
    const struct issued_row *revoked;
    struct issued_row row;
    enum reason reason;

    *ret = (struct verdict){ .status = V_OCSP_CERTSTATUS_UNKNOWN };
    if (!serial_of(id, serial))
        return REASON_NONE;
    reason = issued_load(&service->access, serial, &row);
    if (reason != REASON_NONE || row.authority != ca->authority)
        return reason == REASON_NOT_FOUND ? REASON_NONE : reason;
    revoked = ca_status_revoked(ca->status, serial);
    if (!revoked && row.revoked_ms)
        revoked = &row; /* a moment ago */
    if (!revoked) {
        ret->status = V_OCSP_CERTSTATUS_GOOD;
        return REASON_NONE;
    }
    *ret = (struct verdict){ V_OCSP_CERTSTATUS_REVOKED,
                             revoked->crl_reason == CRL_UNSPECIFIED ? OCSP_REVOKED_STATUS_NOSTATUS
                                                                    : (int)revoked->crl_reason,
                             revoked->revoked_ms };
    return REASON_NONE;
}

static bool add_verdict(OCSP_BASICRESP *basic, OCSP_CERTID *id, const struct verdict *verdict, int64_t now_ms,
                        int64_t until_ms)
{
    bool is_revoked = verdict->status == V_OCSP_CERTSTATUS_REVOKED;
    ASN1_TIME *since = is_revoked ? ASN1_TIME_set(NULL, (time_t)(verdict->since_ms / 1000)) : NULL;
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)(now_ms / 1000));
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(until_ms / 1000));
    bool is_added = now && until && (since || !is_revoked) &&
                    OCSP_basic_add1_status(basic, id, verdict->status, verdict->reason, since, now, until);

    ASN1_TIME_free(since);
    ASN1_TIME_free(now);
    ASN1_TIME_free(until);
    return is_added;
}

static enum reason answer(const struct ca *ca, OCSP_CERTID *id, const struct verdict *verdict, int64_t now_ms,
                          int64_t until_ms, struct buffer *ret)
{
    CLEANUP(OCSP_BASICRESP_free) OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    CLEANUP(OCSP_RESPONSE_free) OCSP_RESPONSE *response = NULL;

    if (!basic || !add_verdict(basic, id, verdict, now_ms, until_ms))
        return REASON_INTERNAL;
    if (OCSP_basic_sign(basic, ca->certificate, ca->key, EVP_sha256(), NULL,
                        OCSP_NOCERTS | OCSP_RESPID_KEY) != 1)
        return REASON_HSM;
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    return append_response(response, ret);
}

/* The question without what differs from asker to asker: a nonce, a signature. */
static int hash_of(OCSP_CERTID *id, uint8_t ret[HASH_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_OCSP_CERTID(id, &der), r;

    if (len <= 0)
        return -ENOMEM;
    r = digest_sha256(NULL, BYTES(der, (size_t)len), ret);
    OPENSSL_free(der);
    return r;
}

static enum reason keep_answer(struct service *service, const struct ca *ca, OCSP_CERTID *id, int64_t now_ms,
                               struct ocsp_slot *slot)
{
    struct verdict verdict;
    enum reason reason = judge(service, ca, id, &verdict);
    int64_t until_ms = now_ms + (int64_t)service->config->ca_ocsp_minutes * MINUTE_MS;

    buffer_clear(&slot->answer);
    slot->until_ms = 0;
    if (reason == REASON_NONE)
        reason = answer(ca, id, &verdict, now_ms, until_ms, &slot->answer);
    if (reason == REASON_NONE)
        slot->until_ms = until_ms;
    return reason;
}

static enum reason answer_from_slot(struct service *service, const struct ca *ca, OCSP_CERTID *id,
                                    int64_t now_ms, struct buffer *ret, int64_t *ret_until_ms)
{
    int64_t margin_ms = (int64_t)service->config->ca_ocsp_minutes * MINUTE_MS / 2;
    uint8_t question[HASH_LEN];
    struct ocsp_slot *slot;
    enum reason reason = REASON_NONE;

    if (hash_of(id, question) < 0)
        return REASON_INTERNAL;
    slot = &ca->status->slots[question[0] % OCSP_SLOTS];
    if (memcmp(slot->question, question, HASH_LEN) != 0 || slot->until_ms < now_ms + margin_ms) {
        memcpy(slot->question, question, HASH_LEN);
        reason = keep_answer(service, ca, id, now_ms, slot);
    }
    if (reason != REASON_NONE)
        return reason;
    buffer_append(ret, buffer_bytes(&slot->answer));
    *ret_until_ms = slot->until_ms;
    return ret->failed ? REASON_INTERNAL : REASON_NONE;
}

enum reason ca_status_ocsp(struct service *service, struct bytes request, int64_t now_ms, struct buffer *ret,
                           int64_t *ret_until_ms)
{
    CLEANUP(OCSP_REQUEST_free) OCSP_REQUEST *parsed = NULL;
    OCSP_CERTID *id = parse(request, &parsed);
    const struct ca *ca = id ? issuer_of(service, id) : NULL;
    enum reason reason;

    *ret_until_ms = now_ms;
    if (!id)
        return refuse(OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, ret);
    if (!ca)
        return refuse(OCSP_RESPONSE_STATUS_UNAUTHORIZED, ret);
    reason = ca_status_refresh(service, ca);
    return reason == REASON_NONE ? answer_from_slot(service, ca, id, now_ms, ret, ret_until_ms) : reason;
}
