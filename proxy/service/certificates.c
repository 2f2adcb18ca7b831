/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates.c - a user's certificates: public, one for each key.
 */
#include <errno.h>
#include <string.h>

#include "proto/certificate.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"
#include "proxy/service/snapshot.h"

/* Which key a certificate is for, by the name every key has: SHA-256 of its SubjectPublicKeyInfo. */
static enum reason name_of_certificate(struct bytes der, uint8_t ret[KEY_NAME_LEN])
{
    CLEANUP(X509_free) X509 *certificate = NULL;
    unsigned char *spki = NULL;
    int len, r = certificate_parse(NULL, der, &certificate);

    if (r < 0)
        return refusal_of_errno(r);
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    if (len <= 0)
        return REASON_MALFORMED;
    r = digest_sha256(NULL, BYTES(spki, (size_t)len), ret);
    OPENSSL_free(spki);
    return r < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason find_key(struct service *service, const struct call *call, const uint8_t *name,
                            struct key_row *ret)
{
    int r = store_key_get(service->access.store, call->token.id, name, ret);

    if (r == -ENOENT)
        return REASON_CERT_MISMATCH;
    return r < 0 ? refusal_of_store(r) : row_check_key(&service->access, ret);
}

static enum reason fill_row(const struct key_row *key, const Privyseal__V1__PutCertificateRequest *ask,
                            int64_t now_ms, struct certificate_row *row)
{
    const char *label = *ask->label ? ask->label : key->label;

    if (!label_is_valid(bytes_of_text(label)))
        return REASON_MALFORMED;
    row->token_id = key->token_id;
    row->created_ms = now_ms;
    strcpy(row->label, label); /* label_is_valid: at most LABEL_MAX_LEN */
    memcpy(row->key_name, key->name, KEY_NAME_LEN);
    buffer_append(&row->der, pack_lend(&ask->der));
    return row->der.failed ? REASON_INTERNAL : REASON_NONE;
}

static enum reason store_certificate(struct service *service, const struct call *call,
                                     struct certificate_row *row)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, call->token.name, &change);

    if (reason == REASON_NONE)
        reason = row_mac_certificate(&service->access, row);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_certificate_put(service->access.store, row));
    return reason == REASON_NONE ? change_commit(service, &change) : reason;
}

static enum reason put(struct service *service, struct call *call, const struct key_row *key,
                       const Privyseal__V1__PutCertificateRequest *ask,
                       Privyseal__V1__PutCertificateResponse *answer)
{
    struct certificate_row row = { 0 };
    enum reason reason = fill_row(key, ask, call->now_ms, &row);

    if (reason == REASON_NONE)
        reason = store_certificate(service, call, &row);
    if (reason == REASON_NONE)
        reason = certificate_info(&row, key, &answer->certificate);
    buffer_clear(&row.der);
    return reason;
}

enum reason handle_PutCertificate(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__PutCertificateRequest *ask = (const Privyseal__V1__PutCertificateRequest *)request;
    Privyseal__V1__PutCertificateResponse *answer = (Privyseal__V1__PutCertificateResponse *)reply;
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    uint8_t name[KEY_NAME_LEN];
    enum reason reason = name_of_certificate(pack_lend(&ask->der), name);

    if (reason != REASON_NONE)
        return reason;
    hex_encode(BYTES_OF_ARRAY(name), call->text.key);
    call->record.key = call->text.key;
    reason = find_key(service, call, name, &key);
    return reason == REASON_NONE ? put(service, call, &key, ask, answer) : reason;
}
