/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices.c - whose TLS certificate is whose: the root of every decision about callers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "proto/certificate.h"
#include "proto/name.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"
#include "proxy/service/roles.h"

struct role_row {
    enum role role;
    const char *word;
    bool makes_principal;
};

static const struct role_row role_rows[] = {
    { ROLE_DEVICE, "device", false },    { ROLE_APPLICATION, "application", true },
    { ROLE_OPERATOR, "operator", true }, { ROLE_AUDITOR, "auditor", true },
    { ROLE_OFFICER, "officer", true },
};

const char *role_word(enum role role)
{
    const struct role_row *row;

    for (EACH_ROW(row, role_rows))
        if (row->role == role)
            return row->word;
    return "none";
}

enum role role_of_word(const char *word)
{
    const struct role_row *row;

    for (EACH_ROW(row, role_rows))
        if (strcmp(row->word, word) == 0)
            return row->role;
    return ROLE_NONE;
}

bool role_makes_principal(enum role role)
{
    const struct role_row *row;

    for (EACH_ROW(row, role_rows))
        if (row->role == role)
            return row->makes_principal;
    return false;
}

/* The certificate, then what may lie between it and the client CA: the operator's own issuers, normally. */
static int make_chain(struct call *call, X509 *certificate, STACK_OF(X509) **ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = sk_X509_new_null();

    if (!chain || !X509_add_cert(chain, certificate, X509_ADD_FLAG_UP_REF))
        return -ENOMEM;
    for (int i = 1; i < sk_X509_num(call->presented); i++)
        if (!X509_add_cert(chain, sk_X509_value(call->presented, i), X509_ADD_FLAG_UP_REF))
            return -ENOMEM;
    *ret = TAKE(chain);
    return 0;
}

/* Registering what the front would never let in only looks like access: so it has to chain to the client CA. */
static enum reason check_certificate(struct service *service, struct call *call, X509 *certificate)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    const char *why = NULL;

    if (make_chain(call, certificate, &chain) < 0)
        return REASON_INTERNAL;
    if (certificate_check(NULL, chain, service->client_trust, CERTIFICATE_CLIENT,
                          (uint64_t)call->now_ms / 1000, &why) == 0)
        return REASON_NONE;
    call->sentence = why;
    return REASON_CERT_MISMATCH;
}

static enum reason fill_row(X509 *certificate, enum role role, struct principal_certificate_row *row)
{
    struct tm until;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) != 1)
        return REASON_MALFORMED;
    row->role = role;
    row->not_after_ms = (int64_t)timegm(&until) * 1000;
    return certificate_hash(NULL, certificate, row->hash) < 0 ? REASON_INTERNAL : REASON_NONE;
}

/* Asked twice, because an answer was lost, the second finds done what it wants. */
static enum reason already_there(struct access *access, const struct principal_row *principal, int64_t now_ms,
                                 const struct principal_certificate_row *row)
{
    struct caller found;
    enum reason reason = identity_find(access, BYTES_OF_ARRAY(row->hash), now_ms, &found);

    if (reason != REASON_NONE)
        return reason;
    return found.is_known && found.principal.id == principal->id && found.certificate.role == row->role
               ? REASON_NONE
               : REASON_ALREADY_EXISTS;
}

static enum reason register_certificate(struct access *access, const char *name, int64_t now_ms,
                                        struct principal_certificate_row *row)
{
    struct principal_row principal;
    enum reason reason = principal_find(access, name, role_makes_principal(row->role), now_ms, &principal);

    if (reason == REASON_NONE)
        reason = principal_add_certificate(access, &principal, row);
    return reason == REASON_ALREADY_EXISTS ? already_there(access, &principal, now_ms, row) : reason;
}

static enum reason store_certificate(struct access *access, const char *name, int64_t now_ms,
                                     struct principal_certificate_row *row)
{
    struct store *store = access->store;
    enum reason reason = refusal_of_store(store_begin(store));

    if (reason != REASON_NONE)
        return reason;
    reason = register_certificate(access, name, now_ms, row);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(store));
    if (reason != REASON_NONE)
        store_rollback(store);
    return reason;
}

enum reason handle_AddCertificate(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__AddCertificateRequest *ask = (const Privyseal__V1__AddCertificateRequest *)request;
    Privyseal__V1__AddCertificateResponse *answer = (Privyseal__V1__AddCertificateResponse *)reply;
    CLEANUP(X509_free) X509 *certificate = NULL;
    struct principal_certificate_row row = { 0 };
    enum role role = role_of_word(ask->role);
    enum reason reason;
    int r;

    if (role == ROLE_NONE || !name_is_valid(bytes_of_text(ask->principal)))
        return REASON_MALFORMED;
    call->record.token = ask->principal;
    r = certificate_parse(NULL, pack_lend(&ask->der), &certificate);
    reason = r < 0 ? refusal_of_errno(r) : check_certificate(service, call, certificate);
    if (reason == REASON_NONE)
        reason = fill_row(certificate, role, &row);
    if (reason != REASON_NONE)
        return reason;
    hex_encode(BYTES_OF_ARRAY(row.hash), call->text.key);
    snprintf(call->text.note, sizeof(call->text.note), "%s %s", role_word(role), call->text.key);
    call->record.note = call->text.note;
    reason = store_certificate(&service->access, ask->principal, call->now_ms, &row);
    if (reason != REASON_NONE)
        return reason;
    return message_set_bytes(&answer->fingerprint, BYTES_OF_ARRAY(row.hash)) < 0 ? REASON_INTERNAL
                                                                                 : REASON_NONE;
}
