/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crl.c - the list of revoked certificates: made by whichever signer first needs a new one, stored, and served by all,
 * so that one number names one list. RFC 5280 5.
 */
#include <errno.h>
#include <string.h>
#include <openssl/x509v3.h>

#include "proto/digest.h"
#include "proxy/service/ca_status.h"
#include "proxy/service/refusal.h"

#define HOUR_MS 3600000

DEFINE_CLEANUP(X509_CRL_free, X509_CRL *);

static bool add_reason(X509_REVOKED *entry, uint32_t reason)
{
    ASN1_ENUMERATED *code;
    bool is_added;

    if (reason == CRL_UNSPECIFIED)
        return true; /* is left out. RFC 5280 5.3.1 */
    code = ASN1_ENUMERATED_new();
    is_added = code && ASN1_ENUMERATED_set(code, (long)reason) &&
               X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, code, 0, 0) == 1;
    ASN1_ENUMERATED_free(code);
    return is_added;
}

static bool add_entry(X509_CRL *crl, const struct issued_row *row)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *since = ASN1_TIME_set(NULL, (time_t)(row->revoked_ms / 1000));
    BIGNUM *number = BN_bin2bn(row->serial, ISSUED_SERIAL_LEN, NULL);
    ASN1_INTEGER *serial = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    bool is_filled = entry && since && serial && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
                     X509_REVOKED_set_revocationDate(entry, since) == 1 && add_reason(entry, row->crl_reason);
    bool is_added = is_filled && X509_CRL_add0_revoked(crl, entry) == 1;

    if (!is_added)
        X509_REVOKED_free(entry);
    ASN1_TIME_free(since);
    BN_free(number);
    ASN1_INTEGER_free(serial);
    return is_added;
}

static bool set_times(X509_CRL *crl, int64_t now_ms, int64_t until_ms)
{
    ASN1_TIME *since = ASN1_TIME_set(NULL, (time_t)(now_ms / 1000));
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(until_ms / 1000));
    bool is_set = since && until && X509_CRL_set1_lastUpdate(crl, since) == 1 &&
                  X509_CRL_set1_nextUpdate(crl, until) == 1;

    ASN1_TIME_free(since);
    ASN1_TIME_free(until);
    return is_set;
}

static bool add_extensions(X509_CRL *crl, X509 *issuer, uint64_t number)
{
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    X509_EXTENSION *extension;
    X509V3_CTX context;
    bool is_added = value && ASN1_INTEGER_set_uint64(value, number) == 1 &&
                    X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1;

    ASN1_INTEGER_free(value);
    X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    is_added = is_added && extension && X509_CRL_add_ext(crl, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

/* @row says number and end. Errors: REASON_HSM, REASON_INTERNAL. */
static enum reason make_crl(const struct ca *ca, const struct authority_row *row,
                            const struct issued_row *rows, size_t count, int64_t now_ms, struct buffer *ret)
{
    CLEANUP(X509_CRL_free) X509_CRL *crl = X509_CRL_new();
    unsigned char *der = NULL;
    int len;

    if (!crl || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) != 1 ||
        !set_times(crl, now_ms, row->crl_until_ms) || !add_extensions(crl, ca->certificate, row->crl_number))
        return REASON_INTERNAL;
    for (size_t i = 0; i < count; i++)
        if (!add_entry(crl, &rows[i]))
            return REASON_INTERNAL;
    if (X509_CRL_sort(crl) != 1)
        return REASON_INTERNAL;
    if (X509_CRL_sign(crl, ca->key, EVP_sha256()) == 0)
        return REASON_HSM;
    len = i2d_X509_CRL(crl, &der);
    if (len <= 0)
        return REASON_INTERNAL;
    buffer_append(ret, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return ret->failed ? REASON_INTERNAL : REASON_NONE;
}

static bool is_fresh(const struct service *service, const struct authority_row *row, int64_t now_ms)
{
    return row->crl_until_ms > now_ms + (int64_t)service->config->ca_crl_hours * HOUR_MS / 2;
}

/* ------------------------------------------------------------------------------------------------- a new list */

static enum reason store_crl(struct service *service, struct authority_row *row, struct bytes der)
{
    int r = digest_sha256(NULL, der, row->crl_hash);

    if (r < 0)
        return REASON_INTERNAL;
    r = store_crl_put(service->access.store, row->authority, der);
    return r < 0 ? refusal_of_store(r) : authority_save(&service->access, row);
}

/* Inside a transaction, where another signer may have been faster: then there is nothing to do. */
static enum reason renew(struct service *service, const struct ca *ca, int64_t now_ms)
{
    CLEANUP(buffer_clear) struct buffer der = { 0 };
    CLEANUP(free) void *memory = NULL;
    struct issued_row *rows = NULL;
    struct authority_row row;
    size_t count = 0;
    enum reason reason = authority_load(&service->access, ca->authority, &row);

    if (reason != REASON_NONE || is_fresh(service, &row, now_ms))
        return reason;
    reason = issued_revoked(&service->access, &row, &rows, &count);
    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    row.crl_number++;
    row.crl_until_ms = now_ms + (int64_t)service->config->ca_crl_hours * HOUR_MS;
    reason = make_crl(ca, &row, rows, count, now_ms, &der);
    return reason == REASON_NONE ? store_crl(service, &row, buffer_bytes(&der)) : reason;
}

static enum reason renew_in_transaction(struct service *service, const struct ca *ca, int64_t now_ms)
{
    struct store *store = service->access.store;
    enum reason reason = refusal_of_store(store_begin(store));

    if (reason != REASON_NONE)
        return reason;
    reason = renew(service, ca, now_ms);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(store));
    if (reason != REASON_NONE)
        store_rollback(store);
    return reason == REASON_NONE ? ca_status_refresh(service, ca) : reason;
}

/* The stored one, if it is the one the row names: an old list, though signed, is none. */
static enum reason read_crl(struct service *service, struct ca_status *status)
{
    uint8_t hash[HASH_LEN];
    int r;

    buffer_clear(&status->crl);
    status->crl_number = 0;
    r = store_crl_get(service->access.store, status->row.authority, &status->crl);
    if (r < 0)
        return r == -ENOENT ? REASON_INTEGRITY : refusal_of_store(r);
    if (digest_sha256(NULL, buffer_bytes(&status->crl), hash) < 0)
        return REASON_INTERNAL;
    if (memcmp(hash, status->row.crl_hash, HASH_LEN) != 0)
        return REASON_INTEGRITY;
    status->crl_number = status->row.crl_number;
    return REASON_NONE;
}

enum reason ca_status_crl(struct service *service, const struct ca *ca, int64_t now_ms, struct bytes *ret,
                          int64_t *ret_until_ms)
{
    struct ca_status *status = ca->status;
    enum reason reason = ca_status_refresh(service, ca);

    if (reason == REASON_NONE && !is_fresh(service, &status->row, now_ms))
        reason = renew_in_transaction(service, ca, now_ms);
    if (reason == REASON_NONE && status->crl_number != status->row.crl_number)
        reason = read_crl(service, status);
    if (reason != REASON_NONE)
        return reason;
    *ret = buffer_bytes(&status->crl);
    *ret_until_ms = status->row.crl_until_ms;
    return REASON_NONE;
}
