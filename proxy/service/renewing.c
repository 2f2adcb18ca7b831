/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewing.c - a user's own renewal: the same names again, for the same key or a new one of the same token.
 *
 * Nothing is decided here that an operator has not decided before: the old certificate says who, and only one that this
 * deployment issued, that is good and near its end, is renewed.
 */
#include <stdio.h>
#include <string.h>
#include <openssl/x509v3.h>

#include "proto/certificate.h"
#include "proto/pack.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/issue.h"
#include "proxy/service/message.h"
#include "proxy/service/put_certificate.h"
#include "proxy/service/refusal.h"

typedef Privyseal__V1__RenewCertificateRequest renew_request;

struct renewal {
    struct service *service;
    struct call *call;
    struct key_row key; /* the new certificate's */
    struct certificate_row old;
    X509 *certificate; /* of old */
    struct issued_row issued;
    struct buffer chain[ISSUE_CHAIN_LEN];
};

static void renewal_clear(struct renewal *renewal)
{
    key_row_clear(&renewal->key);
    certificate_row_clear(&renewal->old);
    X509_free(renewal->certificate);
    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++)
        buffer_clear(&renewal->chain[i]);
}
DEFINE_CLEAR(renewal_clear, struct renewal);

static enum reason load_key(struct renewal *renewal, const ProtobufCBinaryData *name)
{
    enum reason reason;

    if (name->len != KEY_NAME_LEN)
        return REASON_MALFORMED;
    reason = row_load_key(&renewal->service->access, renewal->call->token.id, name->data, &renewal->key);
    return reason == REASON_NOT_FOUND ? REASON_KEY_UNKNOWN : reason;
}

static enum reason load_old(struct renewal *renewal, const ProtobufCBinaryData *name)
{
    struct access *access = &renewal->service->access;
    enum reason reason;

    if (name->len != KEY_NAME_LEN)
        return REASON_MALFORMED;
    reason = row_load_certificate(access, renewal->call->token.id, name->data, &renewal->old);
    if (reason != REASON_NONE)
        return reason == REASON_NOT_FOUND ? REASON_OBJECT_UNKNOWN : reason;
    return refusal_of_errno(certificate_parse(NULL, buffer_bytes(&renewal->old.der), &renewal->certificate));
}

/* Its serial number leads to the row, the row's hash back to it: the user may have put any certificate there. */
static enum reason find_issued(struct renewal *renewal, struct issued_row *ret)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(renewal->certificate), NULL);
    uint8_t serial[ISSUED_SERIAL_LEN], hash[HASH_LEN];
    bool is_ours = number && BN_bn2binpad(number, serial, sizeof(serial)) > 0;
    enum reason reason;

    BN_free(number);
    if (!is_ours)
        return REASON_NO_AUTHORITY;
    reason = issued_load(&renewal->service->access, serial, ret);
    if (reason != REASON_NONE)
        return reason == REASON_NOT_FOUND ? REASON_NO_AUTHORITY : reason;
    if (certificate_hash(NULL, renewal->certificate, hash) < 0)
        return REASON_INTERNAL;
    return memcmp(hash, ret->hash, HASH_LEN) == 0 && ret->token_id == renewal->call->token.id &&
                   ret->profile == ISSUE_DOCUMENT
               ? REASON_NONE
               : REASON_NO_AUTHORITY;
}

/* In the last third of its life, and not after it. */
static enum reason check_time(struct renewal *renewal, const struct issued_row *issued)
{
    int64_t life_ms = issued->not_after_ms - issued->issued_ms, now_ms = renewal->call->now_ms;

    if (issued->revoked_ms) {
        renewal->call->sentence = "The certificate is revoked: an operator issues a new one, or none.";
        return REASON_NOT_PERMITTED;
    }
    if (now_ms >= issued->not_after_ms - life_ms / 3 && now_ms < issued->not_after_ms)
        return REASON_NONE;
    renewal->call->sentence = "A certificate is renewed in the last third of its life, and not after it.";
    return REASON_NOT_PERMITTED;
}

/* The alternative names as issue_certificate() takes them: of those, only addresses of mail are in such certificates. */
static enum reason mail_names(X509 *certificate, char *ret, size_t size)
{
    STACK_OF(OPENSSL_STRING) *mails = X509_get1_email(certificate);
    size_t len = 0;

    ret[0] = '\0';
    for (int i = 0; i < sk_OPENSSL_STRING_num(mails) && len < size; i++)
        len += (size_t)snprintf(ret + len, size - len, "%semail:%s", len ? "," : "",
                                sk_OPENSSL_STRING_value(mails, i));
    X509_email_free(mails);
    return len < size ? REASON_NONE : REASON_MALFORMED;
}

static enum reason issue(struct renewal *renewal)
{
    const unsigned char *spki = renewal->key.spki.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &spki, (long)renewal->key.spki.len);
    char names[ISSUE_NAMES_MAX + 1];
    const struct issue_request request = {
        .profile = ISSUE_DOCUMENT,
        .owner = renewal->call->token.name,
        .token_id = renewal->call->token.id,
        .public_key = key,
        .subject = X509_get_subject_name(renewal->certificate),
        .alt_names = names,
        .days = renewal->service->config->ca_days[ISSUE_DOCUMENT],
        .latest_ms = renewal->key.expires_ms,
    };
    struct issue_request plain = request;
    enum reason reason = key ? mail_names(renewal->certificate, names, sizeof(names)) : REASON_INTERNAL;

    if (!*names)
        plain.alt_names = NULL;
    if (reason == REASON_NONE)
        reason = issue_certificate(renewal->service, &plain, renewal->call->now_ms, renewal->chain,
                                   &renewal->issued);
    EVP_PKEY_free(key);
    return reason;
}

static enum reason put(struct renewal *renewal)
{
    struct bytes ders[ISSUE_CHAIN_LEN];

    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++)
        ders[i] = buffer_bytes(&renewal->chain[i]);
    return put_certificate(renewal->service, &renewal->key,
                           &(struct certificate_chain){ ders, ISSUE_CHAIN_LEN }, renewal->old.label,
                           renewal->call->now_ms, NULL);
}

static enum reason renew(struct renewal *renewal, const renew_request *ask)
{
    struct issued_row issued;
    enum reason reason = load_key(renewal, &ask->key);

    if (reason == REASON_NONE && renewal->key.usage != KEY_SIGNS)
        reason = REASON_KEY_USAGE;
    if (reason == REASON_NONE)
        reason = load_old(renewal, ask->of_key.len ? &ask->of_key : &ask->key);
    if (reason == REASON_NONE)
        reason = find_issued(renewal, &issued);
    if (reason == REASON_NONE)
        reason = check_time(renewal, &issued);
    if (reason == REASON_NONE)
        reason = issue(renewal);
    return reason == REASON_NONE ? put(renewal) : reason;
}

enum reason handle_RenewCertificate(struct service *service, struct call *call,
                                    const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const renew_request *ask = (const renew_request *)request;
    Privyseal__V1__RenewCertificateResponse *answer = (Privyseal__V1__RenewCertificateResponse *)reply;
    CLEANUP(renewal_clear) struct renewal renewal = { .service = service, .call = call };
    CLEANUP(change_clear) struct change change = { 0 };
    char serial[2 * ISSUED_SERIAL_LEN + 1];
    enum reason reason;

    if (!service->config->ca_self_service) {
        call->sentence = "Renewing is the operators' here: ask one.";
        return REASON_NOT_PERMITTED;
    }
    reason = change_begin(service, call->token.name, &change);
    if (reason == REASON_NONE)
        reason = renew(&renewal, ask);
    if (reason == REASON_NONE)
        reason = change_commit(service, &change);
    if (reason != REASON_NONE)
        return reason;
    hex_encode(BYTES_OF_ARRAY(renewal.issued.serial), serial);
    hex_encode(BYTES_OF_ARRAY(renewal.key.name), call->text.key);
    snprintf(call->text.note, sizeof(call->text.note), "serial %s %.100s", serial, renewal.issued.subject);
    call->record.key = call->text.key;
    call->record.note = call->text.note;
    answer->not_after_unix = (uint64_t)renewal.issued.not_after_ms / 1000;
    return message_set_bytes(&answer->der, buffer_bytes(&renewal.chain[0])) < 0 ? REASON_INTERNAL
                                                                                : REASON_NONE;
}
