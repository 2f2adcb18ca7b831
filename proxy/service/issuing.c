/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuing.c - certificates on an operator's word: of servers, of clients, and of users' signing keys.
 *
 * For a user's key the request is no proof that it is the user's, and none is needed: it must be one of the keys that
 * the user's own token holds, which were made in the HSM by the user's own login.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/x509.h>

#include "proto/certificate_make.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proto/pack.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/issue.h"
#include "proxy/service/message.h"
#include "proxy/service/put_certificate.h"
#include "proxy/service/refusal.h"
#include "proxy/service/roles.h"

#define REQUEST_MAX  16384 /* bytes of DER of a certificate request */
#define NAME_DER_MAX 1024  /* bytes of DER of a subject */

DEFINE_CLEANUP(X509_REQ_free, X509_REQ *);
DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);

typedef Privyseal__V1__IssueCertificateRequest issue_ask;

/* One certificate on its way: what was asked, read; what came of it. */
struct issuing {
    struct service *service;
    const struct call *call;
    const issue_ask *ask;
    enum role role; /* the client's */
    X509_REQ *csr;
    X509_NAME *subject;
    struct buffer chain[ISSUE_CHAIN_LEN];
    struct issued_row row;
};

static void issuing_clear(struct issuing *issuing)
{
    X509_REQ_free(issuing->csr);
    X509_NAME_free(issuing->subject);
    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++)
        buffer_clear(&issuing->chain[i]);
}
DEFINE_CLEAR(issuing_clear, struct issuing);

/* ----------------------------------------------------------------------------------------- reading the request */

/* Its signature shows that whoever asks has the private key. RFC 2986 4.2. */
static enum reason read_csr(struct bytes der, X509_REQ **ret)
{
    CLEANUP(X509_REQ_free) X509_REQ *csr = NULL;
    const unsigned char *end = der.data;
    EVP_PKEY *key;

    if (der.len == 0 || der.len > REQUEST_MAX)
        return REASON_MALFORMED;
    csr = d2i_X509_REQ(NULL, &end, (long)der.len);
    key = csr && end == der.data + der.len ? X509_REQ_get0_pubkey(csr) : NULL;
    if (!key || X509_REQ_verify(csr, key) != 1)
        return REASON_MALFORMED;
    *ret = TAKE(csr);
    return REASON_NONE;
}

static enum reason read_subject(struct bytes der, X509_NAME **ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = NULL;
    const unsigned char *end = der.data;

    if (der.len > NAME_DER_MAX)
        return REASON_MALFORMED;
    name = d2i_X509_NAME(NULL, &end, (long)der.len);
    if (!name || end != der.data + der.len)
        return REASON_MALFORMED;
    *ret = TAKE(name);
    return REASON_NONE;
}

/* [ca] subject with the user's name for each %u; a name has neither slash nor percent sign to confuse it. */
static enum reason subject_of_template(const char *template, const char *owner, X509_NAME **ret)
{
    CLEANUP(buffer_clear) struct buffer text = { .limit = NAME_DER_MAX };
    CLEANUP(free_string) char *why = NULL;
    const char *mark;

    for (; (mark = strstr(template, "%u")); template = mark + 2) {
        buffer_append(&text, BYTES(template, mark - template));
        buffer_append_text(&text, owner);
    }
    buffer_append_text(&text, template);
    buffer_append_u8(&text, '\0');
    if (text.failed)
        return REASON_MALFORMED;
    return certificate_parse_subject((const char *)text.data, ret, &why) < 0 ? REASON_MALFORMED : REASON_NONE;
}

/* Who a principal is, its name says; what a signature says of a person, the operator does. */
static enum reason choose_subject(struct issuing *issuing)
{
    const issue_ask *ask = issuing->ask;
    bool is_document = ask->profile == PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_DOCUMENT;

    if (ask->subject.len && !is_document)
        return REASON_MALFORMED;
    if (ask->subject.len)
        return read_subject(pack_lend(&ask->subject), &issuing->subject);
    return subject_of_template(is_document ? issuing->service->config->ca_subject : "/CN=%u", ask->owner,
                               &issuing->subject);
}

static enum reason read_ask(struct issuing *issuing)
{
    const issue_ask *ask = issuing->ask;
    enum reason reason;

    issuing->role = role_of_word(ask->role);
    if ((ask->profile == PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_CLIENT) != (issuing->role != ROLE_NONE))
        return REASON_MALFORMED;
    if (!name_is_valid(bytes_of_text(ask->owner)))
        return REASON_MALFORMED;
    reason = read_csr(pack_lend(&ask->request), &issuing->csr);
    return reason == REASON_NONE ? choose_subject(issuing) : reason;
}

/* ----------------------------------------------------------------------------------- one profile, one function */

static enum reason issue(struct issuing *issuing, enum issue_profile profile, int64_t token_id,
                         int64_t latest_ms)
{
    const issue_ask *ask = issuing->ask;
    const struct issue_request request = {
        .profile = profile,
        .owner = ask->owner,
        .token_id = token_id,
        .public_key = X509_REQ_get0_pubkey(issuing->csr),
        .subject = issuing->subject,
        .alt_names = *ask->alt_names ? ask->alt_names : NULL,
        .days = ask->days ? ask->days : issuing->service->config->ca_days[profile],
        .latest_ms = latest_ms,
    };

    return issue_certificate(issuing->service, &request, issuing->call->now_ms, issuing->chain,
                             &issuing->row);
}

static enum reason issue_server(struct issuing *issuing)
{
    return issue(issuing, ISSUE_SERVER, 0, 0);
}

/* A device's goes with its user's token: what is revoked there is revoked here. 0: a principal without one. */
static enum reason token_of(struct issuing *issuing, int64_t *ret)
{
    struct token_row token;
    enum reason reason = token_load(&issuing->service->access, issuing->ask->owner, &token);

    *ret = reason == REASON_NONE ? token.id : 0;
    return reason == REASON_NOT_PERMITTED ? REASON_NONE : reason;
}

static enum reason issue_client(struct issuing *issuing)
{
    struct access *access = &issuing->service->access;
    struct principal_certificate_row certificate = { .role = issuing->role };
    struct principal_row principal;
    int64_t token_id;
    enum reason reason = principal_find(access, issuing->ask->owner, role_makes_principal(issuing->role),
                                        issuing->call->now_ms, &principal);

    if (reason == REASON_NONE)
        reason = token_of(issuing, &token_id);
    if (reason == REASON_NONE)
        reason = issue(issuing, ISSUE_CLIENT, token_id, 0);
    if (reason != REASON_NONE)
        return reason;
    certificate.not_after_ms = issuing->row.not_after_ms;
    memcpy(certificate.hash, issuing->row.hash, HASH_LEN);
    return principal_add_certificate(access, &principal, &certificate);
}

/* In a transaction of its own, as the token's version grows. */
static enum reason issue_document(struct issuing *issuing)
{
    struct service *service = issuing->service;
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    struct bytes ders[ISSUE_CHAIN_LEN];
    enum reason reason = change_begin(service, issuing->ask->owner, &change);

    if (reason != REASON_NONE)
        return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
    if (!change.token.enabled)
        return REASON_DISABLED;
    reason = key_of_public_key(service, change.token.id, X509_REQ_get0_pubkey(issuing->csr), &key);
    if (reason == REASON_NONE && key.usage != KEY_SIGNS)
        reason = REASON_KEY_USAGE;
    if (reason == REASON_NONE)
        reason = issue(issuing, ISSUE_DOCUMENT, change.token.id, key.expires_ms);
    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++)
        ders[i] = buffer_bytes(&issuing->chain[i]);
    if (reason == REASON_NONE)
        reason = put_certificate(service, &key, &(struct certificate_chain){ ders, ISSUE_CHAIN_LEN },
                                 issuing->ask->label, issuing->call->now_ms, NULL);
    return reason == REASON_NONE ? change_commit(service, &change) : reason;
}

static enum reason in_transaction(struct issuing *issuing, enum reason (*step)(struct issuing *issuing))
{
    struct store *store = issuing->service->access.store;
    enum reason reason = refusal_of_store(store_begin(store));

    if (reason != REASON_NONE)
        return reason;
    reason = step(issuing);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(store));
    if (reason != REASON_NONE)
        store_rollback(store);
    return reason;
}

static enum reason issue_by_profile(struct issuing *issuing)
{
    switch (issuing->ask->profile) {
    case PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_DOCUMENT:
        return issue_document(issuing);
    case PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_CLIENT:
        return in_transaction(issuing, issue_client);
    case PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_SERVER:
        return in_transaction(issuing, issue_server);
    default:
        return REASON_MALFORMED;
    }
}

/* ------------------------------------------------------------------------------------------------- the answer */

static enum reason fill_answer(const struct issuing *issuing, Privyseal__V1__IssueCertificateResponse *answer)
{
    answer->not_after_unix = (uint64_t)issuing->row.not_after_ms / 1000;
    answer->chain = message_alloc(ISSUE_CHAIN_LEN * sizeof(*answer->chain));
    if (!answer->chain || message_set_bytes(&answer->serial, BYTES_OF_ARRAY(issuing->row.serial)) < 0)
        return REASON_INTERNAL;
    for (; answer->n_chain < ISSUE_CHAIN_LEN; answer->n_chain++)
        if (message_set_bytes(&answer->chain[answer->n_chain],
                              buffer_bytes(&issuing->chain[answer->n_chain])) < 0)
            return REASON_INTERNAL;
    return REASON_NONE;
}

/* Serial number and subject: what an auditor compares with what the operator says was issued. */
static void record_issued(struct call *call, const struct issued_row *row)
{
    char serial[2 * ISSUED_SERIAL_LEN + 1];

    hex_encode(BYTES_OF_ARRAY(row->serial), serial);
    hex_encode(BYTES_OF_ARRAY(row->key_name), call->text.key);
    snprintf(call->text.note, sizeof(call->text.note), "serial %s %.100s", serial, row->subject);
    call->record.key = call->text.key;
    call->record.note = call->text.note;
}

enum reason handle_IssueCertificate(struct service *service, struct call *call,
                                    const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const issue_ask *ask = (const issue_ask *)request;
    CLEANUP(issuing_clear) struct issuing issuing = { .service = service, .call = call, .ask = ask };
    enum reason reason = read_ask(&issuing);

    if (reason != REASON_NONE)
        return reason;
    call->record.token = ask->owner;
    reason = issue_by_profile(&issuing);
    if (reason != REASON_NONE)
        return reason;
    record_issued(call, &issuing.row);
    return fill_answer(&issuing, (Privyseal__V1__IssueCertificateResponse *)reply);
}
