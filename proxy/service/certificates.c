/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates.c - a user's certificates: public, one for each key.
 */
#include <string.h>
#include <openssl/x509v3.h>

#include "proto/certificate.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/put_certificate.h"
#include "proxy/service/refusal.h"
#include "proxy/service/snapshot.h"

enum reason key_of_public_key(struct service *service, int64_t token_id, EVP_PKEY *public_key,
                              struct key_row *ret)
{
    uint8_t name[KEY_NAME_LEN];
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(public_key, &spki), r;
    enum reason reason;

    if (len <= 0)
        return REASON_MALFORMED;
    r = digest_sha256(NULL, BYTES(spki, (size_t)len), name);
    OPENSSL_free(spki);
    if (r < 0)
        return REASON_INTERNAL;
    reason = row_load_key(&service->access, token_id, name, ret);
    return reason == REASON_NOT_FOUND ? REASON_CERT_MISMATCH : reason;
}

/* Whether @issuer signed @certificate and may. RFC 5280 6.1.3 */
static bool has_issued(X509 *issuer, X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return X509_check_issued(issuer, certificate) == X509_V_OK && X509_check_ca(issuer) > 0 && key &&
           X509_verify(certificate, key) == 1;
}

static enum reason fill_chain(const struct certificate_chain *chain, struct buffer *ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *stack = NULL;
    int r = certificate_parse_chain(NULL, chain->ders, chain->count, &stack);

    if (r < 0)
        return refusal_of_errno(r);
    for (int i = 1; i < sk_X509_num(stack); i++) {
        X509 *issuer = sk_X509_value(stack, i);

        if (!has_issued(issuer, sk_X509_value(stack, i - 1)))
            return REASON_MALFORMED;
        if (X509_self_signed(issuer, 0) != 1)
            buffer_append(ret, chain->ders[i]);
    }
    return ret->failed ? REASON_INTERNAL : REASON_NONE;
}

static enum reason fill_row(const struct key_row *key, const struct certificate_chain *chain,
                            const char *label, int64_t now_ms, struct certificate_row *row)
{
    if (!*label)
        label = key->label;
    if (!label_is_valid(bytes_of_text(label)))
        return REASON_MALFORMED;
    row->token_id = key->token_id;
    row->created_ms = now_ms;
    strcpy(row->label, label); /* label_is_valid: at most LABEL_MAX_LEN */
    memcpy(row->key_name, key->name, KEY_NAME_LEN);
    buffer_append(&row->der, chain->ders[0]);
    return row->der.failed ? REASON_INTERNAL : fill_chain(chain, &row->chain);
}

enum reason put_certificate(struct service *service, const struct key_row *key,
                            const struct certificate_chain *chain, const char *label, int64_t now_ms,
                            struct certificate_row *ret)
{
    CLEANUP(certificate_row_clear) struct certificate_row row = { 0 };
    enum reason reason = fill_row(key, chain, label, now_ms, &row);

    if (reason == REASON_NONE)
        reason = row_mac_certificate(&service->access, &row);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_certificate_put(service->access.store, &row));
    if (reason == REASON_NONE && ret) {
        *ret = row;
        row = (struct certificate_row){ 0 };
    }
    return reason;
}

/* ---------------------------------------------------------------------------------------- PutCertificate */

static enum reason put(struct service *service, struct call *call, X509 *certificate,
                       const Privyseal__V1__PutCertificateRequest *ask,
                       Privyseal__V1__PutCertificateResponse *answer)
{
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    CLEANUP(certificate_row_clear) struct certificate_row row = { 0 };
    struct bytes ders[CERTIFICATES_MAX] = { pack_lend(&ask->der) };
    const struct certificate_chain chain = { ders, 1 + ask->n_chain };
    enum reason reason;

    if (chain.count > CERTIFICATES_MAX)
        return REASON_MALFORMED;
    for (size_t i = 1; i < chain.count; i++)
        ders[i] = pack_lend(&ask->chain[i - 1]);
    reason = change_begin(service, call->token.name, &change);

    if (reason == REASON_NONE)
        reason = key_of_public_key(service, change.token.id, X509_get0_pubkey(certificate), &key);
    if (reason != REASON_NONE)
        return reason;
    hex_encode(BYTES_OF_ARRAY(key.name), call->text.key);
    call->record.key = call->text.key;
    reason = put_certificate(service, &key, &chain, ask->label, call->now_ms, &row);
    if (reason == REASON_NONE)
        reason = change_commit(service, &change);
    return reason == REASON_NONE ? certificate_info(&row, &key, &answer->certificate) : reason;
}

enum reason handle_PutCertificate(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__PutCertificateRequest *ask = (const Privyseal__V1__PutCertificateRequest *)request;
    CLEANUP(X509_free) X509 *certificate = NULL;
    int r = certificate_parse(NULL, pack_lend(&ask->der), &certificate);

    if (r < 0)
        return refusal_of_errno(r);
    if (!X509_get0_pubkey(certificate))
        return REASON_MALFORMED;
    return put(service, call, certificate, ask, (Privyseal__V1__PutCertificateResponse *)reply);
}
