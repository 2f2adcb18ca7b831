/* SPDX-License-Identifier: Apache-2.0 */
/* test_device_code.c - a code's two halves, of which the server gets one. */
#include "proto/device_code.h"

#include <errno.h>

#include "tests/support/suite.h"

static const uint8_t code[DEVICE_CODE_LEN] = "0123456789abcde",
                     secret[DEVICE_SECRET_LEN] = "a device's secret";

#define SEALED(name)                                                                                         \
    CLEANUP(buffer_clear) struct buffer name = { 0 };                                                        \
    ck_assert_int_eq(                                                                                        \
        device_code_seal(NULL, "realm", "ann", BYTES_OF_ARRAY(code), BYTES_OF_ARRAY(secret), &name), 0)

START_TEST(secret_sealed_under_a_code_opens_under_it)
{
    CLEANUP(secret_free) struct secret *opened = NULL;
    SEALED(sealed);

    ck_assert_uint_eq(sealed.len, DEVICE_SECRET_SEALED_LEN);
    ck_assert_int_eq(
        device_code_open(NULL, "realm", "ann", BYTES_OF_ARRAY(code), buffer_bytes(&sealed), &opened), 0);
    ck_assert(secret_equal(secret_bytes(opened), BYTES_OF_ARRAY(secret)));
}
END_TEST

START_TEST(nothing_else_opens_it)
{
    static const uint8_t other[DEVICE_CODE_LEN] = "0123456789abcdf";
    CLEANUP(secret_free) struct secret *opened = NULL, *proof = NULL;
    SEALED(sealed);
    struct bytes blob = buffer_bytes(&sealed);

    ck_assert_int_eq(device_code_open(NULL, "realm", "ann", BYTES_OF_ARRAY(other), blob, &opened), -EBADMSG);
    ck_assert_int_eq(device_code_open(NULL, "realm", "bob", BYTES_OF_ARRAY(code), blob, &opened), -EBADMSG);
    ck_assert_int_eq(device_code_open(NULL, "other", "ann", BYTES_OF_ARRAY(code), blob, &opened), -EBADMSG);
    ck_assert_int_eq(device_code_proof(NULL, "realm", "ann", BYTES_OF_ARRAY(code), &proof), 0);
    ck_assert_int_eq(
        device_code_open(NULL, "realm", "ann", BYTES(proof->data, DEVICE_CODE_LEN), blob, &opened), -EBADMSG);
    sealed.data[sealed.len - 1] ^= 1;
    ck_assert_int_eq(device_code_open(NULL, "realm", "ann", BYTES_OF_ARRAY(code), blob, &opened), -EBADMSG);
    blob.len--;
    ck_assert_int_eq(device_code_open(NULL, "realm", "ann", BYTES_OF_ARRAY(code), blob, &opened), -EINVAL);
}
END_TEST

START_TEST(proof_is_of_realm_user_and_code)
{
    CLEANUP(secret_free) struct secret *proof = NULL, *again = NULL, *bobs = NULL;

    ck_assert_int_eq(device_code_proof(NULL, "realm", "ann", BYTES_OF_ARRAY(code), &proof), 0);
    ck_assert_int_eq(device_code_proof(NULL, "realm", "ann", BYTES_OF_ARRAY(code), &again), 0);
    ck_assert_int_eq(device_code_proof(NULL, "realm", "bob", BYTES_OF_ARRAY(code), &bobs), 0);
    ck_assert(secret_equal(secret_bytes(proof), secret_bytes(again)));
    ck_assert(!secret_equal(secret_bytes(proof), secret_bytes(bobs)));
    ck_assert_uint_eq(proof->len, HASH_LEN);
    ck_assert_int_eq(device_code_proof(NULL, "realm", "ann", BYTES(code, 15), &bobs), -EINVAL);
}
END_TEST

SUITE("device_code", secret_sealed_under_a_code_opens_under_it, nothing_else_opens_it,
      proof_is_of_realm_user_and_code);
