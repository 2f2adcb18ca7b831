/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operators.c - those who run the deployment: operators, officers, auditors. They come into being with their first
 * certificate (AddCertificate); what is left is to see them, and to stop one.
 */
#include <stdlib.h>
#include <string.h>

#include "include/table.h"
#include "proto/name.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"
#include "proxy/service/roles.h"

#define LISTED_MAX 1000

static const enum role offices[] = { ROLE_OPERATOR, ROLE_OFFICER, ROLE_AUDITOR };

/* A principal and what it is registered for. */
struct holder {
    struct principal_row principal;
    struct principal_certificate_row *rows;
    size_t count;
};

static void holder_clear(struct holder *holder)
{
    free(holder->rows);
}
DEFINE_CLEAR(holder_clear, struct holder);

static enum reason holder_load(struct access *access, const char *name, struct holder *ret)
{
    enum reason reason = principal_load(access, name, &ret->principal);

    return reason == REASON_NONE ? principal_certificates(access, &ret->principal, &ret->rows, &ret->count)
                                 : reason;
}

/* Whether it has, or with @when_ms 0 ever had, a certificate of @role; until when the last of them is good. */
static bool has_role(const struct holder *holder, enum role role, int64_t when_ms, int64_t *ret_until_ms)
{
    bool is_found = false;

    for (size_t i = 0; i < holder->count; i++) {
        const struct principal_certificate_row *row = &holder->rows[i];

        if (row->role != role || (when_ms && (row->revoked || row->not_after_ms <= when_ms)))
            continue;
        is_found = true;
        if (row->not_after_ms > *ret_until_ms)
            *ret_until_ms = row->not_after_ms;
    }
    return is_found;
}

/* ------------------------------------------------------------------------------------------ ListOperators */

static enum reason fill_roles(const struct holder *holder, int64_t now_ms, Privyseal__V1__OperatorInfo *info)
{
    int64_t until_ms = 0;

    info->role = message_alloc(ARRAY_SIZE(offices) * sizeof(*info->role));
    if (!info->role)
        return REASON_INTERNAL;
    for (size_t i = 0; i < ARRAY_SIZE(offices); i++) {
        if (!has_role(holder, offices[i], now_ms, &until_ms))
            continue;
        if (message_set_text(&info->role[info->n_role], role_word(offices[i])) < 0)
            return REASON_INTERNAL;
        info->n_role++;
    }
    info->not_after_unix = (uint64_t)until_ms / 1000;
    return REASON_NONE;
}

static enum reason make_info(struct access *access, const char *name, int64_t now_ms,
                             Privyseal__V1__OperatorInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    CLEANUP(holder_clear) struct holder holder = { 0 };
    enum reason reason = holder_load(access, name, &holder);
    Privyseal__V1__OperatorInfo *info;

    if (reason != REASON_NONE)
        return reason;
    if (message_new(&privyseal__v1__operator_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__OperatorInfo *)message;
    info->enabled = holder.principal.enabled;
    info->created_unix = (uint64_t)holder.principal.created_ms / 1000;
    if (message_set_text(&info->name, name) < 0)
        return REASON_INTERNAL;
    reason = fill_roles(&holder, now_ms, info);
    if (reason == REASON_NONE)
        *ret = (Privyseal__V1__OperatorInfo *)TAKE(message);
    return reason;
}

static bool is_listed(const Privyseal__V1__ListOperatorsResponse *answer, const char *name)
{
    for (size_t i = 0; i < answer->n_operator_; i++)
        if (strcmp(answer->operator_[i]->name, name) == 0)
            return true;
    return false;
}

static enum reason list_role(struct service *service, const struct call *call, enum role role,
                             Privyseal__V1__ListOperatorsResponse *answer)
{
    char(*names)[NAME_MAX_LEN + 1] = NULL;
    CLEANUP(free) void *memory = NULL;
    enum reason reason = REASON_NONE;
    size_t count = 0;
    int r = store_principals_of_role(service->access.store, role, &names, &count);

    memory = names;
    if (r < 0)
        return refusal_of_store(r);
    for (size_t i = 0; reason == REASON_NONE && i < count && answer->n_operator_ < LISTED_MAX; i++) {
        if (is_listed(answer, names[i]))
            continue;
        reason = make_info(&service->access, names[i], call->now_ms, &answer->operator_[answer->n_operator_]);
        answer->n_operator_ += reason == REASON_NONE;
    }
    return reason;
}

enum reason handle_ListOperators(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    Privyseal__V1__ListOperatorsResponse *answer = (Privyseal__V1__ListOperatorsResponse *)reply;
    enum reason reason = REASON_NONE;

    (void)request;
    answer->operator_ = message_alloc(LISTED_MAX * sizeof(*answer->operator_));
    if (!answer->operator_)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < ARRAY_SIZE(offices); i++)
        reason = list_role(service, call, offices[i], answer);
    return reason;
}

/* ------------------------------------------------------------------------------------- SetOperatorEnabled */

static bool holds_office(const struct holder *holder)
{
    int64_t until_ms = 0;

    for (size_t i = 0; i < ARRAY_SIZE(offices); i++)
        if (has_role(holder, offices[i], 0, &until_ms))
            return true;
    return false;
}

static enum reason set_enabled(struct access *access, const char *name, bool is_enabled)
{
    CLEANUP(holder_clear) struct holder holder = { 0 };
    enum reason reason = holder_load(access, name, &holder);

    if (reason == REASON_NONE && !holds_office(&holder))
        reason = REASON_NOT_FOUND; /* a user: there are other calls for those */
    if (reason != REASON_NONE)
        return reason;
    holder.principal.enabled = is_enabled;
    return principal_save(access, &holder.principal);
}

static enum reason store_enabled(struct access *access, const char *name, bool is_enabled)
{
    enum reason reason = refusal_of_store(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    reason = set_enabled(access, name, is_enabled);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(access->store));
    if (reason != REASON_NONE)
        store_rollback(access->store);
    return reason;
}

enum reason handle_SetOperatorEnabled(struct service *service, struct call *call,
                                      const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Privyseal__V1__SetOperatorEnabledRequest *ask =
        (const Privyseal__V1__SetOperatorEnabledRequest *)request;

    (void)reply;
    if (!name_is_valid(bytes_of_text(ask->name)))
        return REASON_MALFORMED;
    call->record.token = ask->name;
    call->record.note = ask->enabled ? "enabled" : "disabled";
    if (!ask->enabled && strcmp(ask->name, call->caller.principal.name) == 0) {
        call->sentence =
            "Nobody disables himself, so that an operator is always left; another operator does.";
        return REASON_NOT_PERMITTED;
    }
    return store_enabled(&service->access, ask->name, ask->enabled);
}
