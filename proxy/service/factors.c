/* SPDX-License-Identifier: Apache-2.0 */
/* factors.c - second factors enrolled and removed by their user, and taken away by an operator when a phone is lost. */
#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"

static enum reason check_kind(Privyseal__V1__SecondFactor factor)
{
    return factor == PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_TOTP ? REASON_NONE : REASON_MALFORMED;
}

static void tell(struct service *service, const struct call *call, const char *user, const char *what)
{
    struct notice notice = notice_of(call, "factor.changed", user);

    notice_add(&notice, "what", what);
    notice_send(service, &notice);
}

enum reason handle_EnrolFactor(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__EnrolFactorRequest *ask = (const Privyseal__V1__EnrolFactorRequest *)request;
    Privyseal__V1__EnrolFactorResponse *answer = (Privyseal__V1__EnrolFactorResponse *)reply;
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(secret_free) struct secret *seed = NULL;
    enum reason reason = check_kind(ask->factor);

    if (reason == REASON_NONE)
        reason = change_begin(service, call->token.name, &change);
    if (reason == REASON_NONE)
        reason = factor_enrol(&service->access, &change.token, call->now_ms, &seed);
    if (reason == REASON_NONE)
        reason = change_commit(service, &change);
    if (reason != REASON_NONE)
        return reason;
    answer->digits = TOTP_DIGITS;
    answer->period_s = TOTP_STEP_S;
    return message_set_bytes(&answer->seed, secret_bytes(seed)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

/* The login that confirms has shown both: it may go on with what it was made for. Others show a code first. */
enum reason handle_ConfirmFactor(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    const Privyseal__V1__ConfirmFactorRequest *ask = (const Privyseal__V1__ConfirmFactorRequest *)request;
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = check_kind(ask->factor);

    (void)reply;
    if (reason == REASON_NONE)
        reason = change_begin(service, call->token.name, &change);
    if (reason == REASON_NONE)
        reason = factor_confirm(&service->access, &change.token, bytes_of_text(ask->code), call->now_ms);
    if (reason == REASON_NONE)
        reason = change_commit(service, &change);
    if (reason != REASON_NONE)
        return reason == REASON_PIN_INCORRECT ? REASON_CODE_INCORRECT : reason;
    call->lease->factor = factor_in_force(&change.token);
    call->lease->only_enrols = false;
    tell(service, call, call->token.name, "an authenticator is in force");
    return REASON_NONE;
}

/*
 * Counts as a PIN does when it is wrong, so that an open login is no place to guess codes; right, it clears nothing,
 * as no PIN was shown.
 */
static enum reason prove_code(struct service *service, struct call *call, struct bytes code)
{
    struct access *access = &service->access;
    enum attempt_outcome outcome = ATTEMPT_NOT_CHECKED;
    struct attempt attempt;
    uint32_t tries_left = 0;
    bool is_right = false;
    enum reason checked,
        reason = attempt_reserve(access, &call->token, &call->caller, call->now_ms, &attempt, &call->failure);

    if (reason != REASON_NONE)
        return reason;
    checked = factor_check(access, &call->token, FACTOR_TOTP, call->caller.principal.id, code, call->now_ms,
                           &is_right, &attempt.change);
    if (checked == REASON_NONE && !is_right) {
        checked = REASON_CODE_INCORRECT;
        outcome = ATTEMPT_WRONG;
    }
    reason = attempt_settle(access, &call->token, &attempt, outcome, call->now_ms, &tries_left);
    call->failure.tries_left = outcome == ATTEMPT_WRONG ? tries_left : 0;
    return reason != REASON_NONE ? reason : checked;
}

static enum reason remove_factors(struct service *service, const char *token, enum second_factor *ret_removed)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, token, &change);

    if (reason != REASON_NONE)
        return reason;
    *ret_removed = change.token.factor;
    reason = factor_remove(&service->access, &change.token);
    return reason == REASON_NONE ? change_commit(service, &change) : reason;
}

enum reason handle_RemoveFactor(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    const Privyseal__V1__RemoveFactorRequest *ask = (const Privyseal__V1__RemoveFactorRequest *)request;
    enum second_factor removed;
    enum reason reason = check_kind(ask->factor);

    (void)reply;
    if (reason == REASON_NONE && call->token.factor != FACTOR_TOTP)
        reason = REASON_NOT_FOUND;
    if (reason == REASON_NONE)
        reason = prove_code(service, call, bytes_of_text(ask->code));
    if (reason == REASON_NONE)
        reason = remove_factors(service, call->token.name, &removed);
    if (reason == REASON_NONE)
        tell(service, call, call->token.name, "the authenticator was removed");
    return reason;
}

/* What is left is the PIN alone, or, where the policy asks for an authenticator, the enrolment of another. */
enum reason handle_ResetFactor(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__ResetFactorRequest *ask = (const Privyseal__V1__ResetFactorRequest *)request;
    Privyseal__V1__ResetFactorResponse *answer = (Privyseal__V1__ResetFactorResponse *)reply;
    enum second_factor removed = FACTOR_NONE;
    enum reason reason;

    if (!name_is_valid(bytes_of_text(ask->user)))
        return REASON_MALFORMED;
    call->record.token = ask->user;
    reason = remove_factors(service, ask->user, &removed);
    if (reason != REASON_NONE)
        return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason;
    answer->factor = (Privyseal__V1__SecondFactor)removed;
    tell(service, call, ask->user, "an operator removed the authenticator");
    return REASON_NONE;
}
