/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_object.h - secret keys that C_DeriveKey made: session objects of a token, in this process alone.
 *
 * Nothing is done with them here but to read their value, and that is what applications want them for. They end with
 * their session, with the login, or by C_DestroyObject; their bytes live in struct secret all the while.
 * Source:  PKCS#11 v3.1 4.10 (Secret key objects), 5.6.2 (C_CloseSession), 5.6.10 (C_Logout).
 * Threads: the list is guarded by its slot's lock; an object is immutable, and counted.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "include/secret.h"
#include "module/core/object.h"

struct session;

struct secret_object {
    struct object object; /* lends from what follows */
    struct secret *value;
    char label[LABEL_MAX_LEN];
    uint8_t id[KEY_ID_MAX];

    atomic_uint references;
    const struct session *session; /* whose object it is: compared, never followed */
    struct secret_object *next;
};

/* Takes @value, also on errors. Without handle, label or id as yet. Errors: CKR_HOST_MEMORY. */
MUST_CHECK CK_RV secret_object_new(CK_KEY_TYPE type, struct secret *value, struct secret_object **ret);
void secret_object_unref(struct secret_object *object);
DEFINE_CLEANUP(secret_object_unref, struct secret_object *);

struct secret_list {
    struct secret_object *first;
    CK_ULONG given; /* handles so far: none is given twice */
};

/* Takes @object's reference and gives it its handle. */
CK_OBJECT_HANDLE secret_list_add(struct secret_list *list, struct secret_object *object);
/* Takes a reference for the caller. NULL: no such object. */
struct secret_object *secret_list_get(const struct secret_list *list, CK_OBJECT_HANDLE handle);
/* False: no such object. */
bool secret_list_remove(struct secret_list *list, CK_OBJECT_HANDLE handle);
/* Ends the objects of @session; NULL: all. */
void secret_list_clear(struct secret_list *list, const struct session *session);
