/* SPDX-License-Identifier: Apache-2.0 */
/* remote_token_pin.c - a token's PIN: the first one, the next one, the same one in another custody. */
#include <string.h>

#include "client/clock.h"
#include "client/remote_token_state.h"
#include "client/typed_pin.h"
#include "proto/pack.h"

CK_RV remote_token_check_new_pin(const struct remote_token *token, const struct remote_terms *terms,
                                 struct bytes pin, struct remote_error *error)
{
    const struct pin_policy *policy = &terms->policy;
    const char *why;
    CK_RV rv = pin_policy_check(policy, token->name, pin, &why);

    if (typed_pin_ends_in_code(pin))
        return remote_error_set(
            error, CKR_PIN_INVALID,
            "a new PIN cannot end in a comma and six to eight digits: so codes are entered");
    if (rv == CKR_PIN_LEN_RANGE)
        return remote_error_set(error, rv, "a new PIN has %u to %u bytes", policy->min_len, policy->max_len);
    return rv == CKR_OK ? rv : remote_error_set(error, rv, "this PIN is not allowed: %s", why);
}

CK_RV remote_token_stretch(struct remote_token *token, const struct remote_terms *terms, struct bytes pin,
                           uint32_t pin_version, struct secret **ret, struct remote_error *error)
{
    return remote_token_stretch_with(token, terms, pin, pin_version, remote_next_device_secret(token->remote),
                                     ret, error);
}

/* A PIN that is to be set. */
static CK_RV make_new_login(struct remote_token *token, const struct remote_terms *terms, struct bytes pin,
                            uint32_t pin_version, const struct secret *device_secret, struct login **ret,
                            struct remote_error *error)
{
    struct remote_terms plain = *terms;

    plain.asks_code = false;
    return remote_token_make_login(token, &plain, pin, pin_version, device_secret, ret, error);
}

/* After a change: a login that is held goes on with the new PIN, a parked one is over. */
static void adopt_new_pin(struct remote_token *token, struct login *fresh)
{
    pthread_mutex_lock(&token->lock);
    if (token->login_state == LOGIN_HELD) {
        remote_token_drop_login(token); /* the old lease too: it was made with the old PIN */
        token->login = login_ref(fresh);
        token->login_state = LOGIN_HELD;
    } else if (token->login_state == LOGIN_PARKED) {
        remote_token_drop_login(token);
    }
    pthread_mutex_unlock(&token->lock);
    remote_token_forget_terms(token);
}

/* Into @ret, which lives in the caller's frame as the request does. NULL: there are none. */
static Privyseal__V1__TransportPins *lend_transport(const struct remote_transport *transport,
                                                    Privyseal__V1__TransportPins *ret)
{
    *ret = (Privyseal__V1__TransportPins)PRIVYSEAL__V1__TRANSPORT_PINS__INIT;
    if (!transport)
        return NULL;
    ret->pin = pack_borrow(transport->pin);
    ret->so_pin = pack_borrow(transport->so_pin);
    return ret;
}

/* How the token goes on with the PIN that it has. */
struct move {
    const struct remote_transport *transport;
};

static CK_RV send_change(struct remote_token *token, const struct login *former, const struct login *fresh,
                         const struct move *move, int64_t deadline_ms, ProtobufCMessage **ret,
                         struct remote_error *error)
{
    Privyseal__V1__TransportPins transport;
    struct remote *remote = token->remote;
    const struct method *method = method_by_id(METHOD_ChangePin);
    Privyseal__V1__ChangePinRequest request = PRIVYSEAL__V1__CHANGE_PIN_REQUEST__INIT;
    struct sealed_body body = { .request = &request.base };
    CLEANUP(secret_free) struct secret *reply = NULL;
    uint8_t certificate_hash[HASH_LEN], ticket[TICKET_LEN];
    struct seal_target target;
    CK_RV rv = remote_token_take_target(token, deadline_ms, &target, error);

    if (rv != CKR_OK)
        return rv;
    remote->channel->ops->certificate_hash(remote->channel, certificate_hash);
    if (former->code)
        request.code = (char *)former->code->data;
    else
        request.ticket = remote_token_ticket(token, ticket);
    request.token = token->name;
    request.moves = move != NULL;
    request.transport = lend_transport(move ? move->transport : NULL, &transport);
    request.pin_version = former->pin_version;
    request.stretched_pin = pack_borrow(secret_bytes(former->stretched));
    request.new_stretched_pin = pack_borrow(secret_bytes(fresh->stretched));
    request.certificate_hash = pack_borrow(BYTES_OF_ARRAY(certificate_hash));
    rv = remote_sealed(remote, method, &body, &target, deadline_ms, &reply, error);
    return rv == CKR_OK ? remote_unpack(method, secret_bytes(reply), ret, error) : rv;
}

/* No answer came: whether the PIN was changed shows in its version, and whether by us, in what it opens. */
static CK_RV find_out_about_change(struct remote_token *token, struct login *fresh,
                                   struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->connect_timeout_ms;
    struct remote_error why = *error;
    struct remote_terms terms;

    remote_token_forget_terms(token);
    if (remote_token_terms(token, deadline_ms, &terms, error) == CKR_OK &&
        terms.pin_version == fresh->pin_version &&
        remote_token_unlock(token, fresh, deadline_ms, error) == CKR_OK)
        return CKR_OK;
    *error = why;
    return why.rv;
}

/* A token that moves (@move) keeps its PIN: @new_pin is not looked at. */
static CK_RV change_pin(struct remote_token *token, struct bytes old_pin, struct bytes new_pin,
                        const struct move *move, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    CLEANUP(login_unref) struct login *former = NULL, *fresh = NULL;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    struct remote_terms terms;
    CK_RV rv = remote_token_check_typed(old_pin, error);

    if (rv == CKR_OK && !move)
        rv = remote_token_check_pin(new_pin, error);
    if (rv == CKR_OK)
        remote_token_forget_terms(
            token); /* a version that is not the newest would only cost a round trip more */
    if (rv == CKR_OK)
        rv = remote_token_terms(token, deadline_ms, &terms, error);
    if (rv == CKR_OK && terms.pin_version == 0)
        rv = remote_error_set(error, CKR_USER_PIN_NOT_INITIALIZED, "%s",
                              reason_row(REASON_PIN_NOT_SET)->sentence);
    if (rv == CKR_OK && move)
        new_pin = typed_pin_split(old_pin, terms.asks_code).pin;
    if (rv == CKR_OK)
        rv = remote_token_check_new_pin(token, &terms, new_pin, error);
    if (rv == CKR_OK)
        rv = remote_token_make_login(token, &terms, old_pin, terms.pin_version, token->remote->device_secret,
                                     &former, error);
    if (rv == CKR_OK)
        rv = make_new_login(token, &terms, new_pin, terms.pin_version + 1,
                            remote_next_device_secret(token->remote), &fresh, error);
    if (rv != CKR_OK)
        return rv;
    fresh->needs_ticket = terms.asks_code;
    rv = send_change(token, former, fresh, move, deadline_ms, &reply, error);
    if (rv == CKR_DEVICE_REMOVED)
        rv = find_out_about_change(token, fresh, error);
    if (rv != CKR_OK)
        return rv;
    remote_adopt_device_secret(token->remote);
    adopt_new_pin(token, fresh);
    if (reply && remote_token_is_logged_in(token))
        remote_token_keep_ticket(token, &((const Privyseal__V1__ChangePinResponse *)reply)->ticket);
    return CKR_OK;
}

CK_RV remote_token_change_pin(struct remote_token *token, struct bytes old_pin, struct bytes new_pin,
                              struct remote_error *error)
{
    return change_pin(token, old_pin, new_pin, NULL, error);
}

CK_RV remote_token_move(struct remote_token *token, struct bytes pin,
                        const struct remote_transport *transport, struct remote_error *error)
{
    return change_pin(token, pin, BYTES_NONE, &(struct move){ transport }, error);
}

static CK_RV send_first(struct remote_token *token, struct bytes activation_code,
                        const struct secret *stretched, const struct remote_beginning *beginning,
                        int64_t deadline_ms, struct remote_error *error)
{
    struct remote *remote = token->remote;
    Privyseal__V1__SetPinRequest request = PRIVYSEAL__V1__SET_PIN_REQUEST__INIT;
    struct sealed_body body = { .request = &request.base };
    Privyseal__V1__TransportPins transport;
    CLEANUP(secret_free) struct secret *reply = NULL;
    uint8_t certificate_hash[HASH_LEN];
    struct seal_target target;
    CK_RV rv = remote_token_take_target(token, deadline_ms, &target, error);

    if (rv != CKR_OK)
        return rv;
    remote->channel->ops->certificate_hash(remote->channel, certificate_hash);
    request.token = token->name;
    request.activation_code = pack_borrow(activation_code);
    request.keeps_recovery = beginning->keeps_recovery;
    request.transport = lend_transport(beginning->transport, &transport);
    request.stretched_pin = pack_borrow(secret_bytes(stretched));
    request.certificate_hash = pack_borrow(BYTES_OF_ARRAY(certificate_hash));
    return remote_sealed(remote, method_by_id(METHOD_SetPin), &body, &target, deadline_ms, &reply, error);
}

CK_RV remote_token_begin(struct remote_token *token, struct bytes activation_code, struct bytes pin,
                         const struct remote_beginning *beginning, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    CLEANUP(secret_free) struct secret *stretched = NULL;
    struct remote_terms terms;
    CK_RV rv = remote_token_check_pin(pin, error);

    if (rv == CKR_OK && activation_code.len != ACTIVATION_CODE_LEN)
        rv = remote_error_set(error, CKR_ARGUMENTS_BAD, "an activation code has %d bytes",
                              ACTIVATION_CODE_LEN);
    if (rv == CKR_OK)
        rv = remote_token_terms(token, deadline_ms, &terms, error);
    if (rv == CKR_OK)
        rv = remote_token_check_new_pin(token, &terms, pin, error);
    if (rv == CKR_OK)
        rv = remote_token_stretch(token, &terms, pin, terms.first_version, &stretched, error);
    if (rv == CKR_OK)
        rv = send_first(token, activation_code, stretched, beginning, deadline_ms, error);
    if (rv == CKR_OK)
        remote_adopt_device_secret(token->remote);
    remote_token_forget_terms(token);
    return rv;
}

CK_RV remote_token_set_pin(struct remote_token *token, struct bytes activation_code, struct bytes pin,
                           struct remote_error *error)
{
    return remote_token_begin(token, activation_code, pin, &(struct remote_beginning){ 0 }, error);
}
