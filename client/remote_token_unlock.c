/* SPDX-License-Identifier: Apache-2.0 */
/* remote_token_unlock.c - S shown to a signer: leases, who waits for whose, and what a signer proves with them. */
#include <string.h>

#include "client/clock.h"
#include "client/remote_token_state.h"
#include "proto/pack.h"

#define MORE_LEASES_MS 300  /* for an Unlock that nobody needs */
#define SAME_TIME_MS   1000 /* deadlines so close are one: threads that wait for the same fail together */
#define CONFIRM_ROUNDS                                                                                       \
    3 /* the older of listing and proof is renewed; a change just then costs one round more */

/* ---------------------------------------------------------------------------------------------------- an Unlock */

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

/* --------------------------------------------------------------------------------------------------- once, with S */

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
