/* SPDX-License-Identifier: Apache-2.0 */
/* attribute.c - the table of attributes, and its two readers: C_GetAttributeValue and C_FindObjects. */
#include "module/core/attribute.h"

#include <stddef.h>
#include <string.h>

#include "include/table.h"
#include "proto/pkcs11_more.h"

#define PRIVATE_KEY (PRIVATE_RSA | PRIVATE_EC)
#define PUBLIC_KEY  (PUBLIC_RSA | PUBLIC_EC)
#define ANY_PAIR    (PRIVATE_KEY | PUBLIC_KEY)
#define ANY_KEY     (ANY_PAIR | SECRET_KEY)
#define ANY_RSA     (PRIVATE_RSA | PUBLIC_RSA)
#define ANY_EC      (PRIVATE_EC | PUBLIC_EC)
#define OF_TOKEN    (ANY_PAIR | CERTIFICATE | PROFILE)
#define ANY         (OF_TOKEN | SECRET_KEY)

struct attribute_kind {
    CK_ATTRIBUTE_TYPE type;
    unsigned kinds; /* of objects that have it: enum object_kind */
    enum attribute_source source;
    size_t offset; /* into struct object, for FROM_* */
};

#define AT(member) offsetof(struct object, member)

/*
 * In the order of the standard's numbers; one attribute may have a row for each group of kinds. A key here has
 * one use and never leaves; its label and id are all that is changed through this interface: most rows say so.
 */
static const struct attribute_kind attribute_kinds[] = {
    { CKA_CLASS, ANY, FROM_ULONG, AT(class) },
    { CKA_TOKEN, OF_TOKEN, SAYS_TRUE, 0 },
    { CKA_TOKEN, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_PRIVATE, ANY, FROM_BOOL, AT(is_private) },
    { CKA_LABEL, ANY, FROM_BYTES, AT(label) },
    { CKA_UNIQUE_ID, ANY, FROM_BYTES, AT(unique_id) },
    { CKA_VALUE, CERTIFICATE, FROM_BYTES, AT(value) },
    { CKA_VALUE, PRIVATE_EC, NEVER_TOLD, 0 },
    { CKA_VALUE, SECRET_KEY, UNLESS_SENSITIVE, AT(value) },
    { CKA_CERTIFICATE_TYPE, CERTIFICATE, FROM_ULONG, AT(certificate_type) },
    { CKA_ISSUER, CERTIFICATE, FROM_BYTES, AT(issuer) },
    { CKA_SERIAL_NUMBER, CERTIFICATE, FROM_BYTES, AT(serial_number) },
    { CKA_TRUSTED, CERTIFICATE | PUBLIC_KEY, SAYS_FALSE, 0 },
    { CKA_CERTIFICATE_CATEGORY, CERTIFICATE, FROM_ULONG, AT(certificate_category) },
    { CKA_KEY_TYPE, ANY_KEY, FROM_ULONG, AT(key_type) },
    { CKA_SUBJECT, ANY_PAIR | CERTIFICATE, FROM_BYTES, AT(subject) },
    { CKA_ID, ANY_KEY | CERTIFICATE, FROM_BYTES, AT(id) },
    { CKA_SENSITIVE, PRIVATE_KEY, SAYS_TRUE, 0 },
    { CKA_SENSITIVE, SECRET_KEY, FROM_BOOL, AT(is_sensitive) },
    { CKA_ENCRYPT, PUBLIC_KEY, FROM_BOOL, AT(decrypts) },
    { CKA_ENCRYPT, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_DECRYPT, PRIVATE_KEY, FROM_BOOL, AT(decrypts) },
    { CKA_DECRYPT, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_WRAP, PUBLIC_KEY | SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_UNWRAP, PRIVATE_KEY | SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_SIGN, PRIVATE_KEY, FROM_BOOL, AT(signs) },
    { CKA_SIGN, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_SIGN_RECOVER, PRIVATE_KEY, FROM_BOOL, AT(recovers) },
    { CKA_VERIFY, PUBLIC_KEY, FROM_BOOL, AT(signs) },
    { CKA_VERIFY, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_VERIFY_RECOVER, PUBLIC_KEY, FROM_BOOL, AT(recovers) },
    { CKA_DERIVE, PRIVATE_KEY, FROM_BOOL, AT(derives) },
    { CKA_DERIVE, PUBLIC_KEY | SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_START_DATE, ANY_KEY, FROM_BYTES, AT(start_date) },
    { CKA_END_DATE, ANY_KEY, FROM_BYTES, AT(end_date) },
    { CKA_MODULUS, ANY_RSA, FROM_BYTES, AT(modulus) },
    { CKA_MODULUS_BITS, ANY_RSA, FROM_ULONG, AT(modulus_bits) }, /* of private keys: pkcs11-tool asks */
    { CKA_PUBLIC_EXPONENT, ANY_RSA, FROM_BYTES, AT(public_exponent) },
    { CKA_PRIVATE_EXPONENT, PRIVATE_RSA, NEVER_TOLD, 0 },
    { CKA_PRIME_1, PRIVATE_RSA, NEVER_TOLD, 0 },
    { CKA_PRIME_2, PRIVATE_RSA, NEVER_TOLD, 0 },
    { CKA_EXPONENT_1, PRIVATE_RSA, NEVER_TOLD, 0 },
    { CKA_EXPONENT_2, PRIVATE_RSA, NEVER_TOLD, 0 },
    { CKA_COEFFICIENT, PRIVATE_RSA, NEVER_TOLD, 0 },
    { CKA_PUBLIC_KEY_INFO, ANY_PAIR | CERTIFICATE, FROM_BYTES, AT(public_key_info) },
    { CKA_VALUE_LEN, SECRET_KEY, FROM_ULONG, AT(value_len) },
    { CKA_EXTRACTABLE, PRIVATE_KEY, SAYS_FALSE, 0 },
    { CKA_EXTRACTABLE, SECRET_KEY, FROM_BOOL, AT(is_extractable) },
    { CKA_LOCAL, ANY_PAIR, SAYS_TRUE, 0 },
    { CKA_LOCAL, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_NEVER_EXTRACTABLE, PRIVATE_KEY, SAYS_TRUE, 0 },
    { CKA_NEVER_EXTRACTABLE, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_ALWAYS_SENSITIVE, PRIVATE_KEY, SAYS_TRUE, 0 },
    { CKA_ALWAYS_SENSITIVE, SECRET_KEY, SAYS_FALSE, 0 },
    { CKA_KEY_GEN_MECHANISM, ANY_KEY, FROM_ULONG, AT(generated_by) },
    { CKA_MODIFIABLE, ANY_PAIR | CERTIFICATE, SAYS_TRUE, 0 },
    { CKA_MODIFIABLE, SECRET_KEY | PROFILE, SAYS_FALSE, 0 },
    { CKA_COPYABLE, ANY, SAYS_FALSE, 0 },
    { CKA_DESTROYABLE, PRIVATE_KEY | CERTIFICATE | SECRET_KEY, SAYS_TRUE, 0 },
    { CKA_DESTROYABLE, PUBLIC_KEY | PROFILE, SAYS_FALSE, 0 }, /* a public half goes with the private one */
    { CKA_EC_PARAMS, ANY_EC, FROM_BYTES, AT(ec_params) },
    { CKA_EC_POINT, ANY_EC, FROM_BYTES, AT(ec_point) }, /* of private keys: libp11 then needs no public one */
    { CKA_ALWAYS_AUTHENTICATE, PRIVATE_KEY, FROM_BOOL, AT(always_authenticate) },
    { CKA_WRAP_WITH_TRUSTED, PRIVATE_KEY, SAYS_FALSE, 0 },
    { CKA_PROFILE_ID, PROFILE, FROM_ULONG, AT(profile_id) },
    { CKA_ALLOWED_MECHANISMS, ANY_PAIR, FROM_BYTES, AT(allowed_mechanisms) },
};

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* A member of the object, as the application will see its bytes. */
static struct bytes value_of(const struct object *object, const struct attribute_kind *row)
{
    const void *member = (const char *)object + row->offset;

    switch (row->source) {
    case FROM_BYTES:
    case UNLESS_SENSITIVE:
        return *(const struct bytes *)member;
    case FROM_ULONG:
        return BYTES(member, sizeof(CK_ULONG));
    case FROM_BOOL:
        return BYTES(member, sizeof(CK_BBOOL));
    case SAYS_TRUE:
        return BYTES(&yes, sizeof(yes));
    case SAYS_FALSE:
        return BYTES(&no, sizeof(no));
    case NEVER_TOLD:
    case ATTRIBUTE_ABSENT:
        break;
    }
    return BYTES_NONE;
}

enum attribute_source attribute_find(const struct object *object, CK_ATTRIBUTE_TYPE type, struct bytes *ret)
{
    const struct attribute_kind *row;

    *ret = BYTES_NONE;
    for (EACH_ROW(row, attribute_kinds)) {
        if (row->type != type || !(row->kinds & object->kind))
            continue;
        if (row->source == UNLESS_SENSITIVE && (object->is_sensitive || !object->is_extractable))
            return NEVER_TOLD;
        *ret = value_of(object, row);
        return row->source == NEVER_TOLD || ret->data ? row->source : ATTRIBUTE_ABSENT;
    }
    return ATTRIBUTE_ABSENT;
}

static CK_RV read_one(const struct object *object, CK_ATTRIBUTE *wanted)
{
    struct bytes value;
    CK_RV rv;

    switch (attribute_find(object, wanted->type, &value)) {
    case ATTRIBUTE_ABSENT:
        rv = CKR_ATTRIBUTE_TYPE_INVALID;
        break;
    case NEVER_TOLD:
        rv = CKR_ATTRIBUTE_SENSITIVE;
        break;
    default:
        rv = wanted->pValue && wanted->ulValueLen < value.len ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    }
    wanted->ulValueLen = rv == CKR_OK ? value.len : CK_UNAVAILABLE_INFORMATION;
    if (rv == CKR_OK && wanted->pValue && value.len)
        memcpy(wanted->pValue, value.data, value.len);
    return rv;
}

CK_RV attribute_read(const struct object *object, CK_ATTRIBUTE *wanted, size_t count)
{
    /* Of several errors the standard wants one: what no larger buffer mends comes first. */
    static const CK_RV worst_first[] = { CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID,
                                         CKR_BUFFER_TOO_SMALL };
    bool has_met[ARRAY_SIZE(worst_first)] = { false };

    for (size_t i = 0; i < count; i++) {
        CK_RV rv = read_one(object, &wanted[i]);

        for (size_t j = 0; j < ARRAY_SIZE(worst_first); j++)
            has_met[j] |= rv == worst_first[j];
    }
    for (size_t j = 0; j < ARRAY_SIZE(worst_first); j++) {
        if (has_met[j])
            return worst_first[j];
    }
    return CKR_OK;
}

bool attribute_match(const struct object *object, const CK_ATTRIBUTE *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes value;
        enum attribute_source source = attribute_find(object, wanted[i].type, &value);

        if (source == ATTRIBUTE_ABSENT || source == NEVER_TOLD)
            return false;
        if (!bytes_equal(value, BYTES(wanted[i].pValue, wanted[i].ulValueLen)))
            return false;
    }
    return true;
}

CK_ULONG attribute_total_len(const struct object *object)
{
    const struct attribute_kind *row;
    CK_ULONG len = 0;

    for (EACH_ROW(row, attribute_kinds)) {
        if (row->kinds & object->kind)
            len += value_of(object, row).len;
    }
    return len;
}

bool attribute_at(size_t index, CK_ATTRIBUTE_TYPE *ret_type, unsigned *ret_kinds)
{
    if (index >= ARRAY_SIZE(attribute_kinds))
        return false;
    *ret_type = attribute_kinds[index].type;
    *ret_kinds = attribute_kinds[index].kinds;
    return true;
}
