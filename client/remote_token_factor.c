/* SPDX-License-Identifier: Apache-2.0 */
/* remote_token_factor.c - the second factor of a token whose user is logged in: enrolled, confirmed, removed. */
#include "client/clock.h"
#include "client/remote_token_state.h"
#include "proto/pack.h"

static int64_t deadline_of(enum method_id id)
{
    return clock_now_ms() + method_by_id(id)->deadline_ms;
}

CK_RV remote_token_enrol_factor(struct remote_token *token, struct remote_authenticator *ret,
                                struct remote_error *error)
{
    Privyseal__V1__EnrolFactorRequest message = PRIVYSEAL__V1__ENROL_FACTOR_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    Privyseal__V1__EnrolFactorResponse *answer;
    CK_RV rv;

    message.factor = PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_TOTP;
    rv = remote_token_call_in_login(token, METHOD_EnrolFactor, &message.base, deadline_of(METHOD_EnrolFactor),
                                    &reply, error);
    if (rv != CKR_OK)
        return rv;
    answer = (Privyseal__V1__EnrolFactorResponse *)reply;
    if (answer->seed.len == 0)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the signer sent no seed");
    ret->digits = answer->digits;
    ret->period_s = answer->period_s;
    return remote_take_secret(&answer->seed, &ret->seed, error);
}

CK_RV remote_token_confirm_factor(struct remote_token *token, const char *code, struct remote_error *error)
{
    Privyseal__V1__ConfirmFactorRequest message = PRIVYSEAL__V1__CONFIRM_FACTOR_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;

    message.factor = PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_TOTP;
    message.code = (char *)code;
    return remote_token_call_in_login(token, METHOD_ConfirmFactor, &message.base,
                                      deadline_of(METHOD_ConfirmFactor), &reply, error);
}

CK_RV remote_token_remove_factor(struct remote_token *token, const char *code, struct remote_error *error)
{
    Privyseal__V1__RemoveFactorRequest message = PRIVYSEAL__V1__REMOVE_FACTOR_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;

    message.factor = PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_TOTP;
    message.code = (char *)code;
    return remote_token_call_in_login(token, METHOD_RemoveFactor, &message.base,
                                      deadline_of(METHOD_RemoveFactor), &reply, error);
}
