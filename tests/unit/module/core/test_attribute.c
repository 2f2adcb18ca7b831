/* SPDX-License-Identifier: Apache-2.0 */
/* test_attribute.c - the attribute table, and what reading and matching make of it. */
#include "module/core/attribute.h"

#include "include/table.h"
#include "proto/pkcs11_more.h"
#include "tests/support/suite.h"

static const struct object rsa_key = {
    .signs = CK_TRUE,
    .handle = 1,
    .kind = PRIVATE_RSA,
    .class = CKO_PRIVATE_KEY,
    .is_private = CK_TRUE,
    .id = { (const uint8_t *)"\1\2\3", 3 },
    .label = { (const uint8_t *)"signing", 7 },
    .subject = { (const uint8_t *)"", 0 },
    .key_type = CKK_RSA,
    .modulus_bits = 3072,
};

static const struct object certificate = { .kind = CERTIFICATE, .class = CKO_CERTIFICATE };

START_TEST(rows_of_one_attribute_never_overlap)
{
    CK_ATTRIBUTE_TYPE type, other_type, last_type = 0;
    unsigned kinds, other_kinds;

    for (size_t i = 0; attribute_at(i, &type, &kinds); i++) {
        ck_assert_uint_ne(kinds, 0);
        ck_assert_uint_eq(kinds & ~(2 * SECRET_KEY - 1), 0);
        for (size_t j = i + 1; attribute_at(j, &other_type, &other_kinds); j++)
            ck_assert(type != other_type || !(kinds & other_kinds));
        /* Sorted by number, but that array attributes carry CKF_ARRAY_ATTRIBUTE and profiles came late. */
        ck_assert(type >= last_type);
        last_type = type & ~CKF_ARRAY_ATTRIBUTE;
    }
}
END_TEST

START_TEST(every_attribute_that_clients_read_has_a_row)
{
    static const CK_ATTRIBUTE_TYPE of_private_keys[] = {
        CKA_CLASS,
        CKA_KEY_TYPE,
        CKA_ID,
        CKA_LABEL,
        CKA_TOKEN,
        CKA_PRIVATE,
        CKA_SENSITIVE,
        CKA_EXTRACTABLE,
        CKA_LOCAL,
        CKA_ALWAYS_SENSITIVE,
        CKA_NEVER_EXTRACTABLE,
        CKA_SIGN,
        CKA_SIGN_RECOVER,
        CKA_DECRYPT,
        CKA_UNWRAP,
        CKA_DERIVE,
        CKA_ALWAYS_AUTHENTICATE,
        CKA_UNIQUE_ID,
        CKA_SUBJECT,
        CKA_MODIFIABLE,
        CKA_ALLOWED_MECHANISMS,
        CKA_MODULUS,
        CKA_PUBLIC_EXPONENT,
        CKA_MODULUS_BITS,
    };
    static const CK_ATTRIBUTE_TYPE of_certificates[] = {
        CKA_CERTIFICATE_TYPE,
        CKA_VALUE,
        CKA_SUBJECT,
        CKA_ISSUER,
        CKA_SERIAL_NUMBER,
        CKA_ID,
        CKA_LABEL,
        CKA_TOKEN,
        CKA_PRIVATE,
        CKA_TRUSTED,
        CKA_CERTIFICATE_CATEGORY,
        CKA_CLASS,
    };
    const CK_ATTRIBUTE_TYPE *type;
    CK_ATTRIBUTE_TYPE row_type;
    unsigned kinds, found = 0;

    for (EACH_ROW(type, of_private_keys)) {
        for (size_t i = 0; attribute_at(i, &row_type, &kinds); i++)
            found += row_type == *type && kinds & PRIVATE_RSA;
    }
    ck_assert_uint_eq(found, ARRAY_SIZE(of_private_keys));
    found = 0;
    for (EACH_ROW(type, of_certificates)) {
        for (size_t i = 0; attribute_at(i, &row_type, &kinds); i++)
            found += row_type == *type && kinds & CERTIFICATE;
    }
    ck_assert_uint_eq(found, ARRAY_SIZE(of_certificates));
}
END_TEST

START_TEST(length_is_asked_for_with_a_null_value)
{
    CK_ATTRIBUTE wanted = { CKA_LABEL, NULL, 0 };

    ck_assert_uint_eq(attribute_read(&rsa_key, &wanted, 1), CKR_OK);
    ck_assert_uint_eq(wanted.ulValueLen, 7);
}
END_TEST

START_TEST(absent_attribute_does_not_stop_the_others)
{
    CK_BYTE id[8], label[16], value[8];
    CK_ATTRIBUTE wanted[] = {
        { CKA_ID, id, sizeof(id) },
        { CKA_CERTIFICATE_TYPE, value, sizeof(value) },
        { CKA_LABEL, label, sizeof(label) },
    };

    ck_assert_uint_eq(attribute_read(&rsa_key, wanted, 3), CKR_ATTRIBUTE_TYPE_INVALID);
    ck_assert_uint_eq(wanted[0].ulValueLen, 3);
    ck_assert_uint_eq(wanted[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    ck_assert_uint_eq(wanted[2].ulValueLen, 7);
    ck_assert_mem_eq(label, "signing", 7);
}
END_TEST

START_TEST(secret_parts_are_sensitive_and_not_absent)
{
    static const CK_ATTRIBUTE_TYPE secret[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
                                                CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT };
    const CK_ATTRIBUTE_TYPE *type;

    for (EACH_ROW(type, secret)) {
        CK_ATTRIBUTE wanted = { *type, NULL, 0 };

        ck_assert_uint_eq(attribute_read(&rsa_key, &wanted, 1), CKR_ATTRIBUTE_SENSITIVE);
        ck_assert_uint_eq(wanted.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    }
}
END_TEST

START_TEST(small_buffer_is_told_and_the_others_are_filled)
{
    CK_BYTE label[2], id[3];
    CK_ATTRIBUTE wanted[] = { { CKA_LABEL, label, sizeof(label) }, { CKA_ID, id, sizeof(id) } };

    ck_assert_uint_eq(attribute_read(&rsa_key, wanted, 2), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    ck_assert_mem_eq(id, "\1\2\3", 3);
}
END_TEST

START_TEST(empty_attribute_is_there)
{
    CK_ATTRIBUTE wanted = { CKA_SUBJECT, NULL, 99 };

    ck_assert_uint_eq(attribute_read(&rsa_key, &wanted, 1), CKR_OK);
    ck_assert_uint_eq(wanted.ulValueLen, 0);
}
END_TEST

START_TEST(key_says_that_it_signs_and_does_nothing_else)
{
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        CK_BBOOL value;
    } rows[] = {
        { CKA_SIGN, CK_TRUE },         { CKA_SENSITIVE, CK_TRUE },
        { CKA_PRIVATE, CK_TRUE },      { CKA_DECRYPT, CK_FALSE },
        { CKA_UNWRAP, CK_FALSE },      { CKA_DERIVE, CK_FALSE },
        { CKA_EXTRACTABLE, CK_FALSE }, { CKA_ALWAYS_AUTHENTICATE, CK_FALSE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CK_BBOOL value = 7;
        CK_ATTRIBUTE wanted = { rows[i].type, &value, sizeof(value) };

        ck_assert_uint_eq(attribute_read(&rsa_key, &wanted, 1), CKR_OK);
        ck_assert_uint_eq(value, rows[i].value);
    }
}
END_TEST

START_TEST(match_is_by_every_attribute_exactly)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) },
                              { CKA_SIGN, &yes, sizeof(yes) },
                              { CKA_ID, "\1\2\3", 3 } };

    ck_assert(attribute_match(&rsa_key, NULL, 0));
    ck_assert(attribute_match(&rsa_key, wanted, 3));
    wanted[2].ulValueLen = 2;
    ck_assert(!attribute_match(&rsa_key, wanted, 3));
    ck_assert(!attribute_match(&certificate, wanted, 1));
}
END_TEST

START_TEST(unknown_and_secret_attributes_match_nothing)
{
    CK_ATTRIBUTE vendor = { CKA_VENDOR_DEFINED | 0x4e534300, "x", 1 };
    CK_ATTRIBUTE secret = { CKA_PRIVATE_EXPONENT, NULL, 0 };

    ck_assert(!attribute_match(&rsa_key, &vendor, 1));
    ck_assert(!attribute_match(&rsa_key, &secret, 1));
}
END_TEST

SUITE("attribute", rows_of_one_attribute_never_overlap, every_attribute_that_clients_read_has_a_row,
      length_is_asked_for_with_a_null_value, absent_attribute_does_not_stop_the_others,
      secret_parts_are_sensitive_and_not_absent, small_buffer_is_told_and_the_others_are_filled,
      empty_attribute_is_there, key_says_that_it_signs_and_does_nothing_else,
      match_is_by_every_attribute_exactly, unknown_and_secret_attributes_match_nothing);
