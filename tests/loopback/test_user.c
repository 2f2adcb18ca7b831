/* SPDX-License-Identifier: Apache-2.0 */
/* A user's life: from activation code to signatures, wrong PINs, a new PIN, lost leases. */
#include <string.h>
#include <openssl/rand.h>

#include "include/table.h"
#include "proto/mechanism.h"
#include "proto/public_key.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;

static void setup(void)
{
    deployment_setup();
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
}

static void teardown(void)
{
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static void log_in(struct bytes pin)
{
    CK_RV rv = remote_token_login(token, pin, &error);

    ck_assert_msg(rv == CKR_OK, "login: %s", error.detail);
}

static void make_key(CK_KEY_TYPE type, unsigned bits, uint8_t ret_name[KEY_NAME_LEN])
{
    CK_RV rv = remote_token_generate(
        token, &(struct remote_new_key){ .type = type, .bits = bits, .label = "" }, ret_name, &error);

    ck_assert_msg(rv == CKR_OK, "generate %u: %s", bits, error.detail);
}

/* A digest of a hash that the key can take, as the mechanism wants it. */
struct signing {
    CK_KEY_TYPE type;
    unsigned bits;
    CK_MECHANISM_TYPE raw, hash;
};

static const struct signing signings[] = {
    { CKK_RSA, 2048, CKM_RSA_PKCS, CKM_SHA256 },     { CKK_RSA, 2048, CKM_RSA_PKCS, CKM_SHA512 },
    { CKK_RSA, 2048, CKM_RSA_PKCS_PSS, CKM_SHA256 }, { CKK_RSA, 2048, CKM_RSA_PKCS_PSS, CKM_SHA384 },
    { CKK_EC, 256, CKM_ECDSA, CKM_SHA256 },          { CKK_EC, 256, CKM_ECDSA, CKM_SHA512 },
    { CKK_EC, 384, CKM_ECDSA, CKM_SHA384 },          { CKK_EC, 521, CKM_ECDSA, CKM_SHA512 },
};

/* The public key by its name, out of the snapshot. */
static struct public_key *public_key_named(const uint8_t name[KEY_NAME_LEN])
{
    struct remote_snapshot *snapshot = NULL;
    struct public_key *key = NULL;

    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    for (size_t i = 0; i < snapshot->content->n_key && !key; i++) {
        const Privyseal__V1__KeyInfo *info = snapshot->content->key[i];

        if (memcmp(info->name.data, name, KEY_NAME_LEN) == 0)
            ck_assert_uint_eq(
                public_key_of_spki(NULL, BYTES(info->public_key.data, info->public_key.len), &key), CKR_OK);
    }
    remote_snapshot_unref(snapshot);
    ck_assert_ptr_nonnull(key);
    return key;
}

static CK_RV sign(const struct signing *signing, const uint8_t name[KEY_NAME_LEN], struct bytes digest,
                  struct buffer *data, struct buffer *signature)
{
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;
    struct remote_sign request = { .key_name = BYTES(name, KEY_NAME_LEN),
                                   .raw = signing->raw,
                                   .hash = signing->hash };

    pss.hash = signing->hash;
    pss.mgf = mechanism_hash_mgf(signing->hash);
    pss.salt_len = (uint32_t)digest.len;
    request.pss = signing->raw == CKM_RSA_PKCS_PSS ? &pss : NULL;
    if (signing->raw == CKM_RSA_PKCS)
        ck_assert_uint_eq(mechanism_digest_info(signing->hash, digest, data), CKR_OK);
    else
        buffer_append(data, digest);
    request.data = buffer_bytes(data);
    return remote_token_sign(token, &request, signature, &error);
}

static void sign_and_verify(const struct signing *signing, const uint8_t name[KEY_NAME_LEN])
{
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;
    CLEANUP(buffer_clear) struct buffer data = { 0 }, signature = { 0 };
    CLEANUP(public_key_free) struct public_key *key = public_key_named(name);
    uint8_t digest[64];
    CK_RV rv;

    ck_assert_int_eq(RAND_bytes(digest, sizeof(digest)), 1);
    rv = sign(signing, name, BYTES(digest, mechanism_hash_len(signing->hash)), &data, &signature);
    ck_assert_msg(rv == CKR_OK, "sign 0x%lx with %u bits: %s", signing->raw, signing->bits, error.detail);
    pss.hash = signing->hash;
    pss.mgf = mechanism_hash_mgf(signing->hash);
    pss.salt_len = (uint32_t)mechanism_hash_len(signing->hash);
    ck_assert_uint_eq(public_key_verify(NULL, key, signing->raw,
                                        signing->raw == CKM_RSA_PKCS_PSS ? &pss : NULL, buffer_bytes(&data),
                                        buffer_bytes(&signature)),
                      CKR_OK);
}

/* A P-256 signature: the shortest way to see whether a token can sign. */
static CK_RV try_to_sign(const uint8_t name[KEY_NAME_LEN])
{
    static const struct signing p256 = { CKK_EC, 256, CKM_ECDSA, CKM_SHA256 };
    CLEANUP(buffer_clear) struct buffer data = { 0 }, signature = { 0 };
    static const uint8_t digest[HASH_LEN] = { 7 };

    return sign(&p256, name, BYTES_OF_ARRAY(digest), &data, &signature);
}

START_TEST(every_mechanism_signs_what_its_key_verifies)
{
    uint8_t name[KEY_NAME_LEN];
    const struct signing *signing;
    unsigned bits = 0;

    log_in(PIN);
    for (EACH_ROW(signing, signings)) {
        if (signing->bits != bits)
            make_key(signing->type, signing->bits, name);
        bits = signing->bits;
        sign_and_verify(signing, name);
    }
    ck_assert_uint_eq(deployment_records("\"sign\""), ARRAY_SIZE(signings));
}
END_TEST

START_TEST(without_a_login_nothing_signs)
{
    uint8_t name[KEY_NAME_LEN];

    log_in(PIN);
    make_key(CKK_EC, 256, name);
    remote_token_logout(token);
    deployment_wait(60000); /* the module forgets a parked login within seconds */
    ck_assert_uint_eq(try_to_sign(name), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(wrong_pin_says_how_many_tries_are_left)
{
    for (unsigned tries = 9; tries > 6; tries--) {
        ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
        ck_assert(error.failure.is_authentic);
        ck_assert_uint_eq(error.failure.tries_left, tries);
    }
    log_in(PIN);
}
END_TEST

START_TEST(five_wrong_pins_delay_even_the_right_one)
{
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_PIN_LOCKED);
    ck_assert_int_eq(error.failure.reason, REASON_PIN_DELAYED);
    ck_assert_uint_gt(error.failure.retry_after_ms, 0);
    deployment_wait(61000);
    log_in(PIN);
}
END_TEST

static void guess_until_locked(void)
{
    for (int i = 0; i < 9; i++) {
        ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
        deployment_wait(3700 * 1000);
    }
    ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_LOCKED);
}

START_TEST(tenth_wrong_pin_locks_until_an_operator_unlocks)
{
    Privyseal__V1__UnlockPinRequest request = PRIVYSEAL__V1__UNLOCK_PIN_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;

    guess_until_locked();
    deployment_wait(3700 * 1000);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_PIN_LOCKED);
    request.user = "alice";
    ck_assert_uint_eq(
        deployment_operate(&deployment.operator_, METHOD_UnlockPin, &request.base, &reply, &error), CKR_OK);
    ck_assert_int_eq(((Privyseal__V1__UnlockPinResponse *)reply)->pin_state,
                     PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED);
    protobuf_c_message_free_unpacked(reply, NULL);
    log_in(PIN); /* the PIN is what it was */
    deployment_wait_no_more();
}
END_TEST

START_TEST(changed_pin_ends_the_old_one_and_keeps_the_keys)
{
    uint8_t name[KEY_NAME_LEN];
    CK_RV rv;

    log_in(PIN);
    make_key(CKK_EC, 256, name);
    rv = remote_token_change_pin(token, PIN, OTHER_PIN, &error);
    ck_assert_msg(rv == CKR_OK, "change: %s", error.detail);
    ck_assert_uint_eq(try_to_sign(name), CKR_OK); /* the login goes on under the new PIN */
    remote_token_logout(token);
    deployment_wait(60000);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_PIN_INCORRECT);
    log_in(OTHER_PIN);
    ck_assert_uint_eq(try_to_sign(name), CKR_OK);
}
END_TEST

START_TEST(changed_pin_ends_leases_of_others)
{
    struct remote_token *second = NULL;
    struct remote_token *first = token;
    uint8_t name[KEY_NAME_LEN];

    log_in(PIN);
    make_key(CKK_EC, 256, name);
    ck_assert_int_eq(remote_token_new(remote, "alice", &second), 0);
    ck_assert_uint_eq(remote_token_login(second, PIN, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_change_pin(second, PIN, OTHER_PIN, &error), CKR_OK);
    token = first;
    ck_assert_uint_ne(try_to_sign(name), CKR_OK); /* its S is of the old PIN */
    remote_token_free(second);
}
END_TEST

START_TEST(lost_lease_costs_the_application_nothing)
{
    uint8_t name[KEY_NAME_LEN];
    unsigned unlocks;

    log_in(PIN);
    make_key(CKK_EC, 256, name);
    unlocks = deployment_records("\"unlock\"");
    deployment_wait(700 * 1000); /* beyond the lease's life */
    ck_assert_uint_eq(try_to_sign(name), CKR_OK);
    ck_assert_uint_eq(deployment_records("\"unlock\""), unlocks + 1);
}
END_TEST

START_TEST(activation_code_works_once)
{
    struct remote *remote_of_carol = deployment_remote(&deployment.mallory);
    struct remote_token *carol = NULL;
    uint8_t code[ACTIVATION_CODE_LEN], wrong[ACTIVATION_CODE_LEN];

    deployment_add_user("carol", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    ck_assert_int_eq(remote_token_new(remote_of_carol, "carol", &carol), 0);
    memcpy(wrong, code, sizeof(code));
    wrong[0] ^= 1;
    ck_assert_uint_eq(remote_token_set_pin(carol, BYTES_OF_ARRAY(wrong), PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_token_set_pin(carol, BYTES_OF_ARRAY(code), PIN, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_set_pin(carol, BYTES_OF_ARRAY(code), OTHER_PIN, &error), CKR_PIN_INVALID);
    ck_assert_uint_eq(remote_token_login(carol, PIN, &error), CKR_OK);
    remote_token_free(carol);
    remote_free(remote_of_carol);
}
END_TEST

START_TEST(expired_activation_code_is_refused)
{
    struct remote *remote_of_carol = deployment_remote(&deployment.mallory);
    struct remote_token *carol = NULL;
    uint8_t code[ACTIVATION_CODE_LEN];

    deployment_add_user("carol", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    ck_assert_int_eq(remote_token_new(remote_of_carol, "carol", &carol), 0);
    deployment_wait((int64_t)169 * 3600 * 1000);
    ck_assert_uint_eq(remote_token_set_pin(carol, BYTES_OF_ARRAY(code), PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_CODE_INCORRECT);
    deployment_wait_no_more();
    remote_token_free(carol);
    remote_free(remote_of_carol);
}
END_TEST

START_TEST(token_without_a_grant_looks_like_none)
{
    struct remote *other = deployment_remote(&deployment.mallory);
    struct remote_token *stranger = NULL, *missing = NULL;
    struct remote_snapshot *snapshot = NULL;
    struct remote_error unlike = { 0 };

    ck_assert_int_eq(remote_token_new(other, "alice", &stranger), 0);
    ck_assert_int_eq(remote_token_new(other, "nobody", &missing), 0);
    ck_assert_uint_eq(remote_token_snapshot(stranger, 0, &snapshot, &error), CKR_TOKEN_NOT_PRESENT);
    ck_assert_uint_eq(remote_token_snapshot(missing, 0, &snapshot, &unlike), CKR_TOKEN_NOT_PRESENT);
    ck_assert_int_eq(error.failure.reason, unlike.failure.reason);
    ck_assert_str_eq(error.detail, unlike.detail);
    remote_token_free(stranger);
    remote_token_free(missing);
    remote_free(other);
}
END_TEST

START_TEST(certificate_is_taken_for_a_key_of_the_token_only)
{
    unsigned char *der = NULL;
    int len = i2d_X509(sk_X509_value(deployment.alice.chain, 0), &der);

    log_in(PIN);
    ck_assert_uint_eq(remote_token_put_certificate(token, BYTES(der, (size_t)len), "", &error),
                      CKR_ATTRIBUTE_VALUE_INVALID);
    OPENSSL_free(der);
}
END_TEST

START_TEST(tampered_key_row_never_signs)
{
    uint8_t name[KEY_NAME_LEN];
    struct key_row *rows = NULL;
    struct token_row row;
    size_t count = 0;

    log_in(PIN);
    make_key(CKK_EC, 256, name);
    ck_assert_int_eq(store_token_by_name(deployment.store, "alice", &row), 0);
    ck_assert_int_eq(store_key_list(deployment.store, row.id, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    rows[0].cka_id.data[0] ^= 1;
    rows[0].name[0] ^= 1; /* a second name for the same sealed key, without Krow */
    ck_assert_int_eq(store_key_insert(deployment.store, &rows[0]), 0);
    ck_assert_uint_eq(try_to_sign(rows[0].name), CKR_DEVICE_ERROR);
    ck_assert_int_eq(error.failure.reason, REASON_INTEGRITY);
    key_rows_free(rows, count);
}
END_TEST

SUITE_WITH_FIXTURE("loopback user", setup, teardown, every_mechanism_signs_what_its_key_verifies,
                   without_a_login_nothing_signs, wrong_pin_says_how_many_tries_are_left,
                   five_wrong_pins_delay_even_the_right_one, tenth_wrong_pin_locks_until_an_operator_unlocks,
                   changed_pin_ends_the_old_one_and_keeps_the_keys, changed_pin_ends_leases_of_others,
                   lost_lease_costs_the_application_nothing, activation_code_works_once,
                   expired_activation_code_is_refused, token_without_a_grant_looks_like_none,
                   certificate_is_taken_for_a_key_of_the_token_only, tampered_key_row_never_signs);
