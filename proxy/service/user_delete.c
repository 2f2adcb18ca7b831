/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user_delete.c - the end of a user: the token with all it holds, the user's devices, and every grant that says either.
 *
 * The name is free afterwards, and who gets it next gets nothing with it: ids are never used twice, keys and PIN rows
 * name the token's, and the principal's row goes on under its sequence, disabled, without certificates and grants. The
 * audit logs keep what was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/destroy.h"
#include "proxy/service/handlers.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"
#include "proxy/service/revocation.h"

struct ending {
    struct destroyed destroyed;
    size_t devices, grants;
};

/* Those of others on the token go with its row; they are counted for the record. */
static enum reason count_grants(struct store *store, int64_t token_id, int64_t own_id, struct ending *ending)
{
    struct grant_row *rows = NULL;
    size_t count = 0;
    int r = store_grant_list(store, token_id, &rows, &count);

    for (size_t i = 0; i < count; i++)
        ending->grants += rows[i].bits != 0 && rows[i].principal_id != own_id;
    free(rows);
    return refusal_of_store(r);
}

static enum reason take_back(struct access *access, const struct grant_row *grant)
{
    struct token_row token;
    enum reason reason = token_reload(access, grant->token_id, &token);

    if (reason == REASON_NONE)
        reason = grant_put(access, &token, grant->principal_id, 0);
    return reason == REASON_NONE ? token_save(access, &token) : reason;
}

/* Of the user on other tokens. @token_id: the user's own, which is about to go. */
static enum reason take_back_grants(struct access *access, int64_t principal_id, int64_t token_id,
                                    struct ending *ending)
{
    CLEANUP(free) void *memory = NULL;
    struct grant_row *rows = NULL;
    size_t count = 0;
    enum reason reason = refusal_of_store(store_grants_of(access->store, principal_id, &rows, &count));

    memory = rows;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        if (rows[i].bits == 0 || rows[i].token_id == token_id)
            continue;
        reason = take_back(access, &rows[i]);
        ending->grants++;
    }
    return reason;
}

static enum reason take_back_of_group(struct access *access, const struct group_grant_row *grant)
{
    struct group_row row, group;
    enum reason reason = refusal_of_store(store_group_by_id(access->store, grant->group_id, &row));

    if (reason == REASON_NONE)
        reason = group_load(access, row.name, &group);
    return reason == REASON_NONE ? group_grant_put(access, &group, grant->principal_id, 0) : reason;
}

static enum reason take_back_groups(struct access *access, int64_t principal_id, struct ending *ending)
{
    CLEANUP(free) void *memory = NULL;
    struct group_grant_row *rows = NULL;
    size_t count = 0;
    enum reason reason = refusal_of_store(store_group_grants_of(access->store, principal_id, &rows, &count));

    memory = rows;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        if (rows[i].bits == 0)
            continue;
        reason = take_back_of_group(access, &rows[i]);
        ending->grants++;
    }
    return reason;
}

static enum reason end_principal(struct access *access, const struct token_row *token, struct ending *ending)
{
    struct principal_row principal;
    enum reason reason = principal_load(access, token->name, &principal);

    if (reason == REASON_NONE)
        reason = count_grants(access->store, token->id, principal.id, ending);
    if (reason == REASON_NONE)
        reason = take_back_grants(access, principal.id, token->id, ending);
    if (reason == REASON_NONE)
        reason = take_back_groups(access, principal.id, ending);
    return reason == REASON_NONE ? principal_end(access, &principal, &ending->devices) : reason;
}

/* All rows, in one transaction. @ret: the token as it was. */
static enum reason delete_rows(struct service *service, struct call *call, const char *user,
                               struct token_row *ret, struct ending *ending)
{
    struct access *access = &service->access;
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, user, &change);

    if (reason != REASON_NONE)
        return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
    *ret = change.token;
    reason = revoke_token_certificates(service, &change.token, CRL_CESSATION);
    if (reason == REASON_NONE)
        reason = destroy_contents(service, call, &change.token, &ending->destroyed);
    if (reason == REASON_NONE)
        reason = end_principal(access, &change.token, ending);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_token_delete(access->store, change.token.id, change.token.sequence));
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(access->store));
    if (reason == REASON_NONE)
        change.store = NULL;
    return reason;
}

static void record_ending(struct call *call, const struct ending *ending)
{
    snprintf(call->text.note, sizeof(call->text.note), "keys=%u certificates=%u devices=%zu grants=%zu",
             ending->destroyed.keys, ending->destroyed.certificates, ending->devices, ending->grants);
    call->record.note = call->text.note;
}

enum reason handle_DeleteUser(struct service *service, struct call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *reply)
{
    const Privyseal__V1__DeleteUserRequest *ask = (const Privyseal__V1__DeleteUserRequest *)request;
    Privyseal__V1__DeleteUserResponse *answer = (Privyseal__V1__DeleteUserResponse *)reply;
    struct ending ending = { 0 };
    struct token_row token;
    enum reason reason;

    if (!name_is_valid(bytes_of_text(ask->user)))
        return REASON_MALFORMED;
    call->record.token = ask->user;
    reason = delete_rows(service, call, ask->user, &token, &ending);
    if (reason != REASON_NONE)
        return reason;
    destroy_finish(service, call, &token);
    /* Should somebody put the rows back, this signer at least has seen the end of them. */
    (void)sequences_remember(&service->access.tokens_seen, token.serial, UINT64_MAX);
    record_ending(call, &ending);
    notice_tell(service, call, "user.deleted", ask->user);
    answer->keys = ending.destroyed.keys;
    answer->certificates = ending.destroyed.certificates;
    answer->devices = (uint32_t)ending.devices;
    answer->grants = (uint32_t)ending.grants;
    return REASON_NONE;
}
