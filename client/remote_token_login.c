/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_token_login.c - from a PIN to a login, and its end.
 *
 * After a logout S and lease are parked for a few seconds: p11tool and others close their last session and log in
 * again several times over one listing, and should pay for one stretching and one attempt. There is no thread to wipe
 * them on time; the next call on the token does, or its end.
 */
#include <string.h>

#include "client/clock.h"
#include "client/remote_token_state.h"
#include "client/typed_pin.h"
#include "proto/pack.h"

#define PARKED_MS       5000
#define LOCK_TIMEOUT_MS 1000

/* ---------------------------------------------------------------------------------------------------------- a PIN */

/* A PIN, or with a second factor a PIN, a comma and a code. */
CK_RV remote_token_check_typed(struct bytes typed, struct remote_error *error)
{
    if (typed.len >= PIN_MIN_LEN && typed.len <= PIN_MAX_LEN + 1 + FACTOR_CODE_MAX_LEN)
        return CKR_OK;
    return remote_error_set(error, CKR_PIN_LEN_RANGE, "a PIN has %d to %d bytes", PIN_MIN_LEN, PIN_MAX_LEN);
}

CK_RV remote_token_check_pin(struct bytes pin, struct remote_error *error)
{
    if (pin.len >= PIN_MIN_LEN && pin.len <= PIN_MAX_LEN)
        return CKR_OK;
    return remote_error_set(error, CKR_PIN_LEN_RANGE, "a PIN has %d to %d bytes", PIN_MIN_LEN, PIN_MAX_LEN);
}

/* @device_secret NULL: none is mixed in. */
CK_RV remote_token_stretch_with(struct remote_token *token, const struct remote_terms *terms,
                                struct bytes pin, uint32_t pin_version, const struct secret *device_secret,
                                struct secret **ret, struct remote_error *error)
{
    struct remote *remote = token->remote;
    int r;

    if (terms->needs_device_secret && !device_secret)
        return remote_error_set(
            error, CKR_DEVICE_ERROR,
            "this token's PIN needs a device secret: enrol this device with a code of another");
    r = stretch_pin(remote->libctx, remote->deployment->realm, token->name, pin, BYTES_OF_ARRAY(terms->salt),
                    &terms->cost, pin_version, device_secret ? secret_bytes(device_secret) : BYTES_NONE, ret);

    if (r == -EPERM)
        return remote_error_set(error, CKR_DEVICE_ERROR,
                                "the server asks to stretch the PIN with a cost outside of what is allowed");
    return r < 0 ? remote_error_errno(error, r, "stretching the PIN") : CKR_OK;
}

/* With a NUL, as the wire's library wants it. */
static int copy_code(struct bytes code, struct secret **ret)
{
    int r = secret_new(code.len + 1, ret);

    if (r == 0)
        memcpy((*ret)->data, code.data, code.len);
    return r;
}

/* What was typed as it counts under @pin_version, with S in place; the code aside. */
CK_RV remote_token_make_login(struct remote_token *token, const struct remote_terms *terms,
                              struct bytes typed, uint32_t pin_version, const struct secret *device_secret,
                              struct login **ret, struct remote_error *error)
{
    CLEANUP(secret_free) struct secret *stretched = NULL;
    CLEANUP(login_unref) struct login *login = NULL;
    struct typed_pin parts = typed_pin_split(typed, terms->asks_code);
    CK_RV rv = remote_token_check_pin(parts.pin, error);
    int r;

    if (rv == CKR_OK)
        rv =
            remote_token_stretch_with(token, terms, parts.pin, pin_version, device_secret, &stretched, error);
    if (rv != CKR_OK)
        return rv;
    r = login_new(token->remote->libctx, TAKE(stretched), pin_version, typed, &login);
    if (r == 0 && parts.code.len)
        r = copy_code(parts.code, &login->code);
    if (r < 0)
        return remote_error_errno(error, r, "remembering the login");
    *ret = TAKE(login);
    return CKR_OK;
}

/* The first unlock of @login: it uses up the code, and a ticket stands for it from then on. */
static CK_RV unlock_first(struct remote_token *token, const struct remote_terms *terms, struct login *login,
                          int64_t deadline_ms, struct remote_error *error)
{
    CK_RV rv = remote_token_unlock(token, login, deadline_ms, error);

    if (rv != CKR_OK)
        return rv;
    login->needs_ticket = terms->asks_code;
    secret_free(TAKE(login->code));
    return remote_token_confirm(token, login, deadline_ms, error);
}

/* The PIN was changed, or a code is asked for, since we asked for the terms. */
static bool are_terms_old(const struct remote_error *error, const struct remote_terms *terms)
{
    return error->failure.reason == REASON_PIN_CHANGED ||
           (error->failure.reason == REASON_CODE_REQUIRED && !terms->asks_code);
}

/* Stretches and unlocks. A PIN that was changed elsewhere since the terms were fetched is tried as the new one. */
static CK_RV authenticate(struct remote_token *token, struct bytes pin, int64_t deadline_ms,
                          struct login **ret, struct remote_error *error)
{
    CK_RV rv = CKR_GENERAL_ERROR;

    for (unsigned round = 0; round < 2; round++) {
        CLEANUP(login_unref) struct login *login = NULL;
        struct remote_terms terms;

        rv = remote_token_terms(token, deadline_ms, &terms, error);
        if (rv == CKR_OK && terms.pin_version == 0)
            rv = remote_error_set(error, CKR_USER_PIN_NOT_INITIALIZED, "%s",
                                  reason_row(REASON_PIN_NOT_SET)->sentence);
        if (rv == CKR_OK)
            rv = remote_token_make_login(token, &terms, pin, terms.pin_version, token->remote->device_secret,
                                         &login, error);
        if (rv != CKR_OK)
            return rv;
        rv = unlock_first(token, &terms, login, deadline_ms, error);
        if (rv == CKR_OK)
            *ret = TAKE(login);
        if (rv == CKR_OK || !are_terms_old(error, &terms))
            return rv;
        remote_token_forget_terms(token);
    }
    return rv;
}

/* -------------------------------------------------------------------------------------------------- logging in, out */

/* Under lock: S is wiped with the last call that still uses it. */
void remote_token_drop_login(struct remote_token *token)
{
    login_unref(token->login);
    lease_set_clear(&token->leases);
    token->login = NULL;
    token->has_confirmed = false;
    token->has_ticket = false;
    secret_wipe(token->ticket, sizeof(token->ticket));
    token->login_state = LOGIN_NONE;
}

void remote_token_end_login(struct remote_token *token, const struct login *login)
{
    pthread_mutex_lock(&token->lock);
    if (token->login == login)
        remote_token_drop_login(token);
    pthread_mutex_unlock(&token->lock);
}

enum login_start { LOGIN_START, LOGIN_RESUMED, LOGIN_REFUSED };

/* Under lock: takes the place of the one thread that logs in, or finds that nobody needs to. */
static enum login_start start_login(struct remote_token *token, struct bytes pin, int64_t deadline_ms,
                                    struct remote_error *error)
{
    while (token->login_state == LOGIN_UNDER_WAY)
        if (clock_wait(&token->changed, &token->lock, deadline_ms) == -ETIMEDOUT) {
            (void)remote_error_set(error, CKR_DEVICE_ERROR, "another login takes too long");
            return LOGIN_REFUSED;
        }
    if (token->login_state == LOGIN_HELD) {
        (void)remote_error_set(error, CKR_USER_ALREADY_LOGGED_IN, "already logged in");
        return LOGIN_REFUSED;
    }
    if (token->login_state == LOGIN_PARKED && login_is_of_pin(token->remote->libctx, token->login, pin)) {
        token->login_state = LOGIN_HELD;
        return LOGIN_RESUMED;
    }
    remote_token_drop_login(token);
    token->login_state = LOGIN_UNDER_WAY;
    return LOGIN_START;
}

/* Takes @login, NULL: it failed. */
static void finish_login(struct remote_token *token, struct login *login)
{
    pthread_mutex_lock(&token->lock);
    if (login) {
        token->login = login;
        token->login_state = LOGIN_HELD;
    } else {
        remote_token_drop_login(token);
    }
    pthread_cond_broadcast(&token->changed);
    pthread_mutex_unlock(&token->lock);
}

CK_RV remote_token_login(struct remote_token *token, struct bytes pin, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    struct login *login = NULL;
    enum login_start start;
    CK_RV rv = remote_token_check_typed(pin, error);

    if (rv != CKR_OK)
        return rv;
    remote_token_reap(token);
    pthread_mutex_lock(&token->lock);
    start = start_login(token, pin, deadline_ms, error);
    pthread_mutex_unlock(&token->lock);
    if (start != LOGIN_START)
        return start == LOGIN_RESUMED ? CKR_OK : error->rv;
    rv = authenticate(token, pin, deadline_ms, &login, error);
    finish_login(token, login);
    return rv;
}

void remote_token_logout(struct remote_token *token)
{
    remote_token_reap(token);
    pthread_mutex_lock(&token->lock);
    if (token->login_state == LOGIN_HELD) {
        token->login_state = LOGIN_PARKED;
        token->parked_until_ms = clock_now_ms() + PARKED_MS;
    }
    pthread_mutex_unlock(&token->lock);
}

/* Tells the signer, which would otherwise keep the key until the lease has been idle for long enough. */
static void lock_lease(struct remote_token *token, struct lease *lease)
{
    Privyseal__V1__LockRequest request = PRIVYSEAL__V1__LOCK_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    CLEANUP(secret_free) struct secret *reply = NULL;
    struct remote_error ignored;

    if (pack_append(&request.base, &message) == 0)
        (void)!remote_token_call(token, lease, method_by_id(METHOD_Lock), buffer_bytes(&message),
                                 clock_now_ms() + LOCK_TIMEOUT_MS, &reply, &ignored);
}

void remote_token_reap(struct remote_token *token)
{
    CLEANUP(lease_set_clear) struct lease_set leases = { 0 };

    pthread_mutex_lock(&token->lock);
    if (token->login_state == LOGIN_PARKED && clock_now_ms() >= token->parked_until_ms) {
        leases = token->leases;
        token->leases.count = 0;
        remote_token_drop_login(token);
    }
    pthread_mutex_unlock(&token->lock);
    for (size_t i = 0; i < leases.count; i++)
        lock_lease(token, leases.leases[i]);
}

bool remote_token_is_logged_in(struct remote_token *token)
{
    bool is_held;

    pthread_mutex_lock(&token->lock);
    is_held = token->login_state == LOGIN_HELD;
    pthread_mutex_unlock(&token->lock);
    return is_held;
}

CK_RV remote_token_login_get(struct remote_token *token, struct login **ret, struct remote_error *error)
{
    CK_RV rv = CKR_OK;

    pthread_mutex_lock(&token->lock);
    if (token->login_state == LOGIN_HELD)
        *ret = login_ref(token->login);
    else
        rv = remote_error_set(error, CKR_USER_NOT_LOGGED_IN, "not logged in");
    pthread_mutex_unlock(&token->lock);
    return rv;
}

/* --------------------------------------------------------------------------------------------------- once, with S */

CK_RV remote_token_consent(struct remote_token *token, struct bytes pin, struct login **ret,
                           struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    CLEANUP(login_unref) struct login *held = NULL;
    CK_RV rv = remote_token_login_get(token, &held, error);

    if (rv == CKR_OK)
        rv = remote_token_check_typed(pin, error);
    if (rv != CKR_OK)
        return rv;
    if (login_is_of_pin(token->remote->libctx, held, pin)) {
        *ret = TAKE(held);
        return CKR_OK;
    }
    /* Wrong, or changed elsewhere since: the signer knows, and counts. */
    return authenticate(token, pin, deadline_ms, ret, error);
}

void remote_consent_free(struct login *consent)
{
    login_unref(consent);
}
