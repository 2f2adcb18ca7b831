/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - the objects of a token as the cases want them: searches, attributes, keys and their public halves.
 *
 * Source: PKCS#11 v3.1 5.7.5 (C_GetAttributeValue), 5.7.7 (C_FindObjectsInit), 6.1.2 and 6.3.3 (public key objects).
 */
#pragma once

#include "conformance/checks/check.h"
#include "conformance/checks/mechanism.h"

#define KEYS_MAX    32
#define OBJECTS_MAX 1024

/* The objects that match @filter, at most @room; ends the case if the search fails. */
CK_ULONG objects_find(struct check *check, CK_ATTRIBUTE *filter, CK_ULONG filter_count,
                      CK_OBJECT_HANDLE *objects, CK_ULONG room);

/* The first object of @class with that CKA_ID, or CK_INVALID_HANDLE. */
CK_OBJECT_HANDLE object_find(struct check *check, CK_OBJECT_CLASS class, const CK_BYTE *id, CK_ULONG id_len);

/* Any object of @class, or CK_INVALID_HANDLE. */
CK_OBJECT_HANDLE object_find_class(struct check *check, CK_OBJECT_CLASS class);

/* One attribute, at most *@len bytes; false if the object has none of the type or it is longer. */
bool object_read(struct check *check, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value,
                 CK_ULONG *len);

/* The private keys that may sign, at most KEYS_MAX. */
size_t keys_load(struct check *check, struct key *keys);

/* The first of them that is of @type; the case is skipped where there is none. */
struct key key_of_type(struct check *check, CK_KEY_TYPE type);

/* Whether the token lists @type for all that @flags tell. */
bool mechanism_does(struct check *check, CK_MECHANISM_TYPE type, CK_FLAGS flags);

/* Whether it lists @type with CKF_SIGN. */
bool mechanism_signs(struct check *check, CK_MECHANISM_TYPE type);

/* A key and a mechanism that fit each other, one that hashes if there is one; false if there is none. */
bool key_find_any(struct check *check, struct key *ret, const struct mechanism **ret_mechanism);

/* The public half from the public key object, or from the certificate; NULL if there is neither. */
EVP_PKEY *key_public(struct check *check, const struct key *key);
EVP_PKEY *key_from_public_object(struct check *check, const struct key *key);
EVP_PKEY *key_from_certificate(struct check *check, const struct key *key);

/* C_SignInit with @mechanism and its usual parameter. */
CK_RV sign_init(struct check *check, CK_SESSION_HANDLE session, const struct mechanism *mechanism,
                CK_OBJECT_HANDLE key);
