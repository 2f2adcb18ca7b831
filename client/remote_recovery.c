/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_recovery.c - ways back into a token whose PIN is forgotten: made while it is open, used when it is not.
 *
 * Codes and shares are made here. A recovery code goes to no server, only S_r out of it; Q goes to none either, before
 * officers open its shares.
 */
#include "client/remote_recovery.h"

#include <errno.h>
#include <string.h>
#include <openssl/x509v3.h>

#include "client/clock.h"
#include "client/remote_token_state.h"
#include "proto/certificate.h"
#include "proto/device_code.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proto/officer.h"
#include "proto/pack.h"
#include "proto/officer_share.h"
#include "proto/shamir.h"

/* S_r. */
static CK_RV recovery_secret(const struct remote_token *token, struct bytes code, struct secret **ret,
                             struct remote_error *error)
{
    const struct remote *remote = token->remote;
    int r;

    if (code.len != RECOVERY_CODE_LEN)
        return remote_error_set(error, CKR_ARGUMENTS_BAD, "a recovery code has %d bytes", RECOVERY_CODE_LEN);
    r = recovery_code_secret(remote->libctx, remote->deployment->realm, token->name, code, ret);
    return r < 0 ? remote_error_errno(error, r, "the recovery code") : CKR_OK;
}

/* ---------------------------------------------------------------------------------------- while it is open */

CK_RV remote_token_recovery(struct remote_token *token, Privyseal__V1__GetRecoveryResponse **ret,
                            struct remote_error *error)
{
    Privyseal__V1__GetRecoveryRequest request = PRIVYSEAL__V1__GET_RECOVERY_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    request.token = token->name;
    rv = remote_plain(token->remote, METHOD_GetRecovery, &request.base, &reply, error);
    if (rv == CKR_OK)
        *ret = (Privyseal__V1__GetRecoveryResponse *)reply;
    return rv;
}

static CK_RV call(struct remote_token *token, enum method_id id, const ProtobufCMessage *request,
                  struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(id)->deadline_ms;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;

    return remote_token_call_in_login(token, id, request, deadline_ms, &reply, error);
}

/* Nothing, where there is no device secret. */
static CK_RV seal_device_secret(const struct remote_token *token, struct bytes code, struct buffer *ret,
                                struct remote_error *error)
{
    const struct remote *remote = token->remote;
    const struct secret *secret = remote_next_device_secret(remote);
    int r = secret ? device_code_seal(remote->libctx, remote->deployment->realm, token->name, code,
                                      secret_bytes(secret), ret)
                   : 0;

    return r < 0 ? remote_error_errno(error, r, "sealing the device secret") : CKR_OK;
}

CK_RV remote_token_put_recovery(struct remote_token *token, struct bytes code, struct remote_error *error)
{
    Privyseal__V1__PutRecoveryRequest request = PRIVYSEAL__V1__PUT_RECOVERY_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *secret = NULL;
    CLEANUP(buffer_clear) struct buffer blob = { 0 };
    CK_RV rv = recovery_secret(token, code, &secret, error);

    if (rv == CKR_OK)
        rv = seal_device_secret(token, code, &blob, error);
    if (rv != CKR_OK)
        return rv;
    request.recovery_secret = pack_borrow(secret_bytes(secret));
    request.device_secret_blob = pack_borrow(buffer_bytes(&blob));
    return call(token, METHOD_PutRecovery, &request.base, error);
}

CK_RV remote_token_remove_recovery(struct remote_token *token, Privyseal__V1__RecoveryWay way,
                                   struct remote_error *error)
{
    Privyseal__V1__RemoveRecoveryRequest request = PRIVYSEAL__V1__REMOVE_RECOVERY_REQUEST__INIT;

    request.way = way;
    return call(token, METHOD_RemoveRecovery, &request.base, error);
}

CK_RV remote_token_cancel_recovery(struct remote_token *token, struct remote_error *error)
{
    Privyseal__V1__CancelRecoveryRequest request = PRIVYSEAL__V1__CANCEL_RECOVERY_REQUEST__INIT;

    return call(token, METHOD_CancelRecovery, &request.base, error);
}

/* ------------------------------------------------------------------------------------------------ officers */

/* Those certificates of @reply that a server may have put there; each is checked by itself. */
static int parse_officers(struct remote *remote, const Privyseal__V1__GetRecoveryResponse *reply,
                          STACK_OF(X509) **ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *all = sk_X509_new_null();

    if (!all)
        return -ENOMEM;
    if (reply->n_officer_certificate > 2 * OFFICERS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < reply->n_officer_certificate; i++) {
        X509 *certificate = NULL;
        int r = certificate_parse(remote->libctx, pack_lend(&reply->officer_certificate[i]), &certificate);

        if (r < 0)
            return r;
        if (sk_X509_push(all, certificate) <= 0) {
            X509_free(certificate);
            return -ENOMEM;
        }
    }
    *ret = TAKE(all);
    return 0;
}

static bool is_authority(X509 *certificate)
{
    return X509_check_ca(certificate) != 0;
}

/* The officer's name as the certificate has it. */
static int take_name(X509 *certificate, char ret[NAME_MAX_LEN + 1])
{
    int len =
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, ret, NAME_MAX_LEN + 1);

    return len > 0 && name_is_valid(BYTES(ret, (size_t)len)) ? 0 : -EBADMSG;
}

/* The chain of officer number @which: that one, then every authority there is. */
static int check_officer(struct remote *remote, const STACK_OF(X509) *all, int which,
                         struct remote_officer *ret, const char **why)
{
    STACK_OF(X509) *chain = sk_X509_new_null(); /* lent certificates */
    X509 *leaf = sk_X509_value(all, which);
    int r = chain && sk_X509_push(chain, leaf) > 0 ? 0 : -ENOMEM;

    for (int i = 0; r == 0 && i < sk_X509_num(all); i++)
        if (is_authority(sk_X509_value(all, i)) && sk_X509_num(chain) < CERTIFICATES_MAX &&
            sk_X509_push(chain, sk_X509_value(all, i)) <= 0)
            r = -ENOMEM;
    if (r == 0)
        r = certificate_officer_key(remote->libctx, chain, remote->trust, ret->key, why);
    if (r == 0)
        r = certificate_hash(remote->libctx, leaf, ret->hash);
    if (r == 0)
        r = take_name(leaf, ret->name);
    sk_X509_free(chain);
    return r;
}

static bool is_among(const struct remote_officer *officer, const struct remote_officer *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(officer->name, others[i].name) == 0 ||
            memcmp(officer->key, others[i].key, sizeof(officer->key)) == 0)
            return true;
    return false;
}

CK_RV remote_officers(struct remote *remote, const Privyseal__V1__GetRecoveryResponse *reply,
                      struct remote_officer ret[OFFICERS_MAX], size_t *ret_count, struct remote_error *error)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *all = NULL;
    const char *why = "the officers' certificates cannot be read";
    size_t count = 0;
    int r = parse_officers(remote, reply, &all);

    for (int i = 0; r == 0 && i < sk_X509_num(all); i++) {
        if (is_authority(sk_X509_value(all, i)))
            continue;
        r = count == OFFICERS_MAX ? -E2BIG : check_officer(remote, all, i, &ret[count], &why);
        if (r == 0 && is_among(&ret[count], ret, count)) {
            why = "an officer is there twice";
            r = -EBADMSG;
        }
        count++;
    }
    if (r < 0)
        return remote_error_set(error, CKR_DEVICE_ERROR,
                                "the server names officers that this deployment's root does not know: %s",
                                why);
    *ret_count = count;
    return CKR_OK;
}

/* What a quorum is made of, in memory that goes with it. */
struct quorum_parts {
    uint8_t name[QUORUM_NAME_LEN];
    struct secret *q, *secret;
    struct shamir_share shares[OFFICERS_MAX];
    uint8_t sealed[OFFICERS_MAX][OFFICER_SEALED_LEN];
    uint8_t digest[OFFICERS_MAX][HASH_LEN];
    Privyseal__V1__QuorumShare message[OFFICERS_MAX], *pointer[OFFICERS_MAX];
};

static void quorum_parts_clear(struct quorum_parts *parts)
{
    secret_free(parts->q);
    secret_free(parts->secret);
    shamir_shares_clear(parts->shares, OFFICERS_MAX);
}
DEFINE_CLEAR(quorum_parts_clear, struct quorum_parts);

static int seal_share(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum, struct quorum_parts *parts,
                      size_t i, const struct remote_officer *officer)
{
    Privyseal__V1__QuorumShare *message = parts->pointer[i] = &parts->message[i];
    struct bytes share = secret_bytes(parts->shares[i].data);
    uint32_t number = parts->shares[i].index;
    int r = officer_share_seal(libctx, quorum, number, BYTES_OF_ARRAY(officer->key), share, parts->sealed[i]);

    if (r == 0)
        r = officer_share_digest(libctx, quorum, number, share, parts->digest[i]);
    if (r < 0)
        return r;
    privyseal__v1__quorum_share__init(message);
    message->number = number;
    message->officer = pack_borrow(BYTES_OF_ARRAY(officer->hash));
    message->name = (char *)officer->name;
    message->digest = pack_borrow(BYTES_OF_ARRAY(parts->digest[i]));
    message->sealed = pack_borrow(BYTES_OF_ARRAY(parts->sealed[i]));
    return 0;
}

static int make_parts(const struct remote_token *token, const struct remote_officer *officers, size_t count,
                      uint32_t needed, struct quorum_parts *parts)
{
    OSSL_LIB_CTX *libctx = token->remote->libctx;
    const struct officer_quorum quorum = { token->remote->deployment->realm, token->name,
                                           BYTES_OF_ARRAY(parts->name), needed };
    CLEANUP(secret_free) struct secret *name = NULL;
    int r = secret_random(sizeof(parts->name), &name);

    if (r == 0)
        r = secret_random(OFFICER_SHARE_LEN, &parts->q);
    if (r < 0)
        return r;
    memcpy(parts->name, name->data, sizeof(parts->name));
    r = officer_quorum_secret(libctx, &quorum, secret_bytes(parts->q), &parts->secret);
    if (r == 0)
        r = shamir_split(secret_bytes(parts->q), needed, (unsigned)count, parts->shares);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = seal_share(libctx, &quorum, parts, i, &officers[i]);
    return r;
}

CK_RV remote_token_put_quorum(struct remote_token *token, const struct remote_officer *officers, size_t count,
                              uint32_t needed, struct remote_error *error)
{
    Privyseal__V1__PutQuorumRequest request = PRIVYSEAL__V1__PUT_QUORUM_REQUEST__INIT;
    CLEANUP(quorum_parts_clear) struct quorum_parts parts = { 0 };
    int r = count <= OFFICERS_MAX ? make_parts(token, officers, count, needed, &parts) : -EINVAL;

    if (r < 0)
        return remote_error_errno(error, r, "making the officers' shares");
    request.name = pack_borrow(BYTES_OF_ARRAY(parts.name));
    request.needed = needed;
    request.quorum_secret = pack_borrow(secret_bytes(parts.secret));
    request.n_share = count;
    request.share = parts.pointer;
    return call(token, METHOD_PutQuorum, &request.base, error);
}

/* ------------------------------------------------------------------------------------- when it is forgotten */

/* S of the new PIN, for the version after the one that is forgotten, which becomes @ret_version. */
static CK_RV stretch_new(struct remote_token *token, struct bytes pin, int64_t deadline_ms,
                         uint32_t *ret_version, struct secret **ret, struct remote_error *error)
{
    struct remote_terms terms;
    CK_RV rv;

    remote_token_forget_terms(token); /* of an old version nothing would come but a refusal */
    rv = remote_token_terms(token, deadline_ms, &terms, error);
    if (rv == CKR_OK && terms.pin_version == 0)
        rv = remote_error_set(error, CKR_USER_PIN_NOT_INITIALIZED, "%s",
                              reason_row(REASON_PIN_NOT_SET)->sentence);
    if (rv == CKR_OK)
        rv = remote_token_check_new_pin(token, &terms, pin, error);
    if (rv != CKR_OK)
        return rv;
    *ret_version = terms.pin_version;
    return remote_token_stretch(token, &terms, pin, terms.pin_version + 1, ret, error);
}

static CK_RV open_device_secret(const struct remote_token *token, struct bytes code, struct bytes blob,
                                struct secret **ret, struct remote_error *error)
{
    const struct remote *remote = token->remote;
    int r = blob.len
                ? device_code_open(remote->libctx, remote->deployment->realm, token->name, code, blob, ret)
                : 0;

    return r < 0 ? remote_error_errno(error, r, "the device secret that goes with the recovery code")
                 : CKR_OK;
}

CK_RV remote_token_fetch_recovery(struct remote_token *token, struct bytes code, struct secret **ret,
                                  struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    Privyseal__V1__FetchRecoveryRequest request = PRIVYSEAL__V1__FETCH_RECOVERY_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    CLEANUP(secret_free) struct secret *secret = NULL;
    CK_RV rv = recovery_secret(token, code, &secret, error);

    if (rv != CKR_OK)
        return rv;
    request.token = token->name;
    request.recovery_secret = pack_borrow(secret_bytes(secret));
    rv = remote_token_sealed(token, METHOD_FetchRecovery, &request.base, &request.certificate_hash,
                             deadline_ms, &reply, error);
    if (rv != CKR_OK)
        return rv;
    return open_device_secret(token, code,
                              pack_lend(&((Privyseal__V1__FetchRecoveryResponse *)reply)->device_secret_blob),
                              ret, error);
}

CK_RV remote_token_recover_pin(struct remote_token *token, struct bytes code, struct bytes new_pin,
                               struct bytes next_code, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    Privyseal__V1__RecoverPinRequest request = PRIVYSEAL__V1__RECOVER_PIN_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *secret = NULL, *next = NULL, *stretched = NULL;
    CLEANUP(buffer_clear) struct buffer blob = { 0 };
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    CK_RV rv = recovery_secret(token, code, &secret, error);

    if (rv == CKR_OK && next_code.len)
        rv = recovery_secret(token, next_code, &next, error);
    if (rv == CKR_OK && next)
        rv = seal_device_secret(token, next_code, &blob, error);
    if (rv == CKR_OK)
        rv = stretch_new(token, new_pin, deadline_ms, &request.pin_version, &stretched, error);
    if (rv != CKR_OK)
        return rv;
    request.token = token->name;
    request.recovery_secret = pack_borrow(secret_bytes(secret));
    request.new_stretched_pin = pack_borrow(secret_bytes(stretched));
    if (next)
        request.next_recovery_secret = pack_borrow(secret_bytes(next));
    request.device_secret_blob = pack_borrow(buffer_bytes(&blob));
    rv = remote_token_sealed(token, METHOD_RecoverPin, &request.base, &request.certificate_hash, deadline_ms,
                             &reply, error);
    if (rv == CKR_OK)
        remote_adopt_device_secret(token->remote);
    remote_token_forget_terms(token);
    return rv;
}

CK_RV remote_token_request_recovery(struct remote_token *token, struct bytes new_pin,
                                    Privyseal__V1__RequestRecoveryResponse **ret, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    Privyseal__V1__RequestRecoveryRequest request = PRIVYSEAL__V1__REQUEST_RECOVERY_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *stretched = NULL;
    ProtobufCMessage *reply = NULL;
    CK_RV rv = stretch_new(token, new_pin, deadline_ms, &request.pin_version, &stretched, error);

    if (rv != CKR_OK)
        return rv;
    request.token = token->name;
    request.new_stretched_pin = pack_borrow(secret_bytes(stretched));
    rv = remote_token_sealed(token, METHOD_RequestRecovery, &request.base, &request.certificate_hash,
                             deadline_ms, &reply, error);
    if (rv == CKR_OK)
        *ret = (Privyseal__V1__RequestRecoveryResponse *)reply;
    return rv;
}

CK_RV remote_token_finish_recovery(struct remote_token *token, struct bytes request_name,
                                   struct bytes new_pin, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->login_timeout_ms;
    Privyseal__V1__FinishRecoveryRequest request = PRIVYSEAL__V1__FINISH_RECOVERY_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *stretched = NULL;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    uint32_t version;
    CK_RV rv = stretch_new(token, new_pin, deadline_ms, &version, &stretched, error);

    if (rv != CKR_OK)
        return rv;
    request.token = token->name;
    request.request = pack_borrow(request_name);
    request.new_stretched_pin = pack_borrow(secret_bytes(stretched));
    rv = remote_token_sealed(token, METHOD_FinishRecovery, &request.base, &request.certificate_hash,
                             deadline_ms, &reply, error);
    remote_token_forget_terms(token);
    return rv;
}
