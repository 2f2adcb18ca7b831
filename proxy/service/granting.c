/* SPDX-License-Identifier: Apache-2.0 */
/*
 * granting.c - which principal may use whose token: given, taken back, listed.
 *
 * A grant lets a principal try a PIN and, with it, sign; it never stands for the PIN. What a signer goes by is checked
 * under MACs each time (proxy/access/grants.c); a list shows rows of a user and of a group after the same check, those of
 * a principal as the database has them.
 */
#include "proxy/service/granting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"

/* ------------------------------------------------------------------------------------------------ SetGrant */

static enum reason check_request(struct call *call, const Privyseal__V1__SetGrantRequest *ask)
{
    const char *on = *ask->user ? ask->user : ask->group;
    bool is_one = !*ask->user != !*ask->group;

    if (!is_one || !name_is_valid(bytes_of_text(on)) || !name_is_valid(bytes_of_text(ask->principal)) ||
        ask->bits > GRANT_ALL || (ask->bits && !(ask->bits & GRANT_SEE)))
        return REASON_MALFORMED;
    call->record.token = on;
    snprintf(call->text.note, sizeof(call->text.note), "%s to %s bits=%u", *ask->user ? "user" : "group",
             ask->principal, ask->bits);
    call->record.note = call->text.note;
    return REASON_NONE;
}

static enum reason grant_user(struct service *service, const Privyseal__V1__SetGrantRequest *ask)
{
    CLEANUP(change_clear) struct change change = { 0 };
    struct principal_row principal;
    enum reason reason = change_begin(service, ask->user, &change);

    if (reason == REASON_NOT_PERMITTED)
        return REASON_NOT_FOUND; /* operators may know */
    if (reason == REASON_NONE)
        reason = principal_load(&service->access, ask->principal, &principal);
    if (reason == REASON_NONE)
        reason = grant_put(&service->access, &change.token, principal.id, ask->bits);
    return reason == REASON_NONE ? change_commit(service, &change) : reason;
}

static enum reason grant_group(struct access *access, const Privyseal__V1__SetGrantRequest *ask)
{
    struct principal_row principal;
    struct group_row group;
    enum reason reason = group_load(access, ask->group, &group);

    if (reason == REASON_NONE)
        reason = principal_load(access, ask->principal, &principal);
    return reason == REASON_NONE ? group_grant_put(access, &group, principal.id, ask->bits) : reason;
}

static enum reason grant_group_in_one(struct access *access, const Privyseal__V1__SetGrantRequest *ask)
{
    enum reason reason = refusal_of_store(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    reason = grant_group(access, ask);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(access->store));
    if (reason != REASON_NONE)
        store_rollback(access->store);
    return reason;
}

enum reason handle_SetGrant(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__SetGrantRequest *ask = (const Privyseal__V1__SetGrantRequest *)request;
    enum reason reason = check_request(call, ask);

    (void)reply;
    if (reason != REASON_NONE)
        return reason;
    if (!*ask->user)
        return grant_group_in_one(&service->access, ask);
    reason = grant_user(service, ask);
    if (reason == REASON_NONE)
        notice_tell(service, call, ask->bits ? "grant.given" : "grant.taken", ask->user);
    return reason;
}

/* ---------------------------------------------------------------------------------------------- ListGrants */

/* A list that grows in place: what is there when memory ends is freed with the message that holds it. */
struct grant_list {
    size_t *count;
    Privyseal__V1__GrantInfo **items;
    size_t room;
};

static enum reason list_begin(size_t room, size_t *ret_count, Privyseal__V1__GrantInfo ***ret,
                              struct grant_list *list)
{
    *ret = message_alloc(room * sizeof(**ret));
    *list = (struct grant_list){ .count = ret_count, .items = *ret, .room = room };
    return *ret ? REASON_NONE : REASON_INTERNAL;
}

/* @user or @group is NULL. One that was taken back is not shown. */
static enum reason list_add(struct grant_list *list, const char *principal, const char *user,
                            const char *group, unsigned bits)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__GrantInfo *info;

    if (bits == 0 || *list->count == list->room)
        return REASON_NONE;
    if (message_new(&privyseal__v1__grant_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__GrantInfo *)message;
    info->bits = bits;
    if (message_set_text(&info->principal, principal) < 0 ||
        (user && message_set_text(&info->user, user) < 0) ||
        (group && message_set_text(&info->group, group) < 0))
        return REASON_INTERNAL;
    list->items[(*list->count)++] = (Privyseal__V1__GrantInfo *)TAKE(message);
    return REASON_NONE;
}

enum reason grants_of_group(struct service *service, const struct group_row *group, size_t *ret_count,
                            Privyseal__V1__GrantInfo ***ret)
{
    CLEANUP(free) void *memory = NULL;
    struct group_grant_row *rows = NULL;
    struct grant_list list;
    size_t count = 0;
    enum reason reason = group_grants(&service->access, group, &rows, &count);

    memory = rows;
    if (reason == REASON_NONE)
        reason = list_begin(count, ret_count, ret, &list);
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        struct principal_row principal;

        reason =
            refusal_of_store(store_principal_by_id(service->access.store, rows[i].principal_id, &principal));
        if (reason == REASON_NONE)
            reason = list_add(&list, principal.name, NULL, group->name, rows[i].bits);
    }
    return reason;
}

static enum reason grants_on_user(struct service *service, const char *user,
                                  Privyseal__V1__ListGrantsResponse *answer)
{
    struct store *store = service->access.store;
    CLEANUP(free) void *memory = NULL;
    struct grant_row *rows = NULL;
    struct grant_list list;
    struct token_row token;
    size_t count = 0;
    enum reason reason = token_load(&service->access, user, &token);

    if (reason == REASON_NONE)
        reason = grant_list_checked(&service->access, &token, &rows, &count);
    memory = rows;
    if (reason == REASON_NONE)
        reason = list_begin(count, &answer->n_grant, &answer->grant, &list);
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        struct principal_row principal;

        reason = refusal_of_store(store_principal_by_id(store, rows[i].principal_id, &principal));
        if (reason == REASON_NONE)
            reason = list_add(&list, principal.name, user, NULL, rows[i].bits);
    }
    return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
}

static enum reason list_groups_of(struct store *store, const struct principal_row *principal,
                                  struct grant_list *list)
{
    CLEANUP(free) void *memory = NULL;
    struct group_grant_row *rows = NULL;
    size_t count = 0;
    enum reason reason = refusal_of_store(store_group_grants_of(store, principal->id, &rows, &count));

    memory = rows;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        struct group_row group;

        reason = refusal_of_store(store_group_by_id(store, rows[i].group_id, &group));
        if (reason == REASON_NONE)
            reason = list_add(list, principal->name, NULL, group.name, rows[i].bits);
    }
    return reason;
}

static enum reason list_tokens_of(struct store *store, const struct principal_row *principal,
                                  struct grant_list *list)
{
    CLEANUP(free) void *memory = NULL;
    struct grant_row *rows = NULL;
    size_t count = 0;
    enum reason reason = refusal_of_store(store_grants_of(store, principal->id, &rows, &count));

    memory = rows;
    for (size_t i = 0; reason == REASON_NONE && i < count && *list->count < list->room; i++) {
        struct token_row token;

        reason = refusal_of_store(store_token_by_id(store, rows[i].token_id, &token));
        if (reason == REASON_NONE)
            reason = list_add(list, principal->name, token.name, NULL, rows[i].bits);
    }
    return reason;
}

static enum reason grants_of_principal(struct service *service, const char *name,
                                       Privyseal__V1__ListGrantsResponse *answer)
{
    struct store *store = service->access.store;
    struct principal_row principal;
    struct grant_list list;
    enum reason reason = principal_load(&service->access, name, &principal);

    if (reason == REASON_NONE)
        reason = list_begin(TOKENS_PER_PRINCIPAL_MAX, &answer->n_grant, &answer->grant, &list);
    if (reason == REASON_NONE)
        reason = list_groups_of(store, &principal, &list);
    if (reason == REASON_NONE)
        reason = list_tokens_of(store, &principal, &list);
    answer->more = reason == REASON_NONE && answer->n_grant == TOKENS_PER_PRINCIPAL_MAX;
    return reason;
}

enum reason handle_ListGrants(struct service *service, struct call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *reply)
{
    const Privyseal__V1__ListGrantsRequest *ask = (const Privyseal__V1__ListGrantsRequest *)request;
    Privyseal__V1__ListGrantsResponse *answer = (Privyseal__V1__ListGrantsResponse *)reply;
    unsigned asked = (*ask->principal != '\0') + (*ask->user != '\0') + (*ask->group != '\0');
    const char *name = *ask->principal ? ask->principal : *ask->user ? ask->user : ask->group;
    struct group_row group;
    enum reason reason;

    if (asked != 1 || !name_is_valid(bytes_of_text(name)))
        return REASON_MALFORMED;
    call->record.token = name;
    if (*ask->principal)
        return grants_of_principal(service, name, answer);
    if (*ask->user)
        return grants_on_user(service, name, answer);
    reason = group_load(&service->access, name, &group);
    return reason == REASON_NONE ? grants_of_group(service, &group, &answer->n_grant, &answer->grant)
                                 : reason;
}
