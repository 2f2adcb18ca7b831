/* SPDX-License-Identifier: Apache-2.0 */
/* sign.c - signing, verifying, digesting: from Init to the end. */
#include "module/core/sign.h"

#include "module/core/begin.h"
#include "module/core/lock.h"
#include "proto/rsa_public.h"

/* ---------------------------------------------------------------------------------------------- beginning */

/* Only keys that sign are signed and verified with. */
static const struct key_use signing = { USE_SIGN, CKO_PRIVATE_KEY, OF_SIGNING };
static const struct key_use verifying = { USE_VERIFY, CKO_PUBLIC_KEY, OF_SIGNING };
static const struct key_use signing_recover = { USE_SIGN_RECOVER, CKO_PRIVATE_KEY, OF_SIGNING };
static const struct key_use verifying_recover = { USE_VERIFY_RECOVER, CKO_PUBLIC_KEY, OF_SIGNING };

CK_RV sign_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return begin_signature(session, &session->sign, mechanism, key, &signing);
}

CK_RV verify_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return begin_signature(session, &session->verify, mechanism, key, &verifying);
}

CK_RV sign_recover_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return begin_signature(session, &session->sign_recover, mechanism, key, &signing_recover);
}

CK_RV verify_recover_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return begin_signature(session, &session->verify_recover, mechanism, key, &verifying_recover);
}

CK_RV digest_init(struct session *session, const CK_MECHANISM *mechanism)
{
    struct beginning beginning = { 0 };
    CK_RV rv;

    if (!mechanism)
        return begin_cancel(session, &session->digest);
    rv = begin_check(session, &session->digest);
    if (rv != CKR_OK)
        return rv;
    beginning.mechanism = mechanism_find(mechanism->mechanism);
    if (!beginning.mechanism || !(beginning.mechanism->use & USE_DIGEST))
        return CKR_MECHANISM_INVALID;
    if (mechanism->ulParameterLen)
        return CKR_MECHANISM_PARAM_INVALID;
    return begin_start(session, &session->digest, &beginning, NULL);
}

/* ----------------------------------------------------------------------------------------- parts and ends */

CK_RV sign_update(struct session *session, struct operation *operation, struct bytes part)
{
    LOCKED(&session->lock);
    return operation_update(operation, part);
}

size_t sign_output_len(const struct operation *operation)
{
    if (operation->state == OP_IDLE)
        return 0;
    if (!operation->key)
        return mechanism_hash_len(operation->mechanism->type);
    return mechanism_signature_len(operation->key->key_type, operation->key->public_key->bits);
}

static CK_RV take(struct session *session, struct operation *operation, enum op_event event,
                  struct output output, struct operation *ret, bool *ret_is_taken)
{
    LOCKED(&session->lock);
    return operation_take(operation, event, output, sign_output_len(operation), ret, ret_is_taken);
}

/* The data is judged here with the signer's own rule, so that a mistake costs no round trip. */
static CK_RV signing_input(struct operation *operation, struct bytes data, struct buffer *ret)
{
    CK_RV rv = operation_input(operation, data, ret);

    if (rv != CKR_OK)
        return rv;
    return mechanism_check_raw(operation->mechanism->raw, operation->key->key_type,
                               operation->key->public_key->bits,
                               operation->mechanism->has_pss ? &operation->pss : NULL, buffer_bytes(ret));
}

/* A key that always authenticates signs with the PIN given for this one signature, or not at all. */
static CK_RV send(struct remote_token *token, struct operation *operation, const struct remote_sign *request,
                  struct buffer *ret, struct remote_error *error)
{
    if (!operation->key->always_authenticate)
        return remote_token_sign(token, request, ret, error);
    if (!operation->consent)
        return CKR_USER_NOT_LOGGED_IN; /* v3.1 5.6.8 (C_Login), of CKU_CONTEXT_SPECIFIC */
    return remote_token_sign_once(token, operation->consent, request, ret, error);
}

static CK_RV ask_server(struct slot *slot, struct operation *operation, struct bytes input,
                        struct buffer *ret, struct remote_error *error)
{
    const struct remote_sign request = {
        .key_name = BYTES_OF_ARRAY(operation->key->public_key->name),
        .raw = operation->mechanism->raw,
        .pss = operation->mechanism->has_pss ? &operation->pss : NULL,
        .hash = operation_input_hash(operation, input),
        .data = input,
    };
    struct remote_token *token;
    CK_RV rv = slot_token(slot, &token, error);

    if (rv == CKR_OK)
        rv = send(token, operation, &request, ret, error);
    if (rv == CKR_OK && (ret->failed || ret->len != sign_output_len(operation)))
        rv = CKR_DEVICE_ERROR;
    return slot_session_rv(slot, rv);
}

CK_RV sign_complete(struct session *session, struct operation *taken, struct bytes data,
                    struct output signature, struct remote_error *error)
{
    CLEANUP(buffer_clear) struct buffer input = { 0 }, result = { 0 };
    CK_RV rv = signing_input(taken, data, &input);

    if (rv == CKR_OK)
        rv = ask_server(session->slot, taken, buffer_bytes(&input), &result, error);
    return rv == CKR_OK ? output_write(signature, buffer_bytes(&result)) : rv;
}

CK_RV sign_finish(struct session *session, struct operation *operation, enum op_event event,
                  struct bytes data, struct output signature, struct remote_error *error)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    bool is_taken;
    CK_RV rv = take(session, operation, event, signature, &taken, &is_taken);

    return is_taken ? sign_complete(session, &taken, data, signature, error) : rv;
}

CK_RV verify_complete(struct session *session, struct operation *taken, struct bytes data,
                      struct bytes signature)
{
    CLEANUP(buffer_clear) struct buffer input = { 0 };
    CK_RV rv = operation_input(taken, data, &input);

    if (rv != CKR_OK)
        return rv;
    if (signature.len != sign_output_len(taken))
        return CKR_SIGNATURE_LEN_RANGE;
    return public_key_verify(session->slot->link->libctx, taken->key->public_key, taken->mechanism->raw,
                             taken->mechanism->has_pss ? &taken->pss : NULL, buffer_bytes(&input), signature);
}

CK_RV verify_finish(struct session *session, enum op_event event, struct bytes data, struct bytes signature)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    bool is_taken;
    CK_RV rv = take(session, &session->verify, event, OUTPUT(NULL, NULL), &taken, &is_taken);

    return is_taken ? verify_complete(session, &taken, data, signature) : rv;
}

CK_RV verify_recover_finish(struct session *session, struct bytes signature, struct output data)
{
    struct operation *operation = &session->verify_recover;
    CLEANUP(buffer_clear) struct buffer result = { 0 };
    CK_RV rv, told;

    /* Some microseconds of arithmetic: the lock may be held, and the length that is told is the right one. */
    LOCKED(&session->lock);
    rv = operation_allows(operation, OP_ONE_SHOT);
    if (rv == CKR_OK)
        rv = rsa_public_recover(session->slot->link->libctx, operation->key->public_key, signature, &result);
    if (rv == CKR_OK && output_ends_with_length(data, result.len, &told))
        return told;
    operation_clear(operation);
    return rv == CKR_OK ? output_write(data, buffer_bytes(&result)) : rv;
}

CK_RV digest_finish(struct session *session, enum op_event event, struct bytes data, struct output digest)
{
    CLEANUP(operation_clear) struct operation operation = { .state = OP_IDLE };
    CLEANUP(buffer_clear) struct buffer result = { 0 };
    bool is_taken;
    CK_RV rv = take(session, &session->digest, event, digest, &operation, &is_taken);

    if (!is_taken)
        return rv;
    rv = operation_input(&operation, data, &result);
    return rv == CKR_OK ? output_write(digest, buffer_bytes(&result)) : rv;
}
