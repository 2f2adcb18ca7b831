/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.c - what the second person does with a call that was kept: looks at it, executes it, or turns it down.
 *
 * A request is decided in a transaction of its own before anything is done about it, so it is executed at most once,
 * whoever else approves it at the same moment, and whatever dies in between. Then its method's own handler runs, as
 * if the requester had just called: a requester who may no longer ask, gets nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/table.h"
#include "proxy/service/dual.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/named_token.h"
#include "proxy/service/refusal.h"

#define LISTED_MAX 500 /* requests of one answer */

/* -------------------------------------------------------------------------------------------- information */

static const struct method *method_of_name(const char *name)
{
    for (unsigned id = 0; id < METHODS; id++)
        if (strcmp(method_by_id((enum method_id)id)->name, name) == 0)
            return method_by_id((enum method_id)id);
    return NULL;
}

/* Errors: REASON_REQUEST_VOID (made by another version of the program: this one cannot execute it). */
static enum reason open_body(const struct request_row *row, const struct method **ret_method,
                             ProtobufCMessage **ret)
{
    const struct method *method = method_of_name(row->method);

    if (!method || method->proof != PROOF_OPERATOR ||
        message_unpack(method->request, buffer_bytes(&row->body), ret) < 0)
        return REASON_REQUEST_VOID;
    *ret_method = method;
    return REASON_NONE;
}

static Privyseal__V1__RequestState state_of(const struct request_row *row, int64_t now_ms)
{
    if (row->state == REQUEST_OPEN && !request_is_open(row, now_ms))
        return PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_EXPIRED;
    return (Privyseal__V1__RequestState)row->state; /* numbered alike */
}

static enum reason set_subject(const struct request_row *row, Privyseal__V1__RequestInfo *info)
{
    CLEANUP(message_free) ProtobufCMessage *body = NULL;
    const struct method *method;
    const char *subject = open_body(row, &method, &body) == REASON_NONE ? dual_subject(body) : "";

    return message_set_text(&info->subject, subject) < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason fill_info(const struct request_row *row, const char *requester, int64_t now_ms,
                             bool with_body, Privyseal__V1__RequestInfo *info)
{
    info->created_unix = (uint64_t)row->created_ms / 1000;
    info->expires_unix = (uint64_t)row->expires_ms / 1000;
    info->state = state_of(row, now_ms);
    if (message_set_bytes(&info->id, BYTES_OF_ARRAY(row->name)) < 0 ||
        message_set_text(&info->method, row->method) < 0 ||
        message_set_text(&info->requester, requester) < 0 ||
        message_set_text(&info->decided_by, row->decided_by) < 0 ||
        (with_body && message_set_bytes(&info->body, buffer_bytes(&row->body)) < 0))
        return REASON_INTERNAL;
    return set_subject(row, info);
}

static enum reason make_info(const struct request_row *row, const char *requester, int64_t now_ms,
                             bool with_body, Privyseal__V1__RequestInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    enum reason reason;

    if (message_new(&privyseal__v1__request_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    reason = fill_info(row, requester, now_ms, with_body, (Privyseal__V1__RequestInfo *)message);
    if (reason == REASON_NONE)
        *ret = (Privyseal__V1__RequestInfo *)TAKE(message);
    return reason;
}

/* ------------------------------------------------------------------------------------------- ListRequests */

static bool is_wanted(const Privyseal__V1__ListRequestsRequest *ask, const struct request_row *row,
                      int64_t now_ms)
{
    if (ask->id.len)
        return bytes_equal(pack_lend(&ask->id), BYTES_OF_ARRAY(row->name));
    return ask->decided || request_is_open(row, now_ms);
}

static enum reason list_requester(struct service *service, const struct call *call, const char *requester,
                                  const Privyseal__V1__ListRequestsRequest *ask,
                                  Privyseal__V1__ListRequestsResponse *answer)
{
    CLEANUP(requests_clear) struct requests requests = { 0 };
    enum reason reason = requests_load(&service->access, requester, &requests);

    for (size_t i = 0; reason == REASON_NONE && i < requests.count; i++) {
        if (!is_wanted(ask, &requests.rows[i], call->now_ms))
            continue;
        answer->more = answer->n_request == LISTED_MAX;
        if (answer->more)
            break;
        reason = make_info(&requests.rows[i], requester, call->now_ms, ask->id.len > 0,
                           &answer->request[answer->n_request]);
        answer->n_request += reason == REASON_NONE;
    }
    return reason;
}

enum reason handle_ListRequests(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    const Privyseal__V1__ListRequestsRequest *ask = (const Privyseal__V1__ListRequestsRequest *)request;
    Privyseal__V1__ListRequestsResponse *answer = (Privyseal__V1__ListRequestsResponse *)reply;
    char(*names)[NAME_MAX_LEN + 1] = NULL;
    CLEANUP(free) void *memory = NULL;
    enum reason reason = REASON_NONE;
    size_t count = 0;
    int r;

    if (ask->id.len != 0 && ask->id.len != APPROVAL_ID_LEN)
        return REASON_MALFORMED;
    answer->request = message_alloc(LISTED_MAX * sizeof(*answer->request));
    if (!answer->request)
        return REASON_INTERNAL;
    r = store_request_owners(service->access.store, &names, &count);
    memory = names;
    if (r < 0)
        return refusal_of_store(r);
    for (size_t i = 0; reason == REASON_NONE && !answer->more && i < count; i++)
        reason = list_requester(service, call, names[i], ask, answer);
    if (reason == REASON_NONE && ask->id.len && answer->n_request == 0)
        return REASON_NOT_FOUND;
    return reason;
}

/* ----------------------------------------------------------------------------------------------- deciding */

/* A request in the hands of whoever decides about it. */
struct held {
    struct requests requests; /* of the requester */
    struct request_row *row;  /* one of them */
    struct caller requester;
    const struct method *method;
    ProtobufCMessage *body;
};

static void held_clear(struct held *held)
{
    requests_clear(&held->requests);
    message_free(held->body);
}
DEFINE_CLEAR(held_clear, struct held);

static enum reason held_load(struct access *access, struct bytes name, struct held *ret)
{
    char requester[NAME_MAX_LEN + 1];
    enum reason reason;
    int r;

    if (name.len != APPROVAL_ID_LEN)
        return REASON_MALFORMED;
    r = store_request_owner(access->store, name.data, requester);
    if (r < 0)
        return refusal_of_store(r);
    reason = requests_load(access, requester, &ret->requests);
    if (reason == REASON_NONE)
        ret->row = requests_find(&ret->requests, name.data);
    return reason == REASON_NONE && !ret->row ? REASON_INTEGRITY : reason; /* moved to another's name */
}

/* Whether the requester could still call the method: enabled, the certificate good, the role right. */
static enum reason check_requester(struct service *service, struct call *call, struct held *held)
{
    enum reason reason = identity_find(&service->access, BYTES_OF_ARRAY(held->row->certificate), call->now_ms,
                                       &held->requester);

    if (reason != REASON_NONE)
        return reason;
    if (held->requester.is_known && held->requester.principal.id == held->requests.requester.id)
        reason = policy_check(&service->access, &held->requester, held->method->permission, NULL);
    else
        reason = REASON_NOT_PERMITTED;
    if (reason != REASON_NOT_PERMITTED)
        return reason;
    call->sentence = "Whoever asked for this may no longer ask for it: somebody else asks anew.";
    return REASON_REQUEST_VOID;
}

static enum reason check_open(struct call *call, const struct held *held)
{
    if (request_is_open(held->row, call->now_ms))
        return REASON_NONE;
    call->sentence = held->row->state == REQUEST_OPEN
                         ? "The request has expired; whoever wants it done asks anew."
                         : "The request was decided before; the audit log tells by whom.";
    return REASON_REQUEST_VOID;
}

static enum reason may_approve(struct service *service, struct call *call, struct held *held)
{
    enum reason reason = check_open(call, held);

    if (reason != REASON_NONE)
        return reason;
    if (held->requests.requester.id == call->caller.principal.id) {
        call->sentence = "Nobody approves a request of his own: another operator or an officer does.";
        return REASON_NOT_PERMITTED;
    }
    reason = open_body(held->row, &held->method, &held->body);
    return reason == REASON_NONE ? check_requester(service, call, held) : reason;
}

static enum reason may_reject(struct service *service, struct call *call, struct held *held)
{
    (void)service;
    return check_open(call, held);
}

typedef enum reason check_fn(struct service *service, struct call *call, struct held *held);

static enum reason decide(struct service *service, struct call *call, struct bytes name, check_fn *check,
                          enum request_state state, struct held *held)
{
    enum reason reason = held_load(&service->access, name, held);

    if (reason == REASON_NONE)
        reason = check(service, call, held);
    if (reason != REASON_NONE)
        return reason;
    held->row->state = state;
    strcpy(held->row->decided_by, call->caller.principal.name);
    return requests_decide(&service->access, &held->requests, held->row);
}

/* One transaction. */
static enum reason store_decision(struct service *service, struct call *call, struct bytes name,
                                  check_fn *check, enum request_state state, struct held *held)
{
    struct store *store = service->access.store;
    enum reason reason = refusal_of_store(store_begin(store));

    if (reason != REASON_NONE)
        return reason;
    reason = decide(service, call, name, check, state, held);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(store));
    if (reason != REASON_NONE)
        store_rollback(store);
    return reason;
}

/* Both names and the request's own stand in the record, before what the method itself notes there. */
static void record_decision(struct call *call, const struct held *held)
{
    char name[2 * APPROVAL_ID_LEN + 1];
    const char *note = call->record.note ? call->record.note : "";

    hex_encode(BYTES_OF_ARRAY(held->row->name), name);
    snprintf(call->text.approval, sizeof(call->text.approval), "request %s of %s%s%s", name,
             held->requests.requester.name, *note ? ": " : "", note);
    call->record.note = call->text.approval;
}

/* ------------------------------------------------------------------------------------------ RejectRequest */

enum reason handle_RejectRequest(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    const Privyseal__V1__RejectRequestRequest *ask = (const Privyseal__V1__RejectRequestRequest *)request;
    CLEANUP(held_clear) struct held held = { 0 };
    enum reason reason =
        store_decision(service, call, pack_lend(&ask->id), may_reject, REQUEST_REJECTED, &held);

    (void)reply;
    if (held.row)
        record_decision(call, &held);
    /* Asked twice, because an answer was lost, the second finds done what it wants. */
    if (reason == REASON_REQUEST_VOID && held.row->state == REQUEST_REJECTED &&
        strcmp(held.row->decided_by, call->caller.principal.name) == 0)
        return REASON_NONE;
    return reason;
}

/* ----------------------------------------------------------------------------------------- ApproveRequest */

/* The method's own road from its permission on, with the requester as its caller. */
static enum reason run_method(struct service *service, struct call *call, const ProtobufCMessage *body,
                              ProtobufCMessage *answer)
{
    enum reason reason = named_token_load(service, call, body);

    if (reason == REASON_NONE && named_token_is_elsewhere(service, call)) {
        call->reroute_to = token_signer(service->config, &call->token);
        return REASON_UNAVAILABLE;
    }
    return reason == REASON_NONE ? service_handler_of(call->method->id)(service, call, body, answer) : reason;
}

/* In the requester's stead. The record is the method's, by the approver: it is the approver's certificate that did it. */
static enum reason execute(struct service *service, struct call *call, struct held *held,
                           ProtobufCBinaryData *ret)
{
    CLEANUP(message_free) ProtobufCMessage *answer = NULL;
    CLEANUP(secret_free) struct secret *packed = NULL;
    const struct method *method = call->method;
    struct caller approver = call->caller;
    enum reason reason;

    if (message_new(held->method->reply, &answer) < 0)
        return REASON_INTERNAL;
    call->approved = TAKE(held->body); /* the record may borrow from it */
    call->record.event = service_event(held->method->id);
    call->method = held->method;
    call->caller = held->requester;
    reason = run_method(service, call, call->approved, answer);
    call->method = method;
    call->caller = approver;
    if (reason != REASON_NONE)
        return reason;
    return message_pack(answer, &packed) < 0 || message_set_bytes(ret, secret_bytes(packed)) < 0
               ? REASON_INTERNAL
               : REASON_NONE;
}

/*
 * How it ended. What did not even begin, because a row or the right signer was busy, is open again. If this is lost,
 * the request stays "approved": it is not executed twice, and the audit log knows.
 */
static void settle(struct service *service, struct held *held, enum reason reason)
{
    CLEANUP(requests_clear) struct requests now = { 0 };
    struct access *access = &service->access;
    bool may_repeat = reason_row(reason)->is_local_repeat;
    struct request_row *row = held->row;

    row->state = reason == REASON_NONE ? REQUEST_DONE : may_repeat ? REQUEST_OPEN : REQUEST_FAILED;
    if (may_repeat)
        row->decided_by[0] = '\0';
    if (store_begin(access->store) < 0)
        return;
    if (requests_load(access, held->requests.requester.name, &now) != REASON_NONE ||
        requests_decide(access, &now, row) != REASON_NONE || store_commit(access->store) < 0)
        store_rollback(access->store);
}

enum reason handle_ApproveRequest(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__ApproveRequestRequest *ask = (const Privyseal__V1__ApproveRequestRequest *)request;
    Privyseal__V1__ApproveRequestResponse *answer = (Privyseal__V1__ApproveRequestResponse *)reply;
    CLEANUP(held_clear) struct held held = { 0 };
    enum reason reason =
        store_decision(service, call, pack_lend(&ask->id), may_approve, REQUEST_APPROVED, &held);

    if (reason == REASON_NONE) {
        reason = execute(service, call, &held, &answer->reply);
        settle(service, &held, reason);
    }
    if (held.row)
        record_decision(call, &held);
    return reason == REASON_NONE
               ? make_info(held.row, held.requests.requester.name, call->now_ms, true, &answer->request)
               : reason;
}
