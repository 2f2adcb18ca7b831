/* SPDX-License-Identifier: Apache-2.0 */
/* secret_object.c - a list of secrets with handles. */
#include "module/core/secret_object.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/pkcs11_more.h"

/* Objects of the token have their slot's number above their index: nowhere near the topmost bit. */
#define SECRET_HANDLE_BIT ((CK_OBJECT_HANDLE)1 << (8 * sizeof(CK_OBJECT_HANDLE) - 1))

CK_RV secret_object_new(CK_KEY_TYPE type, struct secret *value, struct secret_object **ret)
{
    struct secret_object *made = calloc(1, sizeof(*made));

    if (!made) {
        secret_free(value);
        return CKR_HOST_MEMORY;
    }
    atomic_init(&made->references, 1);
    made->value = value;
    made->object = (struct object){
        .kind = SECRET_KEY,
        .class = CKO_SECRET_KEY,
        .is_private = CK_TRUE,
        .is_extractable = CK_TRUE,
        .key_type = type,
        .generated_by = CK_UNAVAILABLE_INFORMATION, /* as the standard has it of what was derived. v3.1 4.7 */
        .value = secret_bytes(value),
        .value_len = value->len,
        .label = BYTES(made->label, 0),
        .id = BYTES(made->id, 0),
        .start_date = BYTES("", 0),
        .end_date = BYTES("", 0),
    };
    *ret = made;
    return CKR_OK;
}

void secret_object_unref(struct secret_object *object)
{
    if (!object || atomic_fetch_sub(&object->references, 1) > 1)
        return;
    secret_free(object->value);
    free(object);
}

CK_OBJECT_HANDLE secret_list_add(struct secret_list *list, struct secret_object *object)
{
    struct object *told = &object->object;
    int len;

    told->handle = SECRET_HANDLE_BIT | ++list->given;
    len = snprintf(told->unique_id_text, sizeof(told->unique_id_text), "%02x-%lx", told->kind, list->given);
    told->unique_id = BYTES(told->unique_id_text, (size_t)len);
    object->next = list->first;
    list->first = object;
    return told->handle;
}

struct secret_object *secret_list_get(const struct secret_list *list, CK_OBJECT_HANDLE handle)
{
    struct secret_object *object = list->first;

    while (object && object->object.handle != handle)
        object = object->next;
    if (object)
        atomic_fetch_add(&object->references, 1);
    return object;
}

bool secret_list_remove(struct secret_list *list, CK_OBJECT_HANDLE handle)
{
    struct secret_object **link = &list->first, *object;

    while (*link && (*link)->object.handle != handle)
        link = &(*link)->next;
    object = *link;
    if (!object)
        return false;
    *link = object->next;
    secret_object_unref(object);
    return true;
}

void secret_list_clear(struct secret_list *list, const struct session *session)
{
    struct secret_object **link = &list->first, *object;

    while ((object = *link)) {
        if (session && object->session != session) {
            link = &object->next;
            continue;
        }
        *link = object->next;
        secret_object_unref(object);
    }
}
