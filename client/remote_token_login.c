/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_token_login.c - from a PIN to a lease: logging in and out, unlocking anew.
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
#define MORE_LEASES_MS  300  /* for an Unlock that nobody needs */
#define SAME_TIME_MS    1000 /* deadlines so close are one: threads that wait for the same fail together */
#define CONFIRM_ROUNDS                                                                                       \
    3 /* the older of listing and proof is renewed; a change just then costs one round more */

/* ------------------------------------------------------------------------------------------------------- unlocking */

/* Under lock: a fresh lease, and with it the hash that the signer stands for. */
static void install_lease(struct remote_token *token, struct lease *lease,
                          const Privyseal__V1__UnlockResponse *reply)
{
    lease_set_put(&token->leases, lease, reply->signers);
    memcpy(token->confirmed, reply->snapshot_hash.data, HASH_LEN);
    token->has_confirmed = true;
    token->is_proof_newer = true;
}

void remote_token_keep_ticket(struct remote_token *token, const ProtobufCBinaryData *ticket)
{
    if (ticket->len != TICKET_LEN)
        return;
    pthread_mutex_lock(&token->lock);
    memcpy(token->ticket, ticket->data, TICKET_LEN);
    token->has_ticket = true;
    pthread_mutex_unlock(&token->lock);
}

ProtobufCBinaryData remote_token_ticket(struct remote_token *token, uint8_t room[TICKET_LEN])
{
    bool has_ticket;

    pthread_mutex_lock(&token->lock);
    has_ticket = token->has_ticket;
    memcpy(room, token->ticket, TICKET_LEN);
    pthread_mutex_unlock(&token->lock);
    return (ProtobufCBinaryData){ .data = room, .len = has_ticket ? TICKET_LEN : 0 };
}

/* The answer to Unlock: session keys from what we sent sealed, and the lease. */
static CK_RV take_lease(struct remote_token *token, const struct seal_target *target,
                        struct bytes client_secret, struct bytes certificate_hash,
                        const Privyseal__V1__UnlockResponse *reply, struct remote_error *error)
{
    struct remote *remote = token->remote;
    CLEANUP(session_keys_clear) struct session_keys keys = { 0 };
    struct lease *lease = NULL;
    int r;

    if (reply->lease.len != LEASE_LEN || reply->snapshot_hash.len != HASH_LEN)
        return remote_error_set(error, CKR_DEVICE_ERROR,
                                "the answer to Unlock has fields of the wrong length");
    r = session_keys_derive(remote->libctx, remote->deployment->realm, token->name, client_secret,
                            BYTES_OF_ARRAY(target->challenge), pack_lend(&reply->lease), certificate_hash,
                            &keys);
    keys.desk = &remote->desk;
    if (r == 0)
        r = lease_new(&keys, &lease);
    if (r < 0)
        return remote_error_errno(error, r, "session keys");
    pthread_mutex_lock(&token->lock);
    install_lease(token, lease, reply);
    pthread_mutex_unlock(&token->lock);
    return CKR_OK;
}

/* One Unlock. */
static CK_RV unlock_once(struct remote_token *token, struct login *login, int64_t deadline_ms,
                         struct remote_error *error)
{
    struct remote *remote = token->remote;
    const struct method *method = method_by_id(METHOD_Unlock);
    Privyseal__V1__UnlockRequest request = PRIVYSEAL__V1__UNLOCK_REQUEST__INIT;
    struct sealed_body body = { .request = &request.base };
    CLEANUP(secret_free) struct secret *client_secret = NULL, *reply = NULL;
    CLEANUP(remote_free_message) ProtobufCMessage *message = NULL;
    uint8_t certificate_hash[HASH_LEN], ticket[TICKET_LEN];
    struct seal_target target;
    int r = secret_random(CLIENT_SECRET_LEN, &client_secret);
    CK_RV rv = r < 0 ? remote_error_errno(error, r, "random bytes") : CKR_OK;

    if (login->code)
        request.code = (char *)login->code->data;
    else
        request.ticket = remote_token_ticket(token, ticket);
    if (rv == CKR_OK && login->needs_ticket && !login->code && !request.ticket.len)
        rv =
            remote_error_set(error, CKR_USER_NOT_LOGGED_IN, "%s", reason_row(REASON_CODE_REQUIRED)->sentence);
    if (rv == CKR_OK)
        rv = remote_token_take_target(token, deadline_ms, &target, error);
    if (rv != CKR_OK)
        return rv;
    remote->channel->ops->certificate_hash(remote->channel, certificate_hash);
    request.token = token->name;
    request.pin_version = login->pin_version;
    request.stretched_pin = pack_borrow(secret_bytes(login->stretched));
    request.certificate_hash = pack_borrow(BYTES_OF_ARRAY(certificate_hash));
    request.client_secret = pack_borrow(secret_bytes(client_secret));
    rv = remote_sealed(remote, method, &body, &target, deadline_ms, &reply, error);
    if (rv == CKR_OK)
        rv = remote_unpack(method, secret_bytes(reply), &message, error);
    if (rv != CKR_OK)
        return rv;
    remote_token_keep_ticket(token, &((const Privyseal__V1__UnlockResponse *)message)->ticket);
    return take_lease(token, &target, secret_bytes(client_secret), BYTES_OF_ARRAY(certificate_hash),
                      (const Privyseal__V1__UnlockResponse *)message, error);
}

CK_RV remote_token_unlock(struct remote_token *token, struct login *login, int64_t deadline_ms,
                          struct remote_error *error)
{
    CK_RV rv = unlock_once(token, login, deadline_ms, error);

    /* The sealing key at hand may be of an epoch that is over, which nobody could say with proof. */
    if (rv != CKR_OK && error->failure.reason == REASON_MALFORMED && !error->failure.is_authentic) {
        remote_token_forget_terms(token);
        rv = unlock_once(token, login, deadline_ms, error);
    }
    return rv;
}

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

/* A signer says that S opens nothing any more: the PIN was changed or locked elsewhere. Trying on would only count. */
static bool ends_login(const struct remote_error *error)
{
    switch (error->failure.reason) {
    case REASON_PIN_INCORRECT:
    case REASON_PIN_LOCKED:
    case REASON_PIN_CHANGED:
    case REASON_PIN_NOT_SET:
    case REASON_CODE_REQUIRED:
    case REASON_DISABLED:
        return error->failure.is_authentic;
    default:
        return false;
    }
}

/* Under lock, before and after. One thread unlocks for all of them. */
static CK_RV unlock_for_all(struct remote_token *token, struct login *login, int64_t deadline_ms,
                            struct remote_error *error)
{
    CK_RV rv;

    token->is_unlocking = true;
    token->unlock_ends_ms = deadline_ms;
    pthread_mutex_unlock(&token->lock);
    rv = remote_token_unlock(token, login, deadline_ms, error);
    pthread_mutex_lock(&token->lock);
    token->is_unlocking = false;
    token->unlocks_ended++;
    if (rv != CKR_OK && ends_login(error)) {
        error->rv = rv = CKR_USER_NOT_LOGGED_IN;
        if (token->login == login)
            remote_token_drop_login(token);
    }
    token->unlock_result = rv == CKR_OK ? (struct remote_error){ 0 } : *error;
    pthread_cond_broadcast(&token->changed);
    return rv;
}

/* Under lock. Waits for the unlock under way; a failure of it is ours too. */
static CK_RV wait_for_unlock(struct remote_token *token, int64_t deadline_ms, struct remote_error *error)
{
    uint64_t ended = token->unlocks_ended;

    while (token->unlocks_ended == ended)
        if (clock_wait(&token->changed, &token->lock, deadline_ms) == -ETIMEDOUT)
            return remote_error_set(error, CKR_DEVICE_ERROR, "no time left to unlock the token again");
    if (token->unlock_result.rv != CKR_OK)
        *error = token->unlock_result;
    return token->unlock_result.rv;
}

/*
 * Under lock. Unlocks, or waits for the thread that is at it. Of a failure for want of time only those hear who have as
 * little: one that went for a further lease gives up soon, and so does a call that began long ago.
 */
static CK_RV unlock_or_wait(struct remote_token *token, struct login *login, int64_t deadline_ms,
                            struct remote_error *error)
{
    while (token->is_unlocking) {
        int64_t its_end_ms = token->unlock_ends_ms;
        CK_RV rv = wait_for_unlock(token, deadline_ms, error);

        if (rv == CKR_OK || token->login != login || deadline_ms <= its_end_ms + SAME_TIME_MS ||
            !clock_left_ms(deadline_ms))
            return rv;
    }
    return unlock_for_all(token, login, deadline_ms, error);
}

/*
 * Under lock. One thread goes for another lease, the others go on with what there is. So does that one, if it fails or
 * takes long: a signature under a lease that lives does not wait for a store.
 */
static void get_more(struct remote_token *token, struct login *login, int64_t deadline_ms)
{
    int64_t patience_ms = clock_now_ms() + MORE_LEASES_MS;
    struct remote_error ignored;

    if (token->login == login && !token->is_unlocking && lease_set_wants_more(&token->leases))
        (void)!unlock_for_all(token, login, patience_ms < deadline_ms ? patience_ms : deadline_ms, &ignored);
}

CK_RV remote_token_lease_get(struct remote_token *token, struct login *login, bool uses_key,
                             const struct lease *stale, int64_t deadline_ms, struct lease **ret,
                             struct remote_error *error)
{
    CK_RV rv = CKR_OK;

    pthread_mutex_lock(&token->lock);
    lease_set_drop(&token->leases, stale); /* the caller holds it still, so its address names no other one */
    get_more(token, login, deadline_ms);
    while (rv == CKR_OK) {
        if (token->login != login || token->login_state == LOGIN_PARKED) {
            rv = remote_error_set(error, CKR_USER_NOT_LOGGED_IN, "logged out meanwhile");
        } else if (token->leases.count) {
            *ret = lease_set_get(&token->leases, uses_key);
            break;
        } else {
            rv = unlock_or_wait(token, login, deadline_ms, error);
        }
    }
    pthread_mutex_unlock(&token->lock);
    return rv;
}

/* An Unlock proves the hash of the snapshot as it is now; a lease that is in use goes on. */
static CK_RV prove_again(struct remote_token *token, struct login *login, int64_t deadline_ms,
                         struct remote_error *error)
{
    CK_RV rv;

    pthread_mutex_lock(&token->lock);
    rv = unlock_or_wait(token, login, deadline_ms, error);
    pthread_mutex_unlock(&token->lock);
    return rv;
}

CK_RV remote_token_confirm(struct remote_token *token, struct login *login, int64_t deadline_ms,
                           struct remote_error *error)
{
    for (unsigned round = 0; !remote_token_is_confirmed(token); round++) {
        bool is_proof_newer;
        CK_RV rv;

        if (round == CONFIRM_ROUNDS)
            return remote_error_set(error, CKR_DEVICE_ERROR,
                                    "the server lists other keys than the signer stands for");
        pthread_mutex_lock(&token->lock);
        is_proof_newer = token->is_proof_newer;
        pthread_mutex_unlock(&token->lock);
        rv = is_proof_newer ? remote_token_fetch(token, deadline_ms, error)
                            : prove_again(token, login, deadline_ms, error);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

/* -------------------------------------------------------------------------------------------------- logging in, out */

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

CK_RV remote_token_sealed(struct remote_token *token, enum method_id id, const ProtobufCMessage *request,
                          ProtobufCBinaryData *certificate_hash, int64_t deadline_ms, ProtobufCMessage **ret,
                          struct remote_error *error)
{
    const struct method *method = method_by_id(id);
    struct remote *remote = token->remote;
    struct sealed_body body = { .request = request };
    CLEANUP(secret_free) struct secret *reply = NULL;
    uint8_t hash[HASH_LEN];
    struct seal_target target;
    CK_RV rv = remote_token_take_target(token, deadline_ms, &target, error);

    if (rv != CKR_OK)
        return rv;
    remote->channel->ops->certificate_hash(remote->channel, hash);
    *certificate_hash = pack_borrow(BYTES_OF_ARRAY(hash));
    rv = remote_sealed(remote, method, &body, &target, deadline_ms, &reply, error);
    if (rv == CKR_OK)
        return remote_unpack(method, secret_bytes(reply), ret, error);
    if (ends_login(error))
        error->rv = rv = CKR_USER_NOT_LOGGED_IN;
    /* To an application in the middle of its work the token is in trouble, not gone. */
    return error->rv = rv == CKR_DEVICE_REMOVED ? CKR_DEVICE_ERROR : rv;
}
