/* SPDX-License-Identifier: Apache-2.0 */
/* remote_token.c - a token's life, and what is fetched about it: snapshot and terms, in one GetToken. */
#include <string.h>

#include "client/clock.h"
#include "client/remote_token_state.h"
#include "client/snapshot.h"
#include "proto/name.h"
#include "proto/pack.h"

#define CHALLENGE_TRUST_MS (CHALLENGE_LIFE_MS - 20000) /* what is left covers stretching and the way there */

int remote_token_new(struct remote *remote, const char *name, struct remote_token **ret)
{
    CLEANUP(free) void *memory = NULL;
    struct remote_token *token;
    int r;

    if (!name_is_valid(bytes_of_text(name)))
        return -EINVAL;
    token = memory = calloc(1, sizeof(*token));
    if (!token)
        return -ENOMEM;
    token->name = strdup(name);
    if (!token->name)
        return -ENOMEM;
    r = clock_condition_init(&token->changed);
    if (r < 0) {
        free(token->name);
        return r;
    }
    pthread_mutex_init(&token->lock, NULL);
    lease_set_clear(&token->leases);
    token->remote = remote;
    memory = NULL;
    *ret = token;
    return 0;
}

void remote_token_free(struct remote_token *token)
{
    if (!token)
        return;
    login_unref(token->login);
    lease_set_clear(&token->leases);
    remote_snapshot_unref(token->snapshot);
    pthread_cond_destroy(&token->changed);
    pthread_mutex_destroy(&token->lock);
    free(token->name);
    free(token);
}

/* ------------------------------------------------------------------------------------------------------- fetching */

static struct remote_snapshot *snapshot_get(struct remote_token *token)
{
    struct remote_snapshot *snapshot;

    pthread_mutex_lock(&token->lock);
    snapshot = token->snapshot ? remote_snapshot_ref(token->snapshot) : NULL;
    pthread_mutex_unlock(&token->lock);
    return snapshot;
}

static CK_RV read_terms(struct remote_token *token, const Privyseal__V1__GetTokenResponse *reply,
                        struct remote_terms *ret, struct remote_error *error)
{
    if (reply->salt.len != SALT_LEN)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the server's salt has the wrong length");
    *ret = (struct remote_terms){
        .cost = { reply->argon2_memory_kib, reply->argon2_passes, reply->argon2_lanes },
        .pin_version = reply->pin_version,
        .policy = pin_policy_of(reply->pin_policy),
        .needs_device_secret = reply->policy && reply->policy->device_secret,
        .asks_code =
            reply->factor != PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_NONE && !reply->factor_missing,
        .first_version = reply->first_pin_version ? reply->first_pin_version : 1,
        .has_challenge = true,
        .fetched_ms = clock_now_ms(),
    };
    memcpy(ret->salt, reply->salt.data, SALT_LEN);
    return remote_seal_target(token->remote, pack_lend(&reply->challenge), reply->seal_certificates,
                              reply->n_seal_certificates, &ret->target, error);
}

/* Without a snapshot in the answer the one we told the server about still holds. */
static CK_RV read_snapshot(struct remote_token *token, const Privyseal__V1__GetTokenResponse *reply,
                           const struct remote_snapshot *known, struct remote_snapshot **ret,
                           struct remote_error *error)
{
    struct remote *remote = token->remote;
    const char *why = "the server left out a snapshot that was asked for";
    int r = -EBADMSG;

    if (reply->snapshot.len)
        r = snapshot_new(remote->libctx, remote->deployment->realm, token->name, pack_lend(&reply->snapshot),
                         ret, &why);
    else if (known)
        r = snapshot_copy(remote->libctx, known, ret);
    if (r < 0)
        return remote_error_set(error, r == -ENOMEM ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR, "%s", why);
    (*ret)->pin_state = reply->pin_state;
    (*ret)->pin_version = reply->pin_version;
    (*ret)->policy = pin_policy_of(reply->pin_policy);
    (*ret)->retry_after_ms = reply->retry_after_ms;
    (*ret)->factor = reply->factor;
    (*ret)->is_factor_missing = reply->factor_missing;
    (*ret)->is_factor_by_policy =
        reply->policy && reply->policy->second_factor != PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_NONE;
    return CKR_OK;
}

/* Takes @snapshot. */
static void store_fetched(struct remote_token *token, const struct remote_terms *terms,
                          struct remote_snapshot *snapshot)
{
    struct remote_snapshot *former;

    pthread_mutex_lock(&token->lock);
    former = token->snapshot;
    snapshot->is_confirmed = token->has_confirmed && memcmp(token->confirmed, snapshot->hash, HASH_LEN) == 0;
    token->snapshot = snapshot;
    token->snapshot_ms = clock_now_ms();
    token->is_proof_newer = false;
    token->terms = *terms;
    pthread_mutex_unlock(&token->lock);
    remote_snapshot_unref(former);
}

CK_RV remote_token_fetch(struct remote_token *token, int64_t deadline_ms, struct remote_error *error)
{
    Privyseal__V1__GetTokenRequest request = PRIVYSEAL__V1__GET_TOKEN_REQUEST__INIT;
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *known = snapshot_get(token), *fresh = NULL;
    CLEANUP(remote_free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__GetTokenResponse *reply;
    struct remote_terms terms;
    CK_RV rv;

    request.token = token->name;
    if (known)
        request.known_hash = pack_borrow(BYTES_OF_ARRAY(known->hash));
    rv = remote_plain_until(token->remote, METHOD_GetToken, &request.base, deadline_ms, &message, error);
    if (rv != CKR_OK && error->failure.reason == REASON_NOT_PERMITTED)
        return error->rv = CKR_TOKEN_NOT_PRESENT;
    if (rv != CKR_OK)
        return rv;
    reply = (const Privyseal__V1__GetTokenResponse *)message;
    rv = read_terms(token, reply, &terms, error);
    if (rv == CKR_OK)
        rv = read_snapshot(token, reply, known, &fresh, error);
    if (rv == CKR_OK)
        store_fetched(token, &terms, TAKE(fresh));
    return rv;
}

/* --------------------------------------------------------------------------------------------------------- terms */

static bool copy_terms(struct remote_token *token, struct remote_terms *ret, bool takes_challenge)
{
    bool are_good;

    pthread_mutex_lock(&token->lock);
    are_good = token->terms.fetched_ms && token->terms.has_challenge &&
               clock_now_ms() - token->terms.fetched_ms < CHALLENGE_TRUST_MS;
    if (are_good) {
        *ret = token->terms;
        token->terms.has_challenge = !takes_challenge;
    }
    pthread_mutex_unlock(&token->lock);
    return are_good;
}

static CK_RV get_terms(struct remote_token *token, int64_t deadline_ms, struct remote_terms *ret,
                       bool takes_challenge, struct remote_error *error)
{
    /* Other threads may take what we fetched; each of them fetched or will fetch as well, so this ends. */
    while (!copy_terms(token, ret, takes_challenge)) {
        CK_RV rv = remote_token_fetch(token, deadline_ms, error);

        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

CK_RV remote_token_terms(struct remote_token *token, int64_t deadline_ms, struct remote_terms *ret,
                         struct remote_error *error)
{
    return get_terms(token, deadline_ms, ret, false, error);
}

CK_RV remote_token_take_target(struct remote_token *token, int64_t deadline_ms, struct seal_target *ret,
                               struct remote_error *error)
{
    struct remote_terms terms;
    CK_RV rv = get_terms(token, deadline_ms, &terms, true, error);

    if (rv == CKR_OK)
        *ret = terms.target;
    return rv;
}

void remote_token_keep_challenge(struct remote_token *token, const struct failure *failure)
{
    if (!failure->has_challenge)
        return;
    pthread_mutex_lock(&token->lock);
    if (token->terms.fetched_ms) { /* else there is no sealing key to go with it */
        memcpy(token->terms.target.challenge, failure->challenge, CHALLENGE_LEN);
        token->terms.has_challenge = true;
        token->terms.fetched_ms = clock_now_ms();
    }
    pthread_mutex_unlock(&token->lock);
}

void remote_token_forget_terms(struct remote_token *token)
{
    pthread_mutex_lock(&token->lock);
    token->terms.has_challenge = false;
    pthread_mutex_unlock(&token->lock);
}

/* ------------------------------------------------------------------------------------------------------- snapshots */

bool remote_token_is_confirmed(struct remote_token *token)
{
    struct remote_snapshot *known = snapshot_get(token), *marked = NULL;
    bool is_confirmed;

    if (!known)
        return false;
    pthread_mutex_lock(&token->lock);
    is_confirmed = token->has_confirmed && memcmp(token->confirmed, known->hash, HASH_LEN) == 0;
    pthread_mutex_unlock(&token->lock);
    /* Snapshots that were given out do not change: the mark stands on a copy. */
    if (is_confirmed && !known->is_confirmed && snapshot_copy(token->remote->libctx, known, &marked) == 0) {
        struct remote_snapshot *former = marked;

        marked->is_confirmed = true;
        pthread_mutex_lock(&token->lock);
        if (token->snapshot == known) {
            former = token->snapshot;
            token->snapshot = marked;
        }
        pthread_mutex_unlock(&token->lock);
        remote_snapshot_unref(former);
    }
    remote_snapshot_unref(known);
    return is_confirmed;
}

/* Before a login the network is believed about a listing; during one, only a signer. */
static CK_RV confirm_if_logged_in(struct remote_token *token, int64_t deadline_ms, struct remote_error *error)
{
    CLEANUP(login_unref) struct login *login = NULL;
    struct remote_error ignored;

    if (remote_token_login_get(token, &login, &ignored) != CKR_OK)
        return CKR_OK;
    return remote_token_confirm(token, login, deadline_ms, error);
}

CK_RV remote_token_snapshot(struct remote_token *token, unsigned max_age_ms, struct remote_snapshot **ret,
                            struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(METHOD_GetToken)->deadline_ms;
    bool is_at_hand;
    CK_RV rv = CKR_OK;

    remote_token_reap(token);
    pthread_mutex_lock(&token->lock);
    is_at_hand = token->snapshot && max_age_ms && clock_now_ms() - token->snapshot_ms <= max_age_ms;
    pthread_mutex_unlock(&token->lock);
    if (!is_at_hand)
        rv = remote_token_fetch(token, deadline_ms, error);
    if (rv == CKR_OK && !is_at_hand)
        rv = confirm_if_logged_in(token, deadline_ms, error);
    if (rv == CKR_OK)
        *ret = snapshot_get(token);
    return rv;
}
