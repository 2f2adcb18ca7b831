/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_set.c - SetPolicy: a token's policy, set by operators; of one user, or of the members of a group, a slice of them in
 * each call: all of the slice or none, and one record, which names its first and last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/name.h"
#include "proto/token_policy.h"
#include "proxy/access/group.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/policies.h"
#include "proxy/service/refusal.h"

/* ------------------------------------------------------------------------------------------------- one user */

/* Permits outlive no rule that asks for them: who switches it off and on again starts without any. */
static enum reason apply(const Privyseal__V1__SetPolicyRequest *ask, struct token_policy *policy)
{
    struct token_policy wanted;

    if (!ask->policy || token_policy_of_message(ask->policy, &wanted) < 0)
        return REASON_MALFORMED;
    for (size_t i = 0; i < ask->n_set; i++)
        if (token_policy_copy(policy, &wanted, ask->set[i]) < 0)
            return REASON_MALFORMED;
    if (!policy->keys_need_permit)
        policy->key_permits = 0;
    return REASON_NONE;
}

/* "max_signatures=10 decrypt=no": the settings as they are afterwards. */
static void record_policy(struct call *call, const Privyseal__V1__SetPolicyRequest *ask,
                          const struct token_policy *policy)
{
    char value[POLICY_VALUE_MAX];
    size_t len = 0;

    for (size_t i = 0; i < ask->n_set && len < sizeof(call->text.note); i++) {
        token_policy_print(policy, ask->set[i], value);
        len += (size_t)snprintf(call->text.note + len, sizeof(call->text.note) - len, "%s%s=%s",
                                len ? " " : "", ask->set[i], value);
    }
    call->record.note = call->text.note;
}

static enum reason set_policy(struct service *service, struct call *call,
                              const Privyseal__V1__SetPolicyRequest *ask, struct token_policy *ret)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, ask->user, &change);

    if (reason == REASON_NONE)
        reason = apply(ask, &change.token.policy);
    if (reason != REASON_NONE)
        return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
    record_policy(call, ask, &change.token.policy);
    reason = change_commit(service, &change);
    *ret = change.token.policy;
    return reason;
}

static enum reason set_user(struct service *service, struct call *call,
                            const Privyseal__V1__SetPolicyRequest *ask,
                            Privyseal__V1__SetPolicyResponse *answer)
{
    struct token_policy policy;
    enum reason reason;

    if (!name_is_valid(bytes_of_text(ask->user)) || *ask->after)
        return REASON_MALFORMED;
    call->record.token = ask->user;
    reason = set_policy(service, call, ask, &policy);
    if (reason != REASON_NONE)
        return reason;
    answer->policy = policy_message(&policy);
    return answer->policy ? REASON_NONE : REASON_INTERNAL;
}

/* -------------------------------------------------------------------------------------------------- a group */

/* The members that one call is about, and what they got. */
struct slice {
    struct store *store; /* NULL: no transaction open */
    struct group_row group;
    char (*names)[NAME_MAX_LEN + 1];
    size_t count;
    bool more;
    int64_t ids[MEMBERS_CHANGED_MAX];
    struct token_policy policy; /* of the last */
};

static void slice_clear(struct slice *slice)
{
    if (slice->store)
        store_rollback(slice->store);
    free(slice->names);
}
DEFINE_CLEAR(slice_clear, struct slice);

static enum reason slice_begin(struct access *access, const Privyseal__V1__SetPolicyRequest *ask,
                               struct slice *ret)
{
    enum reason reason = refusal_of_store(store_begin(access->store));
    int r;

    if (reason != REASON_NONE)
        return reason;
    ret->store = access->store;
    reason = group_load(access, ask->group, &ret->group);
    if (reason != REASON_NONE)
        return reason;
    r = store_member_names(access->store, ret->group.id, ask->after, MEMBERS_CHANGED_MAX + 1, &ret->names,
                           &ret->count);
    ret->more = ret->count > MEMBERS_CHANGED_MAX;
    ret->count = ret->more ? MEMBERS_CHANGED_MAX : ret->count;
    return refusal_of_store(r);
}

/* The list of members is anybody's who writes the database; what is believed is the token's own row. */
static enum reason check_member(struct access *access, const struct token_row *token, int64_t group_id)
{
    CLEANUP(free) void *memory = NULL;
    struct member_row *rows = NULL;
    bool is_member = false;
    size_t count = 0;
    enum reason reason = group_memberships(access, token, &rows, &count);

    memory = rows;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++)
        is_member |= rows[i].group_id == group_id;
    return reason == REASON_NONE && !is_member ? REASON_INTEGRITY : reason;
}

static enum reason set_member(struct access *access, const Privyseal__V1__SetPolicyRequest *ask,
                              const char *name, int64_t *ret_id, struct slice *slice)
{
    struct token_row token;
    enum reason reason = token_load(access, name, &token);

    if (reason == REASON_NONE)
        reason = check_member(access, &token, slice->group.id);
    if (reason == REASON_NONE)
        reason = apply(ask, &token.policy);
    if (reason != REASON_NONE)
        return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
    token.version++;
    *ret_id = token.id;
    slice->policy = token.policy;
    return token_save(access, &token);
}

/* "max_signatures=10; 256 from ann to mia; at mia" */
static void record_slice(struct call *call, const Privyseal__V1__SetPolicyRequest *ask,
                         const struct slice *slice, size_t done)
{
    const size_t size = sizeof(call->text.note);
    size_t len;

    record_policy(call, ask, &slice->policy);
    len = strlen(call->text.note);
    if (slice->count)
        snprintf(call->text.note + len, size - len, "; %zu from %s to %s; at %s", slice->count,
                 slice->names[0], slice->names[slice->count - 1],
                 slice->names[done < slice->count ? done : done - 1]);
}

static enum reason commit(struct service *service, struct slice *slice)
{
    enum reason reason = refusal_of_store(store_commit(slice->store));

    if (reason != REASON_NONE)
        return reason;
    slice->store = NULL;
    for (size_t i = 0; i < slice->count; i++)
        leases_forget_keys(service->leases, slice->ids[i]); /* other signers' at their next recheck */
    return REASON_NONE;
}

static enum reason set_group(struct service *service, struct call *call,
                             const Privyseal__V1__SetPolicyRequest *ask,
                             Privyseal__V1__SetPolicyResponse *answer)
{
    CLEANUP(slice_clear) struct slice slice = { 0 };
    enum reason reason;
    size_t done = 0;

    if (!name_is_valid(bytes_of_text(ask->group)) ||
        (*ask->after && !name_is_valid(bytes_of_text(ask->after))))
        return REASON_MALFORMED;
    call->record.token = ask->group;
    reason = slice_begin(&service->access, ask, &slice);
    if (reason != REASON_NONE)
        return reason;
    while (reason == REASON_NONE && done < slice.count) {
        reason = set_member(&service->access, ask, slice.names[done], &slice.ids[done], &slice);
        done += reason == REASON_NONE;
    }
    record_slice(call, ask, &slice, done);
    if (reason == REASON_NONE)
        reason = commit(service, &slice);
    answer->members = (uint32_t)slice.count;
    answer->more = slice.more;
    return reason == REASON_NONE && slice.count &&
                   message_set_text(&answer->last, slice.names[slice.count - 1]) < 0
               ? REASON_INTERNAL
               : reason;
}

enum reason handle_SetPolicy(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__SetPolicyRequest *ask = (const Privyseal__V1__SetPolicyRequest *)request;
    Privyseal__V1__SetPolicyResponse *answer = (Privyseal__V1__SetPolicyResponse *)reply;

    if (*ask->group)
        return *ask->user ? REASON_MALFORMED : set_group(service, call, ask, answer);
    return set_user(service, call, ask, answer);
}
