/* SPDX-License-Identifier: Apache-2.0 */
/* modify.c - new names and the end of objects. */
#include "module/core/modify.h"

#include <string.h>

#include "module/core/attribute.h"
#include "proto/digest.h"
#include "proto/limits.h"
#include "proto/name.h"

/* How the wire names an object: by the key it is, or is for. */
struct target {
    uint8_t key[KEY_NAME_LEN];
    Privyseal__V1__ObjectKind kind;
};

struct change {
    char label[LABEL_MAX_LEN + 1]; /* "": stays */
    struct bytes id;               /* empty: stays; lent from the application's memory */
};

static CK_RV find(struct session *session, CK_OBJECT_HANDLE handle, struct object_set **ret_set,
                  const struct object **ret)
{
    *ret_set = slot_known_objects(session->slot);
    *ret = *ret_set ? object_set_find(*ret_set, handle, slot_is_logged_in(session->slot)) : NULL;
    return *ret ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

/* A certificate says which key it is for. */
static CK_RV aim(struct session *session, const struct object *object, struct target *ret)
{
    if (object->public_key) {
        ret->kind = PRIVYSEAL__V1__OBJECT_KIND__OBJECT_KEY;
        memcpy(ret->key, object->public_key->name, KEY_NAME_LEN);
        return CKR_OK;
    }
    if (object->class != CKO_CERTIFICATE)
        return CKR_ACTION_PROHIBITED;
    ret->kind = PRIVYSEAL__V1__OBJECT_KIND__OBJECT_CERTIFICATE;
    return digest_sha256(session->slot->link->libctx, object->public_key_info, ret->key) == 0
               ? CKR_OK
               : CKR_FUNCTION_FAILED;
}

static CK_RV check_session(struct session *session)
{
    if (!session->is_rw)
        return CKR_SESSION_READ_ONLY;
    return slot_is_logged_in(session->slot) ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

/* The server is asked for what was gone meanwhile, too: then there is nothing left to name. */
static CK_RV report(struct session *session, CK_RV rv)
{
    return slot_session_rv(session->slot, rv == CKR_KEY_HANDLE_INVALID ? CKR_OBJECT_HANDLE_INVALID : rv);
}

/* ----------------------------------------------------------------------------------------------- renaming */

static CK_RV read_change(const struct object *object, const CK_ATTRIBUTE *attribute, struct change *change)
{
    struct bytes value = BYTES(attribute->pValue, attribute->ulValueLen), now;

    if (attribute_find(object, attribute->type, &now) == ATTRIBUTE_ABSENT)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    switch (attribute->type) {
    case CKA_LABEL:
        if (!label_is_valid(value))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        memcpy(change->label, value.data, value.len);
        change->label[value.len] = '\0';
        return CKR_OK;
    case CKA_ID:
        change->id = value;
        return value.len >= 1 && value.len <= KEY_ID_MAX ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
    default:
        /* What would change nothing is no change: NSS sets a certificate's subject again with its label. */
        return bytes_equal(value, now) && value.len ? CKR_OK : CKR_ATTRIBUTE_READ_ONLY;
    }
}

static CK_RV read_changes(const struct object *object, struct template changes, struct change *ret)
{
    for (size_t i = 0; i < changes.count; i++) {
        CK_RV rv = read_change(object, &changes.attributes[i], ret);

        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

CK_RV modify_attributes(struct session *session, CK_OBJECT_HANDLE handle, struct template changes,
                        struct remote_error *error)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    struct change change = { .label = "" };
    const struct object *object;
    struct remote_token *token;
    struct target target;
    CK_RV rv = find(session, handle, &set, &object);

    if (rv == CKR_OK)
        rv = aim(session, object, &target);
    if (rv == CKR_OK)
        rv = read_changes(object, changes, &change);
    if (rv == CKR_OK)
        rv = check_session(session);
    if (rv == CKR_OK)
        rv = slot_token(session->slot, &token, error);
    if (rv != CKR_OK || (!*change.label && !change.id.len))
        return rv;
    rv = remote_token_update(token, BYTES_OF_ARRAY(target.key), target.kind, change.label, change.id, error);
    if (rv == CKR_OK)
        slot_adopt_changes(session->slot);
    return report(session, rv);
}

/* --------------------------------------------------------------------------------------------- destroying */

static bool is_destroyable(const struct object *object)
{
    struct bytes value;

    return attribute_find(object, CKA_DESTROYABLE, &value) != ATTRIBUTE_ABSENT && value.len && *value.data;
}

CK_RV modify_destroy(struct session *session, CK_OBJECT_HANDLE handle, struct remote_error *error)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    const struct object *object;
    struct remote_token *token;
    struct target target;
    CK_RV rv;

    if (slot_secret_remove(session->slot, handle))
        return CKR_OK;
    rv = find(session, handle, &set, &object);
    if (rv == CKR_OK && !is_destroyable(object))
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK)
        rv = aim(session, object, &target);
    if (rv == CKR_OK)
        rv = check_session(session);
    if (rv == CKR_OK)
        rv = slot_token(session->slot, &token, error);
    if (rv != CKR_OK)
        return rv;
    rv = remote_token_delete(token, BYTES_OF_ARRAY(target.key), target.kind, error);
    if (rv == CKR_OK)
        slot_adopt_changes(session->slot);
    return report(session, rv);
}

CK_RV modify_copy(struct session *session, CK_OBJECT_HANDLE handle)
{
    CLEANUP(secret_object_unref) struct secret_object *secret = slot_secret_get(session->slot, handle);
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    const struct object *object;

    return secret || find(session, handle, &set, &object) == CKR_OK ? CKR_ACTION_PROHIBITED
                                                                    : CKR_OBJECT_HANDLE_INVALID;
}
