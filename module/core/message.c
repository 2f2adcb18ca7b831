/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - many signatures from one beginning. */
#include "module/core/message.h"

#include "module/core/begin.h"
#include "module/core/lock.h"

static const struct key_use signing = { USE_SIGN, CKO_PRIVATE_KEY, OF_SIGNING };
static const struct key_use verifying = { USE_VERIFY, CKO_PUBLIC_KEY, OF_SIGNING };

/* What Init began, and the message in parts under way. */
struct pair {
    struct operation *base, *part;
};

static struct pair signatures(struct session *session)
{
    return (struct pair){ &session->message_sign, &session->message_sign_part };
}

static struct pair verifications(struct session *session)
{
    return (struct pair){ &session->message_verify, &session->message_verify_part };
}

/* -------------------------------------------------------------------------------------- beginning and end */

CK_RV message_sign_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv = begin_signature(session, &session->message_sign, mechanism, key, &signing);

    LOCKED(&session->lock);
    if (rv != CKR_OK || !mechanism || !session->message_sign.key->always_authenticate)
        return rv;
    operation_clear(&session->message_sign);
    return CKR_KEY_FUNCTION_NOT_PERMITTED;
}

CK_RV message_verify_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return begin_signature(session, &session->message_verify, mechanism, key, &verifying);
}

static CK_RV end(struct session *session, struct pair pair)
{
    LOCKED(&session->lock);
    if (pair.base->state == OP_IDLE)
        return CKR_OPERATION_NOT_INITIALIZED;
    operation_clear(pair.base);
    operation_clear(pair.part);
    return CKR_OK;
}

CK_RV message_sign_end(struct session *session)
{
    return end(session, signatures(session));
}

CK_RV message_verify_end(struct session *session)
{
    return end(session, verifications(session));
}

/* --------------------------------------------------------------------------------------------- whole ones */

/* Under lock: a fresh operation like the one that Init began. */
static CK_RV start_like(struct session *session, const struct operation *base, struct operation *ret)
{
    return operation_start(ret, session->slot->link->libctx, base->mechanism, &base->pss, base->set,
                           base->key);
}

/* An operation for one message, unless the length answers the call. */
static CK_RV take_whole(struct session *session, struct pair pair, struct output output,
                        struct operation *ret, bool *ret_is_taken)
{
    CK_RV rv = CKR_OK;

    *ret_is_taken = false;
    LOCKED(&session->lock);
    if (pair.base->state == OP_IDLE)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pair.part->state != OP_IDLE)
        return CKR_OPERATION_ACTIVE;
    if (output.len && output_ends_with_length(output, sign_output_len(pair.base), &rv))
        return rv;
    rv = start_like(session, pair.base, ret);
    *ret_is_taken = rv == CKR_OK;
    return rv;
}

CK_RV message_sign(struct session *session, struct bytes data, struct output signature,
                   struct remote_error *error)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    bool is_taken;
    CK_RV rv = take_whole(session, signatures(session), signature, &taken, &is_taken);

    return is_taken ? sign_complete(session, &taken, data, signature, error) : rv;
}

CK_RV message_verify(struct session *session, struct bytes data, struct bytes signature)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    bool is_taken;
    CK_RV rv = take_whole(session, verifications(session), OUTPUT(NULL, NULL), &taken, &is_taken);

    return is_taken ? verify_complete(session, &taken, data, signature) : rv;
}

/* ----------------------------------------------------------------------------------------------- in parts */

static CK_RV begin(struct session *session, struct pair pair)
{
    LOCKED(&session->lock);
    if (pair.base->state == OP_IDLE)
        return CKR_OPERATION_NOT_INITIALIZED;
    return start_like(session, pair.base, pair.part);
}

CK_RV message_sign_begin(struct session *session)
{
    return begin(session, signatures(session));
}

CK_RV message_verify_begin(struct session *session)
{
    return begin(session, verifications(session));
}

CK_RV message_sign_part(struct session *session, struct bytes part)
{
    return sign_update(session, &session->message_sign_part, part);
}

CK_RV message_verify_part(struct session *session, struct bytes part)
{
    return sign_update(session, &session->message_verify_part, part);
}

static CK_RV take_last(struct session *session, struct pair pair, struct output output, struct operation *ret,
                       bool *ret_is_taken)
{
    LOCKED(&session->lock);
    return operation_take(pair.part, OP_FINAL, output, sign_output_len(pair.part), ret, ret_is_taken);
}

CK_RV message_sign_last(struct session *session, struct bytes part, struct output signature,
                        struct remote_error *error)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    bool is_taken;
    CK_RV rv = take_last(session, signatures(session), signature, &taken, &is_taken);

    return is_taken ? sign_complete(session, &taken, part, signature, error) : rv;
}

CK_RV message_verify_last(struct session *session, struct bytes part, struct bytes signature)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    bool is_taken;
    CK_RV rv = take_last(session, verifications(session), OUTPUT(NULL, NULL), &taken, &is_taken);

    return is_taken ? verify_complete(session, &taken, part, signature) : rv;
}
