/* SPDX-License-Identifier: Apache-2.0 */
/* A token of wrapped custody goes on as a partition: what it brings along, and who has to agree. */
#include <string.h>

#include "proto/digest.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;
static uint8_t brought[KEY_NAME_LEN];

static void make_key(uint8_t ret_name[KEY_NAME_LEN])
{
    CK_RV rv = remote_token_generate(
        token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" }, ret_name, &error);

    ck_assert_msg(rv == CKR_OK, "generate: %s", error.detail);
}

static CK_RV sign(const uint8_t name[KEY_NAME_LEN])
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    const uint8_t digest[HASH_LEN] = { 7 };
    const struct remote_sign request = { .key_name = BYTES(name, KEY_NAME_LEN),
                                         .raw = CKM_ECDSA,
                                         .data = BYTES_OF_ARRAY(digest) };

    return remote_token_sign(token, &request, &signature, &error);
}

static void setup(void)
{
    deployment_setup();
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    make_key(brought);
}

static void teardown(void)
{
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static CK_RV allow(const char *user)
{
    Privyseal__V1__MoveUserRequest request = PRIVYSEAL__V1__MOVE_USER_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    request.user = (char *)user;
    request.custody = PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION;
    rv = deployment_operate(&deployment.operator_, METHOD_MoveUser, &request.base, &reply, &error);
    if (reply)
        protobuf_c_message_free_unpacked(reply, NULL);
    return rv;
}

static struct token_row stored(void)
{
    struct token_row row;

    ck_assert_int_eq(store_token_by_name(deployment.store, "alice", &row), 0);
    return row;
}

static void move(void)
{
    CK_RV rv = allow("alice");

    ck_assert_msg(rv == CKR_OK, "allow: %s", error.detail);
    rv = remote_token_move(token, PIN, NULL, &error);
    ck_assert_msg(rv == CKR_OK, "move: %s", error.detail);
}

START_TEST(moved_token_has_its_old_keys_and_makes_new_ones_in_the_partition)
{
    struct key_row *keys = NULL;
    uint8_t born[KEY_NAME_LEN];
    size_t count = 0;

    move();
    ck_assert_int_eq(stored().custody, TOKEN_PARTITION);
    ck_assert_uint_eq(strlen(stored().partition), SERIAL_LEN);
    make_key(born);
    ck_assert_uint_eq(sign(brought), CKR_OK);
    ck_assert_uint_eq(sign(born), CKR_OK);
    ck_assert_int_eq(store_key_list(deployment.store, stored().id, &keys, &count), 0);
    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++)
        ck_assert(!memcmp(keys[i].name, brought, KEY_NAME_LEN) == (keys[i].sealed.len > 0));
    key_rows_free(keys, count);
}
END_TEST

START_TEST(moved_token_opens_to_its_pin_alone_and_still_after_a_change)
{
    move();
    remote_token_logout(token);
    deployment_wait(10000);
    ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign(brought), CKR_OK);
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, OTHER_PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign(brought), CKR_OK);
    remote_token_logout(token);
    deployment_wait(10000);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_token_login(token, OTHER_PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign(brought), CKR_OK);
}
END_TEST

START_TEST(nobody_moves_without_an_operator)
{
    ck_assert_uint_eq(remote_token_move(token, PIN, NULL, &error), CKR_FUNCTION_FAILED);
    ck_assert_int_eq(error.failure.reason, REASON_MOVE);
    ck_assert_int_eq(stored().custody, TOKEN_WRAPPED);
    ck_assert_uint_eq(sign(brought), CKR_OK);
}
END_TEST

START_TEST(operator_alone_moves_nobody_who_has_a_pin)
{
    ck_assert_uint_eq(allow("alice"), CKR_OK);
    ck_assert_int_eq(stored().custody, TOKEN_WRAPPED);
    ck_assert_str_eq(stored().partition, "");
    ck_assert_uint_eq(allow("alice"), CKR_OK); /* the same again */
    ck_assert_uint_eq(sign(brought), CKR_OK);
    remote_token_logout(token);
    deployment_wait(10000);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK); /* at its home, wrapped still */
    ck_assert_uint_eq(sign(brought), CKR_OK);
}
END_TEST

START_TEST(wrong_pin_moves_nothing_and_counts)
{
    ck_assert_uint_eq(allow("alice"), CKR_OK);
    ck_assert_uint_eq(remote_token_move(token, WRONG_PIN, NULL, &error), CKR_PIN_INCORRECT);
    ck_assert_int_eq(stored().custody, TOKEN_WRAPPED);
    ck_assert_uint_eq(stored().failures_total, 1);
}
END_TEST

START_TEST(token_moves_once)
{
    move();
    ck_assert_uint_ne(allow("alice"), CKR_OK);
    ck_assert_uint_eq(remote_token_move(token, PIN, NULL, &error), CKR_FUNCTION_FAILED);
    ck_assert_uint_eq(sign(brought), CKR_OK);
}
END_TEST

START_TEST(key_brought_along_can_be_deleted)
{
    move();
    ck_assert_uint_eq(
        remote_token_delete(token, BYTES_OF_ARRAY(brought), PRIVYSEAL__V1__OBJECT_KIND__OBJECT_KEY, &error),
        CKR_OK);
    ck_assert_uint_ne(sign(brought), CKR_OK);
}
END_TEST

SUITE_WITH_FIXTURE("loopback moving", setup, teardown,
                   moved_token_has_its_old_keys_and_makes_new_ones_in_the_partition,
                   moved_token_opens_to_its_pin_alone_and_still_after_a_change,
                   nobody_moves_without_an_operator, operator_alone_moves_nobody_who_has_a_pin,
                   wrong_pin_moves_nothing_and_counts, token_moves_once, key_brought_along_can_be_deleted);
