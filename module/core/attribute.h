/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attribute.h - the attributes of our objects: one table, from which reading and searching follow.
 *
 * Source: PKCS#11 v3.1 4.4 (Profile objects), 4.6 (Certificate objects), 4.8 (Public key objects), 4.9
 *         (Private key objects), 6.1 and 6.3 (what RSA and EC keys add), 5.7.5 (C_GetAttributeValue).
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "module/core/object.h"

/* What a table row says of an attribute's value. */
enum attribute_source {
    ATTRIBUTE_ABSENT, /* not an attribute of such an object */
    FROM_BYTES,       /* a struct bytes in the object; data NULL: this object lacks it */
    FROM_ULONG,       /* a CK_ULONG in the object */
    FROM_BOOL,        /* a CK_BBOOL in the object */
    SAYS_TRUE,
    SAYS_FALSE,
    UNLESS_SENSITIVE, /* as FROM_BYTES, if the object may be read; else as the next */
    NEVER_TOLD,       /* the secret parts of a private key: they are not here, and would not be told */
};

/* What stands in @object for @type. SAYS_* come back as FROM_BOOL does: with *@ret. */
enum attribute_source attribute_find(const struct object *object, CK_ATTRIBUTE_TYPE type, struct bytes *ret);

/*
 * Fills @wanted[0 .. count - 1], all of it, whatever is wrong with one of them.
 * Errors: CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL; the worst of several.
 */
MUST_CHECK CK_RV attribute_read(const struct object *object, CK_ATTRIBUTE *wanted, size_t count);
/* Whether @object has every one of @wanted with exactly that value. None wanted: yes. */
bool attribute_match(const struct object *object, const CK_ATTRIBUTE *wanted, size_t count);

/* Bytes of all it tells: what C_GetObjectSize calls an object's size. v3.1 5.7.4 (C_GetObjectSize). */
CK_ULONG attribute_total_len(const struct object *object);

/* The @index-th row of the table, for tests: an attribute and the kinds of object that have it. False: none.
 * */
bool attribute_at(size_t index, CK_ATTRIBUTE_TYPE *ret_type, unsigned *ret_kinds);
