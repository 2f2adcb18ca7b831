/* SPDX-License-Identifier: Apache-2.0 */
/* begin.c - mechanism, key, and whether the one may be used with the other. */
#include "module/core/begin.h"

#include "module/core/lock.h"
#include "module/core/mechanism_use.h"

void beginning_clear(struct beginning *beginning)
{
    object_set_unref(beginning->set);
    *beginning = (struct beginning){ 0 };
}

static CK_RV find_key(struct session *session, const struct object_set *set, CK_OBJECT_HANDLE handle,
                      const struct key_use *need, const struct object **ret)
{
    const struct object *object = object_set_find(set, handle, true);

    if (!object || !object->public_key)
        return CKR_KEY_HANDLE_INVALID;
    if (object->is_private && !slot_is_logged_in(session->slot))
        return CKR_USER_NOT_LOGGED_IN;
    if (object->class != need->class || object->usage != need->usage)
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    *ret = object;
    return CKR_OK;
}

/* The snapshot at hand, or the first one: a beginning waits for no server that has been seen. */
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

CK_RV begin_find(struct session *session, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key,
                 const struct key_use *need, struct beginning *ret)
{
    CK_RV rv = current_objects(session, &ret->set);

    if (rv == CKR_OK)
        rv = mechanism_offered(object_set_snapshot(ret->set)->content, type, need->use, &ret->mechanism);
    if (rv == CKR_OK)
        rv = find_key(session, ret->set, key, need, &ret->key);
    if (rv == CKR_OK && ret->mechanism->key_type != ret->key->key_type)
        rv = CKR_KEY_TYPE_INCONSISTENT;
    return rv;
}

CK_RV begin_check(struct session *session, const struct operation *operation)
{
    LOCKED(&session->lock);
    return operation_allows(operation, OP_INIT);
}

CK_RV begin_cancel(struct session *session, struct operation *operation)
{
    LOCKED(&session->lock);
    if (operation->state == OP_IDLE)
        return CKR_ARGUMENTS_BAD;
    operation_clear(operation);
    return CKR_OK;
}

CK_RV begin_start(struct session *session, struct operation *operation, const struct beginning *beginning,
                  const Privyseal__V1__PssParameters *pss)
{
    LOCKED(&session->lock);
    return operation_start(operation, session->slot->link->libctx, beginning->mechanism, pss, beginning->set,
                           beginning->key);
}

CK_RV begin_signature(struct session *session, struct operation *operation, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE key, const struct key_use *need)
{
    CLEANUP(beginning_clear) struct beginning beginning = { 0 };
    Privyseal__V1__PssParameters pss;
    CK_RV rv;

    if (!mechanism)
        return begin_cancel(session, operation);
    rv = begin_check(session, operation);
    if (rv == CKR_OK)
        rv = begin_find(session, mechanism->mechanism, key, need, &beginning);
    if (rv == CKR_OK)
        rv = mechanism_read_parameter(beginning.mechanism, mechanism, beginning.key->public_key->bits, &pss);
    return rv == CKR_OK ? begin_start(session, operation, &beginning, &pss) : rv;
}
