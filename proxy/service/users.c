/* SPDX-License-Identifier: Apache-2.0 */
/*
 * users.c - what operators do to users. None of it yields a signature: a user without an unlocked token has no keys,
 * and an operator never learns a PIN.
 */
#include <stdio.h>
#include <string.h>

#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/device_info.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/policies.h"
#include "proxy/service/refusal.h"
#include "proxy/service/revocation.h"
#include "proxy/service/roles.h"
#include "proxy/service/snapshot.h"

/* The user an operator's call is about stands in the record where a token's name does: they are one. */
static enum reason record_user(struct call *call, const char *user)
{
    if (!name_is_valid(bytes_of_text(user)))
        return REASON_MALFORMED;
    call->record.token = user;
    return REASON_NONE;
}

/* Operators may know what does not exist. */
static enum reason load_user(struct service *service, struct call *call, const char *user,
                             struct token_row *ret)
{
    enum reason reason = record_user(call, user);

    if (reason == REASON_NONE)
        reason = token_load(&service->access, user, ret);
    return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
}

/* -------------------------------------------------------------------------------------- ListUsers, ShowUser */

static enum reason fill_info(struct service *service, const struct call *call, const struct token_row *token,
                             const struct contents *contents, Privyseal__V1__UserInfo *info)
{
    uint32_t retry_after_ms;
    enum reason reason;

    info->enabled = token->enabled;
    info->custody = (Privyseal__V1__Custody)token->custody;
    info->keys = (uint32_t)contents->key_count;
    info->certificates = (uint32_t)contents->certificate_count;
    info->created_unix = (uint64_t)token->created_ms / 1000;
    if (message_set_text(&info->user, token->name) < 0)
        return REASON_INTERNAL;
    reason = attempt_state(&service->access, token, NULL, call->now_ms, &info->pin_state, &retry_after_ms,
                           &info->failures);
    if (reason == REASON_NONE && token->pin_version == 0)
        info->pin_state = PRIVYSEAL__V1__PIN_STATE__PIN_STATE_NOT_SET;
    return reason;
}

static enum reason make_info(struct service *service, const struct call *call, const struct token_row *token,
                             const struct contents *contents, Privyseal__V1__UserInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    enum reason reason;

    if (message_new(&privyseal__v1__user_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    reason = fill_info(service, call, token, contents, (Privyseal__V1__UserInfo *)message);
    if (reason == REASON_NONE)
        *ret = (Privyseal__V1__UserInfo *)TAKE(message);
    return reason;
}

static enum reason list_user(struct service *service, struct call *call, const struct token_row *token,
                             Privyseal__V1__ListUsersResponse *answer)
{
    CLEANUP(contents_clear) struct contents contents = { 0 };
    enum reason reason = row_check_token(&service->access, token);

    if (reason == REASON_NONE)
        reason = contents_load(service, token->id, &contents);
    if (reason == REASON_NONE)
        reason = make_info(service, call, token, &contents, &answer->user[answer->n_user]);
    if (reason == REASON_NONE)
        answer->n_user++;
    else
        snprintf(call->text.note, sizeof(call->text.note), "at %s", token->name);
    return reason;
}

static enum reason make_filter(struct service *service, const Privyseal__V1__ListUsersRequest *ask,
                               struct token_filter *ret)
{
    struct group_row group = { 0 };
    enum reason reason = *ask->group ? group_load(&service->access, ask->group, &group) : REASON_NONE;

    *ret = (struct token_filter){
        .is_locked = ask->locked,
        .is_disabled = ask->disabled,
        .has_no_pin = ask->no_pin,
        .group_id = group.id,
    };
    return reason;
}

enum reason handle_ListUsers(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__ListUsersRequest *ask = (const Privyseal__V1__ListUsersRequest *)request;
    Privyseal__V1__ListUsersResponse *answer = (Privyseal__V1__ListUsersResponse *)reply;
    CLEANUP(free) void *memory = NULL;
    struct token_row *rows = NULL;
    unsigned limit = ask->limit ? ask->limit : 100;
    struct token_filter filter;
    enum reason reason;
    size_t count = 0;

    if (limit > 1000)
        return REASON_MALFORMED;
    reason = make_filter(service, ask, &filter);
    if (reason == REASON_NONE)
        reason = refusal_of_store(
            store_token_search(service->access.store, ask->after, limit + 1, &filter, &rows, &count));
    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    answer->more = count > limit;
    count = count > limit ? limit : count;
    answer->user = message_alloc(count * sizeof(*answer->user));
    if (!answer->user)
        return REASON_INTERNAL;
    call->record.note = call->text.note;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++)
        reason = list_user(service, call, &rows[i], answer);
    return reason;
}

static enum reason load_devices(struct access *access, const char *user,
                                struct principal_certificate_row **ret_rows, size_t *ret_count)
{
    struct principal_row principal;
    enum reason reason = principal_load(access, user, &principal);

    return reason == REASON_NONE ? principal_certificates(access, &principal, ret_rows, ret_count) : reason;
}

static enum reason fill_devices(struct service *service, const char *user,
                                Privyseal__V1__ShowUserResponse *answer)
{
    CLEANUP(free) void *memory = NULL;
    struct principal_certificate_row *rows = NULL;
    size_t count = 0;
    enum reason reason = load_devices(&service->access, user, &rows, &count);

    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    return device_infos(rows, count, BYTES_NONE, &answer->n_device, &answer->device);
}

enum reason handle_ShowUser(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__ShowUserRequest *ask = (const Privyseal__V1__ShowUserRequest *)request;
    Privyseal__V1__ShowUserResponse *answer = (Privyseal__V1__ShowUserResponse *)reply;
    CLEANUP(contents_clear) struct contents contents = { 0 };
    struct token_row token;
    enum reason reason = load_user(service, call, ask->user, &token);

    if (reason == REASON_NONE)
        reason = contents_load(service, token.id, &contents);
    if (reason == REASON_NONE)
        reason = make_info(service, call, &token, &contents, &answer->info);
    if (reason == REASON_NONE)
        reason = contents_keys(&contents, &answer->n_key, &answer->key);
    if (reason == REASON_NONE)
        reason = contents_certificates(&contents, &answer->n_certificate, &answer->certificate);
    if (reason != REASON_NONE)
        return reason;
    answer->policy = policy_message(&token.policy);
    answer->factor = (Privyseal__V1__SecondFactor)token.factor;
    return answer->policy ? fill_devices(service, ask->user, answer) : REASON_INTERNAL;
}

/* -------------------------------------------------------------------------------- SetUserEnabled, UnlockPin */

static enum reason enable_principal(struct access *access, const char *user, bool is_enabled)
{
    struct principal_row principal;
    enum reason reason = principal_load(access, user, &principal);

    if (reason != REASON_NONE)
        return reason;
    principal.enabled = is_enabled;
    return principal_save(access, &principal);
}

static enum reason store_enabled(struct service *service, const char *user, bool is_enabled,
                                 int64_t *ret_token_id)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, user, &change);

    if (reason == REASON_NONE)
        reason = enable_principal(&service->access, user, is_enabled);
    if (reason == REASON_NONE) /* on hold, as long as the user is */
        reason =
            revoke_token_certificates(service, &change.token, is_enabled ? CRL_REMOVE_FROM_CRL : CRL_HOLD);
    if (reason != REASON_NONE)
        return reason;
    *ret_token_id = change.token.id;
    change.token.enabled = is_enabled;
    return change_commit(service, &change);
}

enum reason handle_SetUserEnabled(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__SetUserEnabledRequest *ask = (const Privyseal__V1__SetUserEnabledRequest *)request;
    int64_t token_id = 0;
    enum reason reason = record_user(call, ask->user);

    (void)reply;
    call->record.note = ask->enabled ? "enabled" : "disabled";
    if (reason == REASON_NONE)
        reason = store_enabled(service, ask->user, ask->enabled, &token_id);
    if (reason == REASON_NOT_PERMITTED)
        return REASON_NOT_FOUND; /* no such token, and operators may know */
    if (reason != REASON_NONE)
        return reason;
    if (!ask->enabled)
        leases_sweep(service->leases, call->now_ms, token_id);
    notice_tell(service, call, ask->enabled ? "user.enabled" : "user.disabled", ask->user);
    return REASON_NONE;
}

enum reason handle_UnlockPin(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__UnlockPinRequest *ask = (const Privyseal__V1__UnlockPinRequest *)request;
    Privyseal__V1__UnlockPinResponse *answer = (Privyseal__V1__UnlockPinResponse *)reply;
    uint32_t retry_after_ms, failures;
    struct token_row token;
    enum reason reason = load_user(service, call, ask->user, &token);

    if (reason == REASON_NONE)
        reason = attempt_state(&service->access, &token, NULL, call->now_ms, &answer->pin_state,
                               &retry_after_ms, &failures);
    if (reason == REASON_NONE)
        reason = attempt_clear(&service->access, &token);
    if (reason == REASON_NONE)
        notice_tell(service, call, "pin.unlocked", ask->user);
    return reason;
}
