/* SPDX-License-Identifier: Apache-2.0 */
/* A PIN that is forgotten: recovery codes, officers, and what does not bring a token back. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "client/remote_recovery.h"
#include "include/table.h"
#include "proto/officer_share.h"
#include "proto/pack.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

#define OFFICERS 3
#define NEEDED   2

static const uint8_t code[RECOVERY_CODE_LEN] = { 1, 2, 3 }, next_code[RECOVERY_CODE_LEN] = { 4, 5, 6 };

static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;
static uint8_t key[KEY_NAME_LEN];
static struct person person[OFFICERS];
static struct remote_officer officers[OFFICERS];
static struct secret *officer_key[OFFICERS];

static void make_officer(int i)
{
    char name[] = { 'o', (char)('1' + i), '\0' };
    uint8_t seed[32];

    memset(seed, 40 + i, sizeof(seed));
    ck_assert_int_eq(hpke_derive_key_pair(NULL, BYTES_OF_ARRAY(seed), &officer_key[i], officers[i].key), 0);
    strcpy(officers[i].name, name);
    memset(officers[i].hash, i + 1, HASH_LEN);
    deployment_person(&person[i], "/CN=officer");
    deployment_register(name, "officer", &person[i]);
}

static void setup_kind(Privyseal__V1__Custody custody)
{
    deployment_setup();
    for (int signer = 0; signer < SIGNERS; signer++) {
        struct officers *known = &deployment.service[signer].officers;

        deployment.config[signer].recovery_needed = NEEDED;
        for (known->count = 0; known->count < OFFICERS; known->count++)
            memset(known->hash[known->count], (int)known->count + 1, HASH_LEN);
    }
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, custody);
    for (int i = 0; i < OFFICERS; i++)
        make_officer(i);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(
        remote_token_generate(token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" },
                              key, &error),
        CKR_OK);
}

static void setup(void)
{
    setup_kind(PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
}

static void teardown(void)
{
    for (int i = 0; i < OFFICERS; i++) {
        deployment_person_clear(&person[i]);
        secret_free(officer_key[i]);
    }
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static CK_RV try_to_sign(void)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    const uint8_t digest[HASH_LEN] = { 7 };
    const struct remote_sign request = { .key_name = BYTES_OF_ARRAY(key),
                                         .raw = CKM_ECDSA,
                                         .data = BYTES_OF_ARRAY(digest) };

    return remote_token_sign(token, &request, &signature, &error);
}

/* A login that nothing of before is left of. */
static CK_RV log_in_anew(struct bytes pin)
{
    remote_token_free(token);
    token = NULL;
    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
    return remote_token_login(token, pin, &error);
}

static CK_RV put_code(const uint8_t which[RECOVERY_CODE_LEN])
{
    return remote_token_put_recovery(token, BYTES(which, RECOVERY_CODE_LEN), &error);
}

static CK_RV recover(const uint8_t by[RECOVERY_CODE_LEN])
{
    return remote_token_recover_pin(token, BYTES(by, RECOVERY_CODE_LEN), OTHER_PIN, BYTES_OF_ARRAY(next_code),
                                    &error);
}

static void sql(const char *text)
{
    char path[96];
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/store.db", deployment.directory);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ----------------------------------------------------------------------------------------------------- code */

START_TEST(recovery_code_sets_a_new_pin_and_the_keys_are_there)
{
    ck_assert_uint_eq(put_code(code), CKR_OK);
    ck_assert_uint_eq(recover(code), CKR_OK);
    ck_assert_uint_eq(log_in_anew(PIN), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(log_in_anew(OTHER_PIN), CKR_OK);
    ck_assert_uint_eq(try_to_sign(), CKR_OK);
    ck_assert_uint_ge(deployment_records("\"pin.recover\""), 1);
}
END_TEST

START_TEST(used_code_is_void_and_the_fresh_one_works)
{
    ck_assert_uint_eq(put_code(code), CKR_OK);
    ck_assert_uint_eq(recover(code), CKR_OK);
    ck_assert_uint_eq(recover(code), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_INCORRECT);
    ck_assert_uint_eq(recover(next_code), CKR_OK);
}
END_TEST

static void use_device_secret(void)
{
    struct secret *secret;

    ck_assert_int_eq(secret_random(DEVICE_SECRET_LEN, &secret), 0);
    remote_plan_device_secret(remote, secret);
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, PIN, &error), CKR_OK);
}

/* All devices are lost; this one has a certificate, and no secret. */
static void get_fresh_device(void)
{
    remote_token_free(token);
    remote_free(remote);
    remote = deployment_remote(&deployment.alice);
    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
}

static CK_RV fetch(const uint8_t by[RECOVERY_CODE_LEN], struct secret **ret)
{
    return remote_token_fetch_recovery(token, BYTES(by, RECOVERY_CODE_LEN), ret, &error);
}

START_TEST(device_secret_comes_back_with_each_recovery_code)
{
    const uint8_t *const codes[] = { code, next_code };

    use_device_secret();
    ck_assert_uint_eq(put_code(code), CKR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        struct secret *secret = NULL;

        get_fresh_device();
        ck_assert_uint_eq(log_in_anew(i ? OTHER_PIN : PIN), CKR_PIN_INCORRECT);
        ck_assert_uint_eq(fetch(codes[i], &secret), CKR_OK);
        ck_assert_ptr_nonnull(secret);
        remote_plan_device_secret(remote, secret);
        ck_assert_uint_eq(recover(codes[i]), CKR_OK);
        ck_assert_uint_eq(log_in_anew(OTHER_PIN), CKR_OK);
        ck_assert_uint_eq(try_to_sign(), CKR_OK);
    }
    get_fresh_device();
    ck_assert_uint_eq(log_in_anew(OTHER_PIN), CKR_PIN_INCORRECT);
}
END_TEST

START_TEST(device_secret_is_released_to_the_right_code_only_and_wrong_ones_count)
{
    struct secret *secret = NULL;

    ck_assert_uint_eq(fetch(code, &secret), CKR_FUNCTION_FAILED);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_UNKNOWN);
    use_device_secret();
    ck_assert_uint_eq(put_code(code), CKR_OK);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(fetch(next_code, &secret), CKR_PIN_INCORRECT);
        ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_INCORRECT);
    }
    ck_assert_uint_ne(fetch(code, &secret), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_PIN_DELAYED);
    ck_assert_uint_ne(recover(code), CKR_OK);
    ck_assert_ptr_null(secret);
}
END_TEST

START_TEST(recovery_code_made_without_a_device_secret_brings_none)
{
    struct secret *secret = NULL;

    ck_assert_uint_eq(put_code(code), CKR_OK);
    ck_assert_uint_eq(fetch(code, &secret), CKR_OK);
    ck_assert_ptr_null(secret);
}
END_TEST

START_TEST(locked_token_is_recovered_and_unlocked)
{
    ck_assert_uint_eq(put_code(code), CKR_OK);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_ne(log_in_anew(WRONG_PIN), CKR_OK);
        deployment_wait(3600001);
    }
    ck_assert_uint_eq(log_in_anew(PIN), CKR_PIN_LOCKED);
    ck_assert_uint_eq(recover(code), CKR_OK);
    ck_assert_uint_eq(log_in_anew(OTHER_PIN), CKR_OK);
    deployment_wait_no_more();
}
END_TEST

START_TEST(wrong_codes_are_slowed_down_and_lock_nothing)
{
    ck_assert_uint_eq(put_code(code), CKR_OK);
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(recover(next_code), CKR_PIN_INCORRECT);
    ck_assert_uint_ne(recover(code), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_PIN_DELAYED);
    ck_assert_uint_eq(log_in_anew(PIN), CKR_OK);
    deployment_wait(60001);
    ck_assert_uint_eq(recover(code), CKR_OK);
    deployment_wait_no_more();
}
END_TEST

START_TEST(old_recovery_row_put_back_after_use_is_noticed)
{
    ck_assert_uint_eq(put_code(code), CKR_OK);
    sql("CREATE TABLE saved AS SELECT * FROM access_rows WHERE kind = 1");
    ck_assert_uint_eq(recover(code), CKR_OK);
    sql("DELETE FROM access_rows WHERE kind = 1; INSERT INTO access_rows SELECT * FROM saved");
    ck_assert_uint_ne(recover(code), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_INTEGRITY);
}
END_TEST

START_TEST(row_put_back_beside_none_opens_nothing_and_is_not_adopted)
{
    ck_assert_uint_eq(put_code(code), CKR_OK);
    sql("CREATE TABLE saved AS SELECT * FROM access_rows WHERE kind = 1");
    ck_assert_uint_eq(
        remote_token_remove_recovery(token, PRIVYSEAL__V1__RECOVERY_WAY__RECOVERY_WAY_CODE, &error), CKR_OK);
    sql("INSERT INTO access_rows SELECT * FROM saved");
    ck_assert_uint_ne(recover(code), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_UNKNOWN);
    ck_assert_uint_eq(remote_token_put_quorum(token, officers, OFFICERS, NEEDED, &error), CKR_OK);
    ck_assert_uint_ne(recover(code), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_UNKNOWN);
}
END_TEST

/* ------------------------------------------------------------------------------------------------- officers */

static uint8_t request_name[QUORUM_NAME_LEN];

static void turn_on(void)
{
    ck_assert_uint_eq(remote_token_put_quorum(token, officers, OFFICERS, NEEDED, &error), CKR_OK);
}

static void ask(void)
{
    Privyseal__V1__RequestRecoveryResponse *reply = NULL;

    ck_assert_msg(remote_token_request_recovery(token, OTHER_PIN, &reply, &error) == CKR_OK, "%s",
                  error.detail);
    memcpy(request_name, reply->request->request.data, sizeof(request_name));
    protobuf_c_message_free_unpacked(&reply->base, NULL);
}

static CK_RV finish(struct bytes pin)
{
    return remote_token_finish_recovery(token, BYTES_OF_ARRAY(request_name), pin, &error);
}

/* Officer @i opens the share of his number for whatever is pending, and gives it as number @number. */
static CK_RV give(int i, uint32_t number)
{
    Privyseal__V1__ListRecoveriesRequest list = PRIVYSEAL__V1__LIST_RECOVERIES_REQUEST__INIT;
    Privyseal__V1__ContributeShareRequest request = PRIVYSEAL__V1__CONTRIBUTE_SHARE_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *share = NULL;
    const Privyseal__V1__PendingRecovery *pending;
    ProtobufCMessage *listed = NULL, *reply = NULL;
    struct officer_quorum quorum;
    CK_RV rv = deployment_operate(&person[i], METHOD_ListRecoveries, &list.base, &listed, &error);

    ck_assert_uint_eq(rv, CKR_OK);
    ck_assert_uint_eq(((Privyseal__V1__ListRecoveriesResponse *)listed)->n_pending, 1);
    pending = ((Privyseal__V1__ListRecoveriesResponse *)listed)->pending[0];
    quorum = (struct officer_quorum){ REALM, pending->user, pack_lend(&pending->name), NEEDED };
    ck_assert_int_eq(officer_share_open(NULL, &quorum, (uint32_t)i + 1, secret_bytes(officer_key[i]),
                                        pack_lend(&pending->share[i]->sealed), &share),
                     0);
    request.token = pending->user;
    request.request =
        pack_lend(&pending->info->request).len ? pending->info->request : (ProtobufCBinaryData){ 0 };
    request.number = number;
    request.share = pack_borrow(secret_bytes(share));
    rv = deployment_operate(&person[i], METHOD_ContributeShare, &request.base, &reply, &error);
    if (rv == CKR_OK)
        protobuf_c_message_free_unpacked(reply, NULL);
    protobuf_c_message_free_unpacked(listed, NULL);
    return rv;
}

START_TEST(two_of_three_officers_give_a_user_a_new_pin)
{
    turn_on();
    ask();
    ck_assert_uint_eq(give(0, 1), CKR_OK);
    ck_assert_uint_ne(finish(OTHER_PIN), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_WAITING);
    ck_assert_uint_eq(give(2, 3), CKR_OK);
    ck_assert_msg(finish(OTHER_PIN) == CKR_OK, "%s", error.detail);
    ck_assert_uint_eq(log_in_anew(PIN), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(log_in_anew(OTHER_PIN), CKR_OK);
    ck_assert_uint_eq(try_to_sign(), CKR_OK);
}
END_TEST

START_TEST(officers_set_no_other_pin_than_the_one_that_was_asked_for)
{
    turn_on();
    ask();
    ck_assert_uint_eq(give(0, 1), CKR_OK);
    ck_assert_uint_eq(give(1, 2), CKR_OK);
    ck_assert_uint_eq(finish(BYTES("864209", 6)), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(log_in_anew(PIN), CKR_OK);
}
END_TEST

START_TEST(one_officer_gives_one_share_and_only_his_own)
{
    turn_on();
    ask();
    ck_assert_uint_ne(give(0, 2), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_SHARE_INCORRECT);
    ck_assert_uint_eq(give(0, 1), CKR_OK);
    ck_assert_uint_eq(give(0, 1), CKR_OK); /* the same again */
    ck_assert_uint_ne(finish(OTHER_PIN), CKR_OK);
}
END_TEST

START_TEST(request_takes_effect_only_after_its_waiting_time_and_can_be_cancelled_in_it)
{
    for (int signer = 0; signer < SIGNERS; signer++)
        deployment.config[signer].recovery_delay_hours = 1;
    turn_on();
    ask();
    ck_assert_uint_eq(give(0, 1), CKR_OK);
    ck_assert_uint_eq(give(1, 2), CKR_OK);
    ck_assert_uint_ne(finish(OTHER_PIN), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_WAITING);
    ck_assert_uint_gt(error.failure.retry_after_ms, 0);
    ck_assert_uint_eq(remote_token_cancel_recovery(token, &error), CKR_OK);
    deployment_wait(3600001);
    ck_assert_uint_ne(finish(OTHER_PIN), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_UNKNOWN);
    deployment_wait_no_more();
}
END_TEST

START_TEST(quorum_that_was_turned_off_and_put_back_is_noticed)
{
    turn_on();
    sql("CREATE TABLE s1 AS SELECT * FROM access_rows WHERE kind = 2; CREATE TABLE s2 AS SELECT * FROM "
        "quorums;"
        "CREATE TABLE s3 AS SELECT * FROM quorum_shares");
    ck_assert_uint_eq(
        remote_token_remove_recovery(token, PRIVYSEAL__V1__RECOVERY_WAY__RECOVERY_WAY_QUORUM, &error),
        CKR_OK);
    ck_assert_uint_eq(put_code(code), CKR_OK);
    sql("INSERT INTO access_rows SELECT * FROM s1; INSERT INTO quorums SELECT * FROM s2;"
        "INSERT INTO quorum_shares SELECT * FROM s3");
    ck_assert_uint_ne(recover(code), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_INTEGRITY);
}
END_TEST

/* ----------------------------------------------------------------------------------------------- partitions */

/* bob's token in a partition, logged in, with a key; kept or not. */
static struct remote_token *make_bob(struct remote *of_bob, bool is_kept)
{
    struct remote_token *bob = NULL;
    uint8_t activation[ACTIVATION_CODE_LEN], name[KEY_NAME_LEN];
    CK_RV rv;

    deployment_add_user("bob", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION, activation);
    ck_assert_int_eq(remote_token_new(of_bob, "bob", &bob), 0);
    rv = is_kept ? remote_token_begin(bob, BYTES_OF_ARRAY(activation), PIN,
                                      &(struct remote_beginning){ .keeps_recovery = true }, &error)
                 : remote_token_set_pin(bob, BYTES_OF_ARRAY(activation), PIN, &error);
    ck_assert_msg(rv == CKR_OK, "%s", error.detail);
    ck_assert_uint_eq(remote_token_login(bob, PIN, &error), CKR_OK);
    rv = remote_token_generate(bob, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" },
                               name, &error);
    ck_assert_uint_eq(rv, CKR_OK);
    memcpy(key, name, sizeof(key));
    return bob;
}

START_TEST(partition_with_a_kept_so_pin_is_recovered_by_code)
{
    struct remote *of_bob = deployment_remote(&deployment.mallory);
    struct remote_token *alice = token, *bob = make_bob(of_bob, true);

    token = bob;
    ck_assert_msg(put_code(code) == CKR_OK, "%s", error.detail);
    ck_assert_msg(recover(code) == CKR_OK, "%s", error.detail);
    remote_token_free(token);
    ck_assert_int_eq(remote_token_new(of_bob, "bob", &token), 0);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_msg(remote_token_login(token, OTHER_PIN, &error) == CKR_OK, "%s", error.detail);
    ck_assert_uint_eq(try_to_sign(), CKR_OK);
    remote_token_free(token);
    token = alice;
    remote_free(of_bob);
}
END_TEST

START_TEST(partition_without_its_so_pin_takes_no_recovery_code)
{
    struct remote *of_bob = deployment_remote(&deployment.mallory);
    struct remote_token *alice = token, *bob = make_bob(of_bob, false);

    token = bob;
    ck_assert_uint_ne(put_code(code), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_RECOVERY_IMPOSSIBLE);
    remote_token_free(bob);
    token = alice;
    remote_free(of_bob);
}
END_TEST

/* ---------------------------------------------------------------------------------------------------- reset */

START_TEST(reset_token_has_no_keys_and_an_old_pin_row_opens_nothing)
{
    Privyseal__V1__ResetUserRequest request = PRIVYSEAL__V1__RESET_USER_REQUEST__INIT;
    const Privyseal__V1__ResetUserResponse *answer;
    ProtobufCMessage *reply = NULL;

    sql("CREATE TABLE saved AS SELECT * FROM access_rows WHERE kind = 0");
    request.user = "alice";
    ck_assert_uint_eq(
        deployment_operate(&deployment.operator_, METHOD_ResetUser, &request.base, &reply, &error), CKR_OK);
    answer = (const Privyseal__V1__ResetUserResponse *)reply;
    ck_assert_uint_eq(answer->keys, 1);
    ck_assert_uint_eq(log_in_anew(PIN), CKR_USER_PIN_NOT_INITIALIZED);
    ck_assert_uint_eq(remote_token_set_pin(token, pack_lend(&answer->activation_code), OTHER_PIN, &error),
                      CKR_OK);
    ck_assert_uint_eq(log_in_anew(OTHER_PIN), CKR_OK);
    ck_assert_uint_ne(try_to_sign(), CKR_OK);
    sql("DELETE FROM access_rows; INSERT INTO access_rows SELECT * FROM saved");
    ck_assert_uint_ne(log_in_anew(PIN), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_INTEGRITY);
    protobuf_c_message_free_unpacked(reply, NULL);
}
END_TEST

SUITE_WITH_FIXTURE(
    "loopback recovery", setup, teardown, recovery_code_sets_a_new_pin_and_the_keys_are_there,
    used_code_is_void_and_the_fresh_one_works, device_secret_comes_back_with_each_recovery_code,
    device_secret_is_released_to_the_right_code_only_and_wrong_ones_count,
    recovery_code_made_without_a_device_secret_brings_none, locked_token_is_recovered_and_unlocked,
    wrong_codes_are_slowed_down_and_lock_nothing, old_recovery_row_put_back_after_use_is_noticed,
    row_put_back_beside_none_opens_nothing_and_is_not_adopted, two_of_three_officers_give_a_user_a_new_pin,
    officers_set_no_other_pin_than_the_one_that_was_asked_for, one_officer_gives_one_share_and_only_his_own,
    request_takes_effect_only_after_its_waiting_time_and_can_be_cancelled_in_it,
    quorum_that_was_turned_off_and_put_back_is_noticed, partition_with_a_kept_so_pin_is_recovered_by_code,
    partition_without_its_so_pin_takes_no_recovery_code,
    reset_token_has_no_keys_and_an_old_pin_row_opens_nothing);
