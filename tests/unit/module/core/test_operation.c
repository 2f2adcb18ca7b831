/* SPDX-License-Identifier: Apache-2.0 */
/* test_operation.c - what may follow what between Init and the end, and what becomes of the data. */
#include "module/core/operation.h"

#include "include/table.h"
#include "proto/limits.h"
#include "tests/support/suite.h"

static struct operation operation;

static void setup(void)
{
    operation_init(&operation);
}

static void teardown(void)
{
    operation_clear(&operation);
}

static void start(CK_MECHANISM_TYPE type)
{
    ck_assert_uint_eq(operation_start(&operation, NULL, mechanism_find(type), NULL, NULL, NULL), CKR_OK);
}

/* Takes the operation with @data and gives what its mechanism works on. */
static CK_RV finish(enum op_event event, struct bytes data, struct buffer *ret)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    bool is_taken;
    CK_RV rv = operation_take(&operation, event, OUTPUT(NULL, NULL), 0, &taken, &is_taken);

    return is_taken ? operation_input(&taken, data, ret) : rv;
}

START_TEST(what_may_follow_what)
{
    static const struct {
        enum op_event after[2]; /* OP_INIT only as the first */
        size_t count;
        enum op_event event;
        CK_RV rv;
    } rows[] = {
        { { 0 }, 0, OP_INIT, CKR_OK },
        { { 0 }, 0, OP_ONE_SHOT, CKR_OPERATION_NOT_INITIALIZED },
        { { 0 }, 0, OP_UPDATE, CKR_OPERATION_NOT_INITIALIZED },
        { { 0 }, 0, OP_FINAL, CKR_OPERATION_NOT_INITIALIZED },
        { { OP_INIT }, 1, OP_INIT, CKR_OPERATION_ACTIVE },
        { { OP_INIT }, 1, OP_ONE_SHOT, CKR_OK },
        { { OP_INIT }, 1, OP_UPDATE, CKR_OK },
        { { OP_INIT }, 1, OP_FINAL, CKR_OK },
        { { OP_INIT, OP_UPDATE }, 2, OP_INIT, CKR_OPERATION_ACTIVE },
        { { OP_INIT, OP_UPDATE }, 2, OP_ONE_SHOT, CKR_OPERATION_ACTIVE },
        { { OP_INIT, OP_UPDATE }, 2, OP_UPDATE, CKR_OK },
        { { OP_INIT, OP_UPDATE }, 2, OP_FINAL, CKR_OK },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        operation_clear(&operation);
        if (rows[i].count > 0)
            start(CKM_SHA256);
        if (rows[i].count > 1)
            ck_assert_uint_eq(operation_update(&operation, BYTES("x", 1)), CKR_OK);
        ck_assert_uint_eq(operation_allows(&operation, rows[i].event), rows[i].rv);
    }
}
END_TEST

START_TEST(length_question_and_small_buffer_keep_the_operation)
{
    struct operation taken;
    CK_BYTE buffer[4];
    CK_ULONG len = 0;
    bool is_taken;

    start(CKM_SHA256);
    ck_assert_uint_eq(operation_take(&operation, OP_ONE_SHOT, OUTPUT(NULL, &len), 32, &taken, &is_taken),
                      CKR_OK);
    ck_assert(!is_taken);
    ck_assert_uint_eq(len, 32);
    len = sizeof(buffer);
    ck_assert_uint_eq(operation_take(&operation, OP_ONE_SHOT, OUTPUT(buffer, &len), 32, &taken, &is_taken),
                      CKR_BUFFER_TOO_SMALL);
    ck_assert(!is_taken);
    ck_assert_uint_eq(operation_allows(&operation, OP_ONE_SHOT), CKR_OK);
}
END_TEST

START_TEST(taking_leaves_none_behind)
{
    CLEANUP(buffer_clear) struct buffer digest = { 0 };

    start(CKM_SHA256);
    ck_assert_uint_eq(finish(OP_ONE_SHOT, BYTES("abc", 3), &digest), CKR_OK);
    ck_assert_uint_eq(operation_allows(&operation, OP_INIT), CKR_OK);
}
END_TEST

START_TEST(one_shot_into_parts_ends_the_operation)
{
    CLEANUP(buffer_clear) struct buffer digest = { 0 };

    start(CKM_SHA256);
    ck_assert_uint_eq(operation_update(&operation, BYTES("abc", 3)), CKR_OK);
    ck_assert_uint_eq(finish(OP_ONE_SHOT, BYTES("d", 1), &digest), CKR_OPERATION_ACTIVE);
    ck_assert_uint_eq(operation_allows(&operation, OP_INIT), CKR_OK);
}
END_TEST

START_TEST(parts_and_one_shot_give_the_same_digest)
{
    /* FIPS 180-2, appendix B.1: SHA-256 of "abc". */
    static const uint8_t expected[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
    CLEANUP(buffer_clear) struct buffer once = { 0 }, parts = { 0 };

    start(CKM_SHA256);
    ck_assert_uint_eq(finish(OP_ONE_SHOT, BYTES("abc", 3), &once), CKR_OK);
    ck_assert(bytes_equal(buffer_bytes(&once), BYTES_OF_ARRAY(expected)));
    start(CKM_SHA256);
    ck_assert_uint_eq(operation_update(&operation, BYTES("a", 1)), CKR_OK);
    ck_assert_uint_eq(operation_update(&operation, BYTES_NONE), CKR_OK);
    ck_assert_uint_eq(operation_update(&operation, BYTES("bc", 2)), CKR_OK);
    ck_assert_uint_eq(finish(OP_FINAL, BYTES_NONE, &parts), CKR_OK);
    ck_assert(bytes_equal(buffer_bytes(&parts), BYTES_OF_ARRAY(expected)));
}
END_TEST

START_TEST(rsa_pkcs_gets_its_digest_info)
{
    CLEANUP(buffer_clear) struct buffer input = { 0 };

    start(CKM_SHA384_RSA_PKCS);
    ck_assert_uint_eq(finish(OP_ONE_SHOT, BYTES("abc", 3), &input), CKR_OK);
    ck_assert_uint_eq(mechanism_hash_of_digest_info(buffer_bytes(&input)), CKM_SHA384);
}
END_TEST

START_TEST(raw_data_is_collected_from_parts)
{
    CLEANUP(buffer_clear) struct buffer input = { 0 };

    start(CKM_RSA_PKCS);
    ck_assert_uint_eq(operation_update(&operation, BYTES("ab", 2)), CKR_OK);
    ck_assert_uint_eq(operation_update(&operation, BYTES("c", 1)), CKR_OK);
    ck_assert_uint_eq(finish(OP_FINAL, BYTES_NONE, &input), CKR_OK);
    ck_assert(bytes_equal(buffer_bytes(&input), BYTES("abc", 3)));
}
END_TEST

START_TEST(too_much_raw_data_ends_the_operation)
{
    static const uint8_t much[SIGN_DATA_MAX];

    start(CKM_EDDSA);
    ck_assert_uint_eq(operation_update(&operation, BYTES_OF_ARRAY(much)), CKR_OK);
    ck_assert_uint_eq(operation_update(&operation, BYTES("x", 1)), CKR_DATA_LEN_RANGE);
    ck_assert_uint_eq(operation_allows(&operation, OP_INIT), CKR_OK);
}
END_TEST

SUITE_WITH_FIXTURE("operation", setup, teardown, what_may_follow_what,
                   length_question_and_small_buffer_keep_the_operation, taking_leaves_none_behind,
                   one_shot_into_parts_ends_the_operation, parts_and_one_shot_give_the_same_digest,
                   rsa_pkcs_gets_its_digest_info, raw_data_is_collected_from_parts,
                   too_much_raw_data_ends_the_operation);
