/* SPDX-License-Identifier: Apache-2.0 */
/* sign.c - signing, verifying, digesting: from Init to the end. */
#include "module/core/sign.h"

#include "module/core/lock.h"
#include "module/core/mechanism_use.h"

/* ---------------------------------------------------------------------------------------------- beginning */

/* What an operation needs of its key. */
struct key_use {
    enum mechanism_use use;
    CK_OBJECT_CLASS class; /* of the key that can do it */
};

static const struct key_use signing = { USE_SIGN, CKO_PRIVATE_KEY };
static const struct key_use verifying = { USE_VERIFY, CKO_PUBLIC_KEY };

/* @mechanism NULL: the caller wants what is under way to end. */
static CK_RV cancel(struct session *session, struct operation *operation)
{
    LOCKED(&session->lock);
    if (operation->state == OP_IDLE)
        return CKR_ARGUMENTS_BAD;
    operation_clear(operation);
    return CKR_OK;
}

/* An operation already under way is the first thing to be said, whatever else is wrong. */
static CK_RV check_idle(struct session *session, const struct operation *operation)
{
    LOCKED(&session->lock);
    return operation_allows(operation, OP_INIT);
}

static CK_RV find_key(struct session *session, const struct object_set *set, CK_OBJECT_HANDLE handle,
                      const struct key_use *need, const struct object **ret)
{
    const struct object *object = object_set_find(set, handle, true);

    if (!object || !object->public_key)
        return CKR_KEY_HANDLE_INVALID;
    if (object->is_private && !slot_is_logged_in(session->slot))
        return CKR_USER_NOT_LOGGED_IN;
    if (object->class != need->class)
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    *ret = object;
    return CKR_OK;
}

/* The snapshot at hand, or the first one: beginning a signature waits for no server that has been seen. */
static CK_RV current_objects(struct session *session, struct object_set **ret)
{
    struct remote_error error = { 0 };
    CK_RV rv;

    *ret = slot_known_objects(session->slot);
    if (*ret)
        return CKR_OK;
    rv = slot_objects(session->slot, ANY_AGE_MS, ret, &error);
    return slot_session_rv(session->slot, rv);
}

static CK_RV start(struct session *session, struct operation *operation, const struct mechanism *mechanism,
                   const Privyseal__V1__PssParameters *pss, struct object_set *set, const struct object *key)
{
    LOCKED(&session->lock);
    return operation_start(operation, session->slot->link->libctx, mechanism, pss, set, key);
}

static CK_RV key_operation_init(struct session *session, struct operation *operation,
                                const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE handle,
                                const struct key_use *need)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    const struct mechanism *row;
    const struct object *key;
    Privyseal__V1__PssParameters pss;
    CK_RV rv;

    if (!mechanism)
        return cancel(session, operation);
    rv = check_idle(session, operation);
    if (rv == CKR_OK)
        rv = current_objects(session, &set);
    if (rv == CKR_OK)
        rv = mechanism_offered(object_set_snapshot(set)->content, mechanism->mechanism, need->use, &row);
    if (rv == CKR_OK)
        rv = find_key(session, set, handle, need, &key);
    if (rv == CKR_OK && row->key_type != key->key_type)
        rv = CKR_KEY_TYPE_INCONSISTENT;
    if (rv == CKR_OK)
        rv = mechanism_read_parameter(row, mechanism, key->public_key->bits, &pss);
    return rv == CKR_OK ? start(session, operation, row, &pss, set, key) : rv;
}

CK_RV sign_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return key_operation_init(session, &session->sign, mechanism, key, &signing);
}

CK_RV verify_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return key_operation_init(session, &session->verify, mechanism, key, &verifying);
}

CK_RV digest_init(struct session *session, const CK_MECHANISM *mechanism)
{
    const struct mechanism *row;
    CK_RV rv;

    if (!mechanism)
        return cancel(session, &session->digest);
    rv = check_idle(session, &session->digest);
    if (rv != CKR_OK)
        return rv;
    row = mechanism_find(mechanism->mechanism);
    if (!row || !(row->use & USE_DIGEST))
        return CKR_MECHANISM_INVALID;
    if (mechanism->ulParameterLen)
        return CKR_MECHANISM_PARAM_INVALID;
    return start(session, &session->digest, row, NULL, NULL, NULL);
}

/* ----------------------------------------------------------------------------------------- parts and ends */

CK_RV sign_update(struct session *session, struct operation *operation, struct bytes part)
{
    LOCKED(&session->lock);
    return operation_update(operation, part);
}

/* Bytes of output that @operation will have. */
static size_t output_len(const struct operation *operation)
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
    return operation_take(operation, event, output, output_len(operation), ret, ret_is_taken);
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
        rv = remote_token_sign(token, &request, ret, error);
    if (rv == CKR_OK && (ret->failed || ret->len != output_len(operation)))
        rv = CKR_DEVICE_ERROR;
    return slot_session_rv(slot, rv);
}

CK_RV sign_finish(struct session *session, enum op_event event, struct bytes data, struct output signature,
                  struct remote_error *error)
{
    CLEANUP(operation_clear) struct operation operation = { .state = OP_IDLE };
    CLEANUP(buffer_clear) struct buffer input = { 0 }, result = { 0 };
    bool is_taken;
    CK_RV rv = take(session, &session->sign, event, signature, &operation, &is_taken);

    if (!is_taken)
        return rv;
    rv = signing_input(&operation, data, &input);
    if (rv == CKR_OK)
        rv = ask_server(session->slot, &operation, buffer_bytes(&input), &result, error);
    return rv == CKR_OK ? output_write(signature, buffer_bytes(&result)) : rv;
}

CK_RV verify_finish(struct session *session, enum op_event event, struct bytes data, struct bytes signature)
{
    CLEANUP(operation_clear) struct operation operation = { .state = OP_IDLE };
    CLEANUP(buffer_clear) struct buffer input = { 0 };
    bool is_taken;
    CK_RV rv = take(session, &session->verify, event, OUTPUT(NULL, NULL), &operation, &is_taken);

    if (!is_taken)
        return rv;
    rv = operation_input(&operation, data, &input);
    if (rv != CKR_OK)
        return rv;
    if (signature.len != output_len(&operation))
        return CKR_SIGNATURE_LEN_RANGE;
    return public_key_verify(session->slot->link->libctx, operation.key->public_key, operation.mechanism->raw,
                             operation.mechanism->has_pss ? &operation.pss : NULL, buffer_bytes(&input),
                             signature);
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
