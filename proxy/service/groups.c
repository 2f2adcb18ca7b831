/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups.c - groups of tokens: made, filled, shown, removed. A group stands in the record where a token's name does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/name.h"
#include "proxy/service/granting.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX     1000

static enum reason record_group(struct call *call, const char *group)
{
    if (!name_is_valid(bytes_of_text(group)))
        return REASON_MALFORMED;
    call->record.token = group;
    return REASON_NONE;
}

/* A transaction in which a group's row is read anew. */
struct group_change {
    struct store *store; /* NULL: none open */
    struct group_row group;
};

static enum reason group_change_begin(struct access *access, const char *name, struct group_change *ret)
{
    enum reason reason = refusal_of_store(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    ret->store = access->store;
    return group_load(access, name, &ret->group);
}

static enum reason group_change_commit(struct group_change *change)
{
    enum reason reason = refusal_of_store(store_commit(change->store));

    if (reason == REASON_NONE)
        change->store = NULL;
    return reason;
}

static void group_change_clear(struct group_change *change)
{
    if (change->store)
        store_rollback(change->store);
}
DEFINE_CLEAR(group_change_clear, struct group_change);

/* ------------------------------------------------------------------------------------- AddGroup, RemoveGroup */

static enum reason add_group(struct access *access, const char *name, int64_t now_ms)
{
    CLEANUP(group_change_clear) struct group_change change = { 0 };
    enum reason reason = refusal_of_store(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    change.store = access->store;
    reason = group_add(access, name, now_ms, &change.group);
    return reason == REASON_NONE ? group_change_commit(&change) : reason;
}

enum reason handle_AddGroup(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__AddGroupRequest *ask = (const Privyseal__V1__AddGroupRequest *)request;
    enum reason reason = record_group(call, ask->group);

    (void)reply;
    return reason == REASON_NONE ? add_group(&service->access, ask->group, call->now_ms) : reason;
}

static enum reason check_empty(struct store *store, struct call *call, int64_t group_id)
{
    char(*names)[NAME_MAX_LEN + 1] = NULL;
    size_t count = 0;
    int r = store_member_names(store, group_id, "", 1, &names, &count);

    free(names);
    if (r < 0 || count == 0)
        return refusal_of_store(r);
    call->sentence = "the group has members: take them out first";
    return REASON_LIMIT;
}

enum reason handle_RemoveGroup(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__RemoveGroupRequest *ask = (const Privyseal__V1__RemoveGroupRequest *)request;
    struct store *store = service->access.store;
    CLEANUP(group_change_clear) struct group_change change = { 0 };
    enum reason reason = record_group(call, ask->group);

    (void)reply;
    if (reason == REASON_NONE)
        reason = group_change_begin(&service->access, ask->group, &change);
    if (reason == REASON_NONE)
        reason = check_empty(store, call, change.group.id);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_group_delete(store, change.group.id, change.group.sequence));
    return reason == REASON_NONE ? group_change_commit(&change) : reason;
}

/* -------------------------------------------------------------------------------------------- ChangeMembers */

static enum reason change_member(struct access *access, const struct group_row *group, const char *user,
                                 bool is_member, uint32_t *changed)
{
    struct token_row token;
    bool is_changed = false;
    enum reason reason = token_load(access, user, &token);

    if (reason == REASON_NONE)
        reason = group_member_put(access, group, &token, is_member, &is_changed);
    if (reason == REASON_NONE && is_changed)
        reason = token_save(access, &token);
    *changed += is_changed;
    return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
}

static enum reason change_members(struct service *service, struct call *call,
                                  const Privyseal__V1__ChangeMembersRequest *ask, uint32_t *ret_changed)
{
    CLEANUP(group_change_clear) struct group_change change = { 0 };
    enum reason reason = group_change_begin(&service->access, ask->group, &change);

    for (size_t i = 0; reason == REASON_NONE && i < ask->n_user; i++) {
        snprintf(call->text.note, sizeof(call->text.note), "%s %zu from %s; at %s",
                 ask->remove ? "out" : "in", ask->n_user, ask->user[0], ask->user[i]);
        reason = change_member(&service->access, &change.group, ask->user[i], !ask->remove, ret_changed);
    }
    call->record.note = call->text.note;
    return reason == REASON_NONE ? group_change_commit(&change) : reason;
}

enum reason handle_ChangeMembers(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    const Privyseal__V1__ChangeMembersRequest *ask = (const Privyseal__V1__ChangeMembersRequest *)request;
    Privyseal__V1__ChangeMembersResponse *answer = (Privyseal__V1__ChangeMembersResponse *)reply;
    enum reason reason = record_group(call, ask->group);

    if (ask->n_user == 0 || ask->n_user > MEMBERS_CHANGED_MAX)
        reason = REASON_MALFORMED;
    for (size_t i = 0; reason == REASON_NONE && i < ask->n_user; i++)
        if (!name_is_valid(bytes_of_text(ask->user[i])))
            reason = REASON_MALFORMED;
    return reason == REASON_NONE ? change_members(service, call, ask, &answer->changed) : reason;
}

/* ------------------------------------------------------------------------------------- ListGroups, ShowGroup */

/* The names that stand at the beginning of @count structs of @size bytes each, as a field. */
static enum reason set_names(const char *first, size_t size, size_t count, size_t *ret_count, char ***ret)
{
    *ret = message_alloc(count * sizeof(**ret));
    if (!*ret)
        return REASON_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        if (message_set_text(&(*ret)[i], first + i * size) < 0)
            return REASON_INTERNAL;
        ++*ret_count;
    }
    return REASON_NONE;
}

enum reason handle_ListGroups(struct service *service, struct call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *reply)
{
    const Privyseal__V1__ListGroupsRequest *ask = (const Privyseal__V1__ListGroupsRequest *)request;
    Privyseal__V1__ListGroupsResponse *answer = (Privyseal__V1__ListGroupsResponse *)reply;
    unsigned limit = ask->limit ? ask->limit : PAGE_DEFAULT;
    CLEANUP(free) void *memory = NULL;
    struct group_row *rows = NULL;
    size_t count = 0;
    int r;

    (void)call;
    if (limit > PAGE_MAX)
        return REASON_MALFORMED;
    r = store_group_list(service->access.store, ask->after, limit + 1, &rows, &count);
    memory = rows;
    if (r < 0)
        return refusal_of_store(r);
    answer->more = count > limit;
    return set_names(rows ? rows->name : NULL, sizeof(*rows), count > limit ? limit : count, &answer->n_group,
                     &answer->group);
}

static enum reason fill_members(struct service *service, const Privyseal__V1__ShowGroupRequest *ask,
                                int64_t group_id, unsigned limit, Privyseal__V1__ShowGroupResponse *answer)
{
    CLEANUP(free) void *memory = NULL;
    char(*names)[NAME_MAX_LEN + 1] = NULL;
    size_t count = 0;
    int r = store_member_names(service->access.store, group_id, ask->after, limit + 1, &names, &count);

    memory = names;
    if (r < 0)
        return refusal_of_store(r);
    answer->more = count > limit;
    return set_names(names ? *names : NULL, sizeof(*names), count > limit ? limit : count, &answer->n_member,
                     &answer->member);
}

enum reason handle_ShowGroup(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__ShowGroupRequest *ask = (const Privyseal__V1__ShowGroupRequest *)request;
    Privyseal__V1__ShowGroupResponse *answer = (Privyseal__V1__ShowGroupResponse *)reply;
    unsigned limit = ask->limit ? ask->limit : PAGE_DEFAULT;
    struct group_row group;
    enum reason reason = record_group(call, ask->group);

    if (limit > PAGE_MAX)
        return REASON_MALFORMED;
    if (reason == REASON_NONE)
        reason = group_load(&service->access, ask->group, &group);
    if (reason == REASON_NONE)
        reason = fill_members(service, ask, group.id, limit, answer);
    return reason == REASON_NONE ? grants_of_group(service, &group, &answer->n_grant, &answer->grant)
                                 : reason;
}
