/* SPDX-License-Identifier: Apache-2.0 */
/*
 * officers.c - what officers see and give. A share alone is a random number; the signer checks it against the digest
 * that the user's client left, and keeps it under a key of the HSM's until the user finishes, cancels or is late.
 */
#include "proxy/service/officers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/certificate.h"
#include "proxy/hsm/row_seal.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/recovery.h"
#include "proxy/service/refusal.h"

#define PAGE_MAX 100

/* ------------------------------------------------------------------------------------------------ the file */

static int keep_certificate(struct officers *officers, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der), r;

    if (len <= 0)
        return -ENOMEM;
    buffer_append(&officers->certificate[officers->count], BYTES(der, (size_t)len));
    OPENSSL_free(der);
    r = certificate_hash(NULL, certificate, officers->hash[officers->count]);
    return officers->certificate[officers->count++].failed ? -ENOMEM : r;
}

int officers_load_file(const char *path, struct officers *ret, char **why)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    int r;

    if (!path)
        return 0;
    r = certificate_load_file(NULL, path, &chain);
    if (r == 0 && sk_X509_num(chain) > 2 * OFFICERS_MAX)
        r = -E2BIG;
    for (int i = 0; r == 0 && i < sk_X509_num(chain); i++)
        r = keep_certificate(ret, sk_X509_value(chain, i));
    if (r < 0 && asprintf(why, "cannot read the officers' certificates in %s: %s", path, strerror(-r)) < 0)
        *why = NULL;
    return r;
}

void officers_clear(struct officers *officers)
{
    for (size_t i = 0; i < officers->count; i++)
        buffer_clear(&officers->certificate[i]);
    officers->count = 0;
}

bool officers_have(const struct officers *officers, struct bytes hash)
{
    for (size_t i = 0; i < officers->count; i++)
        if (bytes_equal(hash, BYTES_OF_ARRAY(officers->hash[i])))
            return true;
    return false;
}

/* ------------------------------------------------------------------------------------------- shares at rest */

struct officer_quorum recovery_quorum(const struct service *service, const struct token_row *token,
                                      const struct quorum_row *row)
{
    return (struct officer_quorum){ service->config->realm, token->name, BYTES_OF_ARRAY(row->name),
                                    row->needed };
}

/* The request is what opens it: random, and gone with the request. */
static struct context given_context(const char *label, const struct service *service,
                                    const struct token_row *token, const struct quorum_row *quorum,
                                    const struct share_row *row)
{
    struct context context = context_of(label);

    context_text(&context, service->config->realm);
    context_text(&context, token->name);
    context_bytes(&context, BYTES_OF_ARRAY(quorum->name));
    context_bytes(&context, BYTES_OF_ARRAY(quorum->request));
    context_number(&context, row->number);
    context_number(&context, row->kd_epoch);
    return context;
}

enum reason recovery_share_seal(struct service *service, const struct token_row *token,
                                const struct quorum_row *quorum, struct bytes share, struct share_row *row)
{
    row->kd_epoch = hsm_epoch_derive(service->access.hsm); /* part of both contexts */

    CLEANUP(context_clear)
    struct context purpose = given_context("privyseal v1 given share", service, token, quorum, row);
    CLEANUP(context_clear)
    struct context aad = given_context("privyseal v1 given share row", service, token, quorum, row);
    struct row_seal seal = { row->kd_epoch, BYTES_OF_ARRAY(quorum->request), &purpose, &aad, row->nonce };

    row->given.len = 0;
    return refusal_of_rv(row_seal(service->access.hsm, &seal, share, &row->given));
}

enum reason recovery_share_open(struct service *service, const struct token_row *token,
                                const struct quorum_row *quorum, const struct share_row *row,
                                struct secret **ret)
{
    CLEANUP(context_clear)
    struct context purpose = given_context("privyseal v1 given share", service, token, quorum, row);
    CLEANUP(context_clear)
    struct context aad = given_context("privyseal v1 given share row", service, token, quorum, row);
    struct row_seal seal = { row->kd_epoch, BYTES_OF_ARRAY(quorum->request), &purpose, &aad,
                             (uint8_t *)row->nonce };
    CK_RV rv = row_open(service->access.hsm, &seal, buffer_bytes(&row->given), ret);

    return rv == CKR_ENCRYPTED_DATA_INVALID ? REASON_INTEGRITY : refusal_of_rv(rv);
}

/* ------------------------------------------------------------------------------------------ ListRecoveries */

static enum reason make_share(const struct share_row *row, Privyseal__V1__QuorumShare **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__QuorumShare *share;

    if (message_new(&privyseal__v1__quorum_share__descriptor, &message) < 0)
        return REASON_INTERNAL;
    share = (Privyseal__V1__QuorumShare *)message;
    share->number = row->number;
    if (message_set_bytes(&share->officer, BYTES_OF_ARRAY(row->officer)) < 0 ||
        message_set_text(&share->name, row->name) < 0 ||
        message_set_bytes(&share->digest, BYTES_OF_ARRAY(row->digest)) < 0 ||
        message_set_bytes(&share->sealed, buffer_bytes(&row->sealed)) < 0)
        return REASON_INTERNAL;
    *ret = (Privyseal__V1__QuorumShare *)TAKE(message);
    return REASON_NONE;
}

static enum reason fill_pending(const struct recovery *recovery, const char *user,
                                Privyseal__V1__PendingRecovery *pending)
{
    enum reason reason = recovery_info(recovery, &pending->info);

    pending->place = recovery->quorum.id;
    pending->share = message_alloc(recovery->share_count * sizeof(*pending->share));
    if (!pending->share || message_set_text(&pending->user, user) < 0 ||
        message_set_bytes(&pending->name, BYTES_OF_ARRAY(recovery->quorum.name)) < 0)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < recovery->share_count; i++) {
        reason = make_share(&recovery->shares[i], &pending->share[i]);
        pending->n_share += reason == REASON_NONE;
    }
    return reason;
}

/* One that is over by now is nobody's business; it stays until the next one takes its place. */
static enum reason list_pending(struct service *service, struct call *call, int64_t token_id,
                                Privyseal__V1__ListRecoveriesResponse *answer)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    struct token_row token;
    enum reason reason = token_reload(&service->access, token_id, &token);

    if (reason == REASON_NONE)
        reason = recovery_load(&service->access, &token, &recovery);
    if (reason != REASON_NONE || !recovery_is_pending(&recovery.quorum, call->now_ms))
        return reason;
    if (message_new(&privyseal__v1__pending_recovery__descriptor, &message) < 0)
        return REASON_INTERNAL;
    reason = fill_pending(&recovery, token.name, (Privyseal__V1__PendingRecovery *)message);
    if (reason == REASON_NONE)
        answer->pending[answer->n_pending++] = (Privyseal__V1__PendingRecovery *)TAKE(message);
    return reason;
}

enum reason handle_ListRecoveries(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__ListRecoveriesRequest *ask = (const Privyseal__V1__ListRecoveriesRequest *)request;
    Privyseal__V1__ListRecoveriesResponse *answer = (Privyseal__V1__ListRecoveriesResponse *)reply;
    unsigned limit = ask->limit ? ask->limit : PAGE_MAX;
    CLEANUP(free) void *memory = NULL;
    struct quorum_row *rows = NULL;
    enum reason reason = REASON_NONE;
    size_t count = 0;
    int r;

    if (limit > PAGE_MAX)
        return REASON_MALFORMED;
    r = store_quorum_list(service->access.store, ask->after, limit + 1, &rows, &count);
    memory = rows;
    if (r < 0)
        return refusal_of_store(r);
    answer->more = count > limit;
    count = count > limit ? limit : count;
    answer->pending = message_alloc(count * sizeof(*answer->pending));
    if (!answer->pending)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++)
        reason = list_pending(service, call, rows[i].token_id, answer);
    return reason;
}

/* ----------------------------------------------------------------------------------------- ContributeShare */

static struct share_row *find_share(struct recovery *recovery, uint32_t number)
{
    for (size_t i = 0; i < recovery->share_count; i++)
        if (recovery->shares[i].number == number)
            return &recovery->shares[i];
    return NULL;
}

/* One officer, one share: with two keys in one hand the quorum would be smaller than it looks. */
static bool gave_another(const struct recovery *recovery, const struct share_row *share, int64_t principal_id)
{
    for (size_t i = 0; i < recovery->share_count; i++)
        if (recovery->shares[i].given_by == principal_id && &recovery->shares[i] != share)
            return true;
    return false;
}

static enum reason check_share(const struct service *service, const struct call *call,
                               const struct recovery *recovery, uint32_t number, struct bytes share,
                               const struct share_row *row)
{
    const struct officer_quorum quorum = recovery_quorum(service, &call->token, &recovery->quorum);
    uint8_t digest[HASH_LEN];

    if (share.len != OFFICER_SHARE_LEN || !row)
        return REASON_SHARE_INCORRECT;
    if (gave_another(recovery, row, call->caller.principal.id))
        return REASON_NOT_PERMITTED;
    if (officer_share_digest(NULL, &quorum, number, share, digest) < 0)
        return REASON_INTERNAL;
    return secret_equal(BYTES_OF_ARRAY(digest), BYTES_OF_ARRAY(row->digest)) ? REASON_NONE
                                                                             : REASON_SHARE_INCORRECT;
}

static enum reason take_share(struct service *service, const struct call *call,
                              const Privyseal__V1__ContributeShareRequest *ask, struct recovery *recovery)
{
    struct share_row *row = find_share(recovery, ask->number);
    struct bytes share = pack_lend(&ask->share);
    enum reason reason;

    if (!recovery_is_pending(&recovery->quorum, call->now_ms) ||
        !bytes_equal(pack_lend(&ask->request), BYTES_OF_ARRAY(recovery->quorum.request)))
        return REASON_RECOVERY_UNKNOWN;
    reason = check_share(service, call, recovery, ask->number, share, row);
    if (reason == REASON_NONE)
        reason = recovery_share_seal(service, &call->token, &recovery->quorum, share, row);
    if (reason != REASON_NONE)
        return reason;
    row->given_by = call->caller.principal.id;
    return refusal_of_store(store_share_update(service->access.store, row));
}

static void fill_count(const struct recovery *recovery, Privyseal__V1__ContributeShareResponse *answer)
{
    answer->needed = recovery->quorum.needed;
    answer->from_unix = (uint64_t)recovery->quorum.from_ms / 1000;
    for (size_t i = 0; i < recovery->share_count; i++)
        answer->given += recovery->shares[i].given_by != 0;
}

enum reason handle_ContributeShare(struct service *service, struct call *call,
                                   const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Privyseal__V1__ContributeShareRequest *ask = (const Privyseal__V1__ContributeShareRequest *)request;
    Privyseal__V1__ContributeShareResponse *answer = (Privyseal__V1__ContributeShareResponse *)reply;
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = call->has_token ? REASON_NONE : REASON_MALFORMED;

    if (reason == REASON_NONE)
        reason = recovery_change_begin(service, call, &change, &recovery);
    if (reason == REASON_NONE)
        reason = take_share(service, call, ask, &recovery);
    if (reason == REASON_NONE)
        reason = recovery_change_commit(service, &change);
    if (reason != REASON_NONE)
        return reason;
    fill_count(&recovery, answer);
    snprintf(call->text.note, sizeof(call->text.note), "share %u, %u of %u", ask->number, answer->given,
             answer->needed);
    call->record.note = call->text.note;
    notice_tell(service, call, "recovery.share", call->token.name);
    return REASON_NONE;
}
