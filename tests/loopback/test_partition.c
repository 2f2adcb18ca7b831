/* SPDX-License-Identifier: Apache-2.0 */
/* A user whose keys live in an HSM partition of its own, at the one signer that holds it. */
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "proto/mechanism.h"
#include "proto/public_key.h"
#include "tests/loopback/capture.h"
#include "tests/support/suite.h"

#ifndef CKK_EC_EDWARDS
#define CKK_EC_EDWARDS 0x00000040UL /* PKCS#11 v3.0 6.3.5 */
#endif
#ifndef CKM_EDDSA
#define CKM_EDDSA 0x00001057UL
#endif

/* LeakSanitizer's, where there is one: what is allocated in between is not looked for. */
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);

static struct captures captures;
static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;

static void setup(void)
{
    deployment_setup();
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION);
}

static void teardown(void)
{
    deployment_hook(NULL);
    captures_clear(&captures);
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static void log_in(struct bytes pin)
{
    CK_RV rv = remote_token_login(token, pin, &error);

    ck_assert_msg(rv == CKR_OK, "login: %s", error.detail);
}

/* SoftHSM 2.6.1 leaks an ASN.1 string in every C_SignInit with CKM_EDDSA: also in a new key's first signature. */
static void forgive_leaks(bool is_forgiven)
{
    static bool is_disabled;

    if (!__lsan_disable || is_forgiven == is_disabled)
        return;
    is_disabled = is_forgiven;
    is_forgiven ? __lsan_disable() : __lsan_enable();
}

static CK_RV sign(const uint8_t name[KEY_NAME_LEN], CK_MECHANISM_TYPE raw, struct bytes data,
                  struct buffer *signature)
{
    const struct remote_sign request = { .key_name = BYTES(name, KEY_NAME_LEN), .raw = raw, .data = data };

    return remote_token_sign(token, &request, signature, &error);
}

static void sign_and_verify(CK_KEY_TYPE type, unsigned bits, CK_MECHANISM_TYPE raw)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    CLEANUP(public_key_free) struct public_key *key = NULL;
    const uint8_t data[HASH_LEN] = { 42 };
    struct remote_snapshot *snapshot = NULL;
    const Privyseal__V1__KeyInfo *info;
    uint8_t name[KEY_NAME_LEN];
    CK_RV rv;

    forgive_leaks(type == CKK_EC_EDWARDS);
    rv = remote_token_generate(token, &(struct remote_new_key){ .type = type, .bits = bits, .label = "" },
                               name, &error);
    ck_assert_msg(rv == CKR_OK, "generate %u: %s", bits, error.detail);
    rv = sign(name, raw, BYTES_OF_ARRAY(data), &signature);
    forgive_leaks(false);
    ck_assert_msg(rv == CKR_OK, "sign: %s", error.detail);
    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    info = snapshot->content->key[snapshot->content->n_key - 1];
    ck_assert_uint_eq(public_key_of_spki(NULL, BYTES(info->public_key.data, info->public_key.len), &key),
                      CKR_OK);
    ck_assert_uint_eq(public_key_verify(NULL, key, raw, NULL, BYTES_OF_ARRAY(data), buffer_bytes(&signature)),
                      CKR_OK);
    remote_snapshot_unref(snapshot);
}

START_TEST(partition_signs_with_every_type_of_key)
{
    log_in(PIN);
    sign_and_verify(CKK_EC, 256, CKM_ECDSA);
    sign_and_verify(CKK_EC_EDWARDS, 255, CKM_EDDSA);
    sign_and_verify(CKK_RSA, 2048, CKM_RSA_PKCS);
}
END_TEST

START_TEST(partition_is_served_at_its_home_only)
{
    struct front_hook keep = capture_hook(&captures);

    deployment_hook(&keep);
    log_in(PIN);
    ck_assert_uint_eq(leases_count(deployment.service[SIGNER_WRAPPED].leases), 0);
    ck_assert_uint_eq(leases_count(deployment.service[SIGNER_HOME].leases), 1);
    /* The challenge came from the home already, so the login went there without a detour. */
    ck_assert_int_eq(method_route(method_by_id(METHOD_Unlock),
                                  buffer_bytes(&captures_last(&captures, METHOD_Unlock)->request)),
                     SIGNER_HOME);
}
END_TEST

START_TEST(changed_pin_opens_the_partition_and_the_old_one_does_not)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    const uint8_t digest[HASH_LEN] = { 1 };
    uint8_t name[KEY_NAME_LEN];

    log_in(PIN);
    ck_assert_uint_eq(
        remote_token_generate(token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" },
                              name, &error),
        CKR_OK);
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, OTHER_PIN, &error), CKR_OK);
    remote_token_logout(token);
    deployment_wait(10000);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_PIN_INCORRECT);
    log_in(OTHER_PIN);
    ck_assert_uint_eq(sign(name, CKM_ECDSA, BYTES_OF_ARRAY(digest), &signature), CKR_OK);
}
END_TEST

START_TEST(wrong_pin_does_not_ride_on_an_open_login)
{
    struct remote_token *second = NULL;

    log_in(PIN);
    ck_assert_int_eq(remote_token_new(remote, "alice", &second), 0);
    ck_assert_uint_eq(remote_token_login(second, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_token_login(second, PIN, &error), CKR_OK);
    remote_token_free(second);
}
END_TEST

START_TEST(wrapped_token_refuses_a_key_its_custody_cannot_hold)
{
    struct remote *remote_of_bob = deployment_remote(&deployment.mallory);
    struct remote_token *bob = NULL;
    uint8_t code[ACTIVATION_CODE_LEN], name[KEY_NAME_LEN];

    deployment_add_user("bob", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    ck_assert_int_eq(remote_token_new(remote_of_bob, "bob", &bob), 0);
    ck_assert_uint_eq(remote_token_set_pin(bob, BYTES_OF_ARRAY(code), PIN, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_login(bob, PIN, &error), CKR_OK);
    ck_assert_uint_eq(
        remote_token_generate(
            bob, &(struct remote_new_key){ .type = CKK_EC_EDWARDS, .bits = 255, .label = "" }, name, &error),
        CKR_KEY_TYPE_INCONSISTENT);
    remote_token_free(bob);
    remote_free(remote_of_bob);
}
END_TEST

static unsigned object_files;

static int count_object_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    const char *suffix = strrchr(path, '.');

    (void)status;
    (void)type;
    (void)walk;
    object_files += suffix && strcmp(suffix, ".object") == 0;
    return 0;
}

/* What SoftHSM holds: it keeps a file for each object. */
static unsigned objects(void)
{
    char tokens[96];

    snprintf(tokens, sizeof(tokens), "%s/tokens", deployment.directory);
    object_files = 0;
    ck_assert_int_eq(nftw(tokens, count_object_file, 8, FTW_PHYS), 0);
    return object_files;
}

static void change_database(const char *sql)
{
    char path[96];
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/store.db", deployment.directory);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(key_whose_row_cannot_be_stored_leaves_nothing_in_the_partition)
{
    uint8_t name[KEY_NAME_LEN];
    unsigned before;

    log_in(PIN);
    ck_assert_uint_eq(
        remote_token_generate(token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" },
                              name, &error),
        CKR_OK);
    before = objects();
    change_database("CREATE UNIQUE INDEX one_key_a_token ON keys (token_id)");
    ck_assert_uint_ne(
        remote_token_generate(token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" },
                              name, &error),
        CKR_OK);
    ck_assert_uint_eq(objects(), before);
    change_database("DROP INDEX one_key_a_token");
    ck_assert_uint_eq(
        remote_token_generate(token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" },
                              name, &error),
        CKR_OK);
    ck_assert_uint_gt(objects(), before);
}
END_TEST

/* ------------------------------------------------------------------------------------- one login, many clients */

static CK_RV sign_of(struct remote_token *whose, const uint8_t name[KEY_NAME_LEN])
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    const uint8_t digest[HASH_LEN] = { 7 };
    const struct remote_sign request = { .key_name = BYTES(name, KEY_NAME_LEN),
                                         .raw = CKM_ECDSA,
                                         .data = BYTES_OF_ARRAY(digest) };

    return remote_token_sign(whose, &request, &signature, &error);
}

static void make_key(uint8_t ret_name[KEY_NAME_LEN])
{
    CK_RV rv = remote_token_generate(
        token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" }, ret_name, &error);

    ck_assert_msg(rv == CKR_OK, "generate: %s", error.detail);
}

/* The library counts alice's partition as logged in for the whole signer while this goes on. */
START_TEST(open_partition_signs_for_nobody_else)
{
    struct remote *others = deployment_remote(&deployment.mallory);
    struct remote_token *bob = NULL, *alices = NULL;
    uint8_t code[ACTIVATION_CODE_LEN], name[KEY_NAME_LEN];

    log_in(PIN);
    make_key(name);
    ck_assert_int_eq(remote_token_new(others, "alice", &alices), 0);
    ck_assert_uint_ne(remote_token_login(alices, PIN, &error), CKR_OK); /* a certificate of nobody's */
    ck_assert_uint_ne(sign_of(alices, name), CKR_OK);

    deployment_add_user("bob", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION, code);
    ck_assert_int_eq(remote_token_new(others, "bob", &bob), 0);
    ck_assert_uint_eq(remote_token_set_pin(bob, BYTES_OF_ARRAY(code), PIN, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_login(bob, PIN, &error), CKR_OK);
    ck_assert_uint_ne(sign_of(bob, name), CKR_OK); /* bob's login, alice's key */
    ck_assert_uint_ne(remote_token_login(alices, PIN, &error),
                      CKR_OK); /* bob's certificate, alice's very PIN */
    ck_assert_uint_eq(sign_of(token, name), CKR_OK);
    remote_token_free(alices);
    remote_token_free(bob);
    remote_free(others);
}
END_TEST

SUITE_WITH_FIXTURE("loopback partition", setup, teardown, partition_signs_with_every_type_of_key,
                   partition_is_served_at_its_home_only,
                   changed_pin_opens_the_partition_and_the_old_one_does_not,
                   wrong_pin_does_not_ride_on_an_open_login, open_partition_signs_for_nobody_else,
                   wrapped_token_refuses_a_key_its_custody_cannot_hold,
                   key_whose_row_cannot_be_stored_leaves_nothing_in_the_partition);
