/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user does with keys besides signing: keys that decrypt, that derive, that want the PIN for every signature;
 * new names, and the end. Each key does the one thing it was made for, in both kinds of custody.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "include/table.h"
#include "proto/rsa_public.h"
#include "proxy/service/warm_up.h"
#include "proxy/store/backend.h"
#include "tests/loopback/capture.h"
#include "tests/support/suite.h"

#define SIGN            PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN
#define DECRYPT         PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT
#define DERIVE          PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE
#define A_KEY           PRIVYSEAL__V1__OBJECT_KIND__OBJECT_KEY
#define ITS_CERTIFICATE PRIVYSEAL__V1__OBJECT_KIND__OBJECT_CERTIFICATE

static const Privyseal__V1__Custody custodies[] = { PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED,
                                                    PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION };

static struct captures captures;
static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;

static void teardown(void)
{
    deployment_hook(NULL);
    captures_clear(&captures);
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static void log_in(void)
{
    CK_RV rv = remote_token_login(token, PIN, &error);

    ck_assert_msg(rv == CKR_OK, "login: %s", error.detail);
}

/* alice's token of the custody that the case's index names; logged in. */
static void start(int index)
{
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, custodies[index]);
    log_in();
}

static CK_RV make(const struct remote_new_key *key, uint8_t ret_name[KEY_NAME_LEN])
{
    return remote_token_generate(token, key, ret_name, &error);
}

static void make_good(CK_KEY_TYPE type, unsigned bits, Privyseal__V1__KeyUsage usage,
                      uint8_t ret_name[KEY_NAME_LEN])
{
    CK_RV rv = make(&(struct remote_new_key){ .type = type, .bits = bits, .usage = usage }, ret_name);

    ck_assert_msg(rv == CKR_OK, "generate: %s", error.detail);
}

static CK_RV sign(const uint8_t name[KEY_NAME_LEN], CK_MECHANISM_TYPE raw)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    static const uint8_t digest[HASH_LEN] = { 7 };
    const struct remote_sign request = {
        .key_name = BYTES(name, KEY_NAME_LEN), .raw = raw, .hash = CKM_SHA256, .data = BYTES_OF_ARRAY(digest)
    };

    return remote_token_sign(token, &request, &signature, &error);
}

/* Of the snapshot as it is now; the caller gives it back. */
static struct remote_snapshot *snapshot_now(void)
{
    struct remote_snapshot *snapshot = NULL;

    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    return snapshot;
}

static const Privyseal__V1__KeyInfo *find(const struct remote_snapshot *snapshot,
                                          const uint8_t name[KEY_NAME_LEN])
{
    for (size_t i = 0; i < snapshot->content->n_key; i++)
        if (memcmp(snapshot->content->key[i]->name.data, name, KEY_NAME_LEN) == 0)
            return snapshot->content->key[i];
    return NULL;
}

static struct public_key *public_key_named(const uint8_t name[KEY_NAME_LEN])
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = snapshot_now();
    const Privyseal__V1__KeyInfo *info = find(snapshot, name);
    struct public_key *key = NULL;

    ck_assert_ptr_nonnull(info);
    ck_assert_uint_eq(public_key_of_spki(NULL, BYTES(info->public_key.data, info->public_key.len), &key),
                      CKR_OK);
    return key;
}

/* --------------------------------------------------------------------------------------------- decrypting */

/* @hash 0: by CKM_RSA_PKCS. */
static CK_RV round_trip(const uint8_t name[KEY_NAME_LEN], CK_MECHANISM_TYPE hash, CK_RSA_PKCS_MGF_TYPE mgf,
                        struct bytes message)
{
    CLEANUP(public_key_free) struct public_key *key = public_key_named(name);
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    Privyseal__V1__OaepParameters oaep = PRIVYSEAL__V1__OAEP_PARAMETERS__INIT;
    struct remote_decrypt request = { .key_name = BYTES(name, KEY_NAME_LEN),
                                      .mechanism = hash ? CKM_RSA_PKCS_OAEP : CKM_RSA_PKCS,
                                      .oaep = hash ? &oaep : NULL };
    CK_RV rv;

    oaep.hash = hash;
    oaep.mgf = mgf;
    ck_assert_uint_eq(rsa_public_encrypt(NULL, key, request.oaep, message, &ciphertext), CKR_OK);
    request.data = buffer_bytes(&ciphertext);
    rv = remote_token_decrypt(token, &request, &plaintext, &error);
    ck_assert(rv != CKR_OK || bytes_equal(secret_bytes(plaintext), message));
    return rv;
}

START_TEST(key_made_to_decrypt_decrypts)
{
    uint8_t name[KEY_NAME_LEN];

    start(_i);
    make_good(CKK_RSA, 2048, DECRYPT, name);
    ck_assert_uint_eq(round_trip(name, 0, 0, bytes_of_text("a session key")), CKR_OK);
    ck_assert_uint_eq(round_trip(name, 0, 0, BYTES_NONE), CKR_OK);
    ck_assert_uint_eq(round_trip(name, CKM_SHA_1, CKG_MGF1_SHA1, bytes_of_text("a session key")), CKR_OK);
    ck_assert_uint_eq(deployment_records("\"decrypt\",\"result\":\"OK\""), 3);
}
END_TEST

/* SoftHSM 2.6.1 knows OAEP with SHA-1 only: the snapshot says so, and whoever asks all the same is told. */
START_TEST(hash_that_the_hsm_lacks_is_a_wrong_parameter)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    uint8_t name[KEY_NAME_LEN];
    bool is_told = false;
    CK_RV rv;

    start(_i);
    make_good(CKK_RSA, 2048, DECRYPT, name);
    snapshot = snapshot_now();
    for (size_t i = 0; i < snapshot->content->n_oaep_hash; i++)
        is_told |= snapshot->content->oaep_hash[i] == CKM_SHA256;
    rv = round_trip(name, CKM_SHA256, CKG_MGF1_SHA256, bytes_of_text("a session key"));
    ck_assert_uint_eq(rv, is_told ? CKR_OK : CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(round_trip(name, 0, 0, bytes_of_text("and on")), CKR_OK);
}
END_TEST

START_TEST(bad_ciphertext_is_the_callers_fault)
{
    uint8_t name[KEY_NAME_LEN];
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    const uint8_t data[256] = { 1 };
    struct remote_decrypt request = { .key_name = BYTES_OF_ARRAY(name), .mechanism = CKM_RSA_PKCS };

    start(_i);
    make_good(CKK_RSA, 2048, DECRYPT, name);
    request.data = BYTES_OF_ARRAY(data);
    ck_assert_uint_eq(remote_token_decrypt(token, &request, &plaintext, &error), CKR_ENCRYPTED_DATA_INVALID);
    request.data = BYTES(data, 255);
    ck_assert_uint_eq(remote_token_decrypt(token, &request, &plaintext, &error),
                      CKR_ENCRYPTED_DATA_LEN_RANGE);
    request.mechanism = CKM_RSA_PKCS_OAEP; /* without parameters */
    ck_assert_uint_eq(remote_token_decrypt(token, &request, &plaintext, &error), CKR_MECHANISM_PARAM_INVALID);
    request.mechanism = CKM_RSA_X_509;
    ck_assert_uint_eq(remote_token_decrypt(token, &request, &plaintext, &error), CKR_MECHANISM_INVALID);
}
END_TEST

static bool is_seen(struct bytes text)
{
    for (size_t i = 0; i < captures.count; i++) {
        const struct capture *row = &captures.rows[i];

        if (memmem(row->request.data, row->request.len, text.data, text.len) ||
            memmem(row->reply.body.data, row->reply.body.len, text.data, text.len))
            return true;
    }
    return false;
}

START_TEST(front_sees_neither_plaintext_nor_ciphertext)
{
    struct front_hook hook = capture_hook(&captures);
    struct bytes message = bytes_of_text("a session key, in words");
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    uint8_t name[KEY_NAME_LEN];
    struct remote_decrypt request = { .key_name = BYTES_OF_ARRAY(name), .mechanism = CKM_RSA_PKCS };

    start(_i);
    make_good(CKK_RSA, 2048, DECRYPT, name);

    CLEANUP(public_key_free) struct public_key *key = public_key_named(name);

    ck_assert_uint_eq(rsa_public_encrypt(NULL, key, NULL, message, &ciphertext), CKR_OK);
    request.data = buffer_bytes(&ciphertext);
    deployment_hook(&hook);
    ck_assert_uint_eq(remote_token_decrypt(token, &request, &plaintext, &error), CKR_OK);
    deployment_hook(NULL);
    ck_assert_ptr_nonnull(captures_last(&captures, METHOD_Decrypt));
    ck_assert(!is_seen(message));
    ck_assert(!is_seen(BYTES(ciphertext.data, 32)));
}
END_TEST

/* ----------------------------------------------------------------------------------------------- deriving */

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX *);

START_TEST(key_made_to_derive_agrees_with_openssl)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *peer = EVP_EC_gen("P-256");
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(peer, NULL);
    CLEANUP(secret_free) struct secret *shared = NULL;
    uint8_t name[KEY_NAME_LEN], point[65], expected[32];
    size_t point_len = 0, len = sizeof(expected);

    start(_i);
    make_good(CKK_EC, 256, DERIVE, name);

    CLEANUP(public_key_free) struct public_key *key = public_key_named(name);

    ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_derive_set_peer(ctx, key->pkey), 1);
    ck_assert_int_eq(EVP_PKEY_derive(ctx, expected, &len), 1);
    ck_assert_int_eq(
        EVP_PKEY_get_octet_string_param(peer, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &point_len), 1);
    ck_assert_uint_eq(
        remote_token_derive(token, BYTES_OF_ARRAY(name), BYTES_OF_ARRAY(point), &shared, &error), CKR_OK);
    ck_assert(bytes_equal(secret_bytes(shared), BYTES_OF_ARRAY(expected)));
    point[64] ^= 1; /* not on the curve any more */
    secret_free(TAKE(shared));
    ck_assert_uint_eq(
        remote_token_derive(token, BYTES_OF_ARRAY(name), BYTES_OF_ARRAY(point), &shared, &error),
        CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

/* --------------------------------------------------------------------------------------- one key, one use */

START_TEST(no_key_does_what_it_was_not_made_for)
{
    uint8_t signs[KEY_NAME_LEN], decrypts[KEY_NAME_LEN], ec_signs[KEY_NAME_LEN], derives[KEY_NAME_LEN];
    CLEANUP(secret_free) struct secret *shared = NULL;

    start(_i);
    make_good(CKK_RSA, 2048, SIGN, signs);
    make_good(CKK_RSA, 2048, DECRYPT, decrypts);
    make_good(CKK_EC, 256, SIGN, ec_signs);
    make_good(CKK_EC, 256, DERIVE, derives);

    CLEANUP(public_key_free) struct public_key *peer = public_key_named(ec_signs);
    struct bytes point = BYTES(peer->ec_point.data + 2, peer->ec_point.len - 2);

    ck_assert_uint_eq(sign(decrypts, CKM_RSA_PKCS), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(sign(derives, CKM_ECDSA), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(round_trip(signs, 0, 0, bytes_of_text("x")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(remote_token_derive(token, BYTES_OF_ARRAY(ec_signs), point, &shared, &error),
                      CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(sign(signs, CKM_RSA_PKCS), CKR_OK);
    ck_assert_uint_eq(sign(ec_signs, CKM_ECDSA), CKR_OK);
}
END_TEST

START_TEST(uses_that_a_type_does_not_have_are_not_made)
{
    static const struct remote_new_key wishes[] = {
        { .type = CKK_RSA, .bits = 2048, .usage = DERIVE },
        { .type = CKK_EC, .bits = 256, .usage = DECRYPT },
        { .type = CKK_EC, .bits = 256, .usage = 3 },
        { .type = CKK_RSA, .bits = 2048, .usage = DECRYPT, .always_authenticate = true },
    };
    const struct remote_new_key *wish;
    uint8_t name[KEY_NAME_LEN];

    start(_i);
    for (EACH_ROW(wish, wishes))
        ck_assert_uint_eq(make(wish, name), CKR_KEY_FUNCTION_NOT_PERMITTED);
}
END_TEST

/* Whoever writes the database would like a key that signs to decrypt: the row's MAC is under Krow. */
START_TEST(row_with_another_usage_is_not_believed)
{
    uint8_t name[KEY_NAME_LEN];
    struct key_row *rows = NULL;
    struct token_row row;
    size_t count = 0;

    start(_i);
    make_good(CKK_RSA, 2048, SIGN, name);
    ck_assert_int_eq(store_token_by_name(deployment.store, "alice", &row), 0);
    ck_assert_int_eq(store_key_list(deployment.store, row.id, &rows, &count), 0);
    rows[0].usage = KEY_DECRYPTS;
    ck_assert_int_eq(store_key_delete(deployment.store, row.id, name), 0);
    ck_assert_int_eq(store_key_insert(deployment.store, &rows[0]), 0);
    ck_assert_uint_eq(sign(name, CKM_RSA_PKCS), CKR_OK); /* by the row as it was when the token was opened */
    leases_forget_keys(deployment.service[_i ? SIGNER_HOME : SIGNER_WRAPPED].leases, row.id);
    ck_assert_uint_eq(sign(name, CKM_RSA_PKCS), CKR_DEVICE_ERROR);
    ck_assert_int_eq(error.failure.reason, REASON_INTEGRITY);
    key_rows_free(rows, count);
}
END_TEST

/* ------------------------------------------------------------------------------------------------ consent */

static void make_strict(uint8_t ret_name[KEY_NAME_LEN])
{
    ck_assert_uint_eq(
        make(&(struct remote_new_key){ .type = CKK_EC, .bits = 256, .always_authenticate = true }, ret_name),
        CKR_OK);
}

static CK_RV sign_once(const struct login *consent, const uint8_t name[KEY_NAME_LEN])
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    CLEANUP(public_key_free) struct public_key *key = public_key_named(name);
    static const uint8_t digest[HASH_LEN] = { 7 };
    const struct remote_sign request = { .key_name = BYTES(name, KEY_NAME_LEN),
                                         .raw = CKM_ECDSA,
                                         .hash = CKM_SHA256,
                                         .data = BYTES_OF_ARRAY(digest) };
    CK_RV rv = remote_token_sign_once(token, consent, &request, &signature, &error);

    ck_assert(rv != CKR_OK || public_key_verify(NULL, key, CKM_ECDSA, NULL, request.data,
                                                buffer_bytes(&signature)) == CKR_OK);
    return rv;
}

START_TEST(strict_key_signs_with_the_pin_in_the_message_only)
{
    CLEANUP(remote_consent_free) struct login *consent = NULL;
    uint8_t name[KEY_NAME_LEN];

    start(_i);
    make_strict(name);
    ck_assert_uint_eq(sign(name, CKM_ECDSA), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(remote_token_consent(token, PIN, &consent, &error), CKR_OK);
    ck_assert_uint_eq(sign_once(consent, name), CKR_OK);
    ck_assert_uint_eq(sign(name, CKM_ECDSA), CKR_USER_NOT_LOGGED_IN); /* nothing stayed open */
    ck_assert_uint_eq(deployment_records("\"sign.once\",\"result\":\"OK\""), 1);
}
END_TEST

START_TEST(wrong_pin_for_one_signature_is_counted)
{
    struct login *consent = NULL;
    uint8_t name[KEY_NAME_LEN];

    start(_i);
    make_strict(name);
    ck_assert_uint_eq(remote_token_consent(token, WRONG_PIN, &consent, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(error.failure.tries_left, 9);
    ck_assert_uint_eq(remote_token_consent(token, WRONG_PIN, &consent, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(error.failure.tries_left, 8);
    ck_assert_ptr_null(consent);
}
END_TEST

START_TEST(consent_under_a_pin_that_was_changed_signs_nothing)
{
    CLEANUP(remote_consent_free) struct login *consent = NULL;
    uint8_t name[KEY_NAME_LEN];

    start(_i);
    make_strict(name);
    ck_assert_uint_eq(remote_token_consent(token, PIN, &consent, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, OTHER_PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign_once(consent, name), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

/* A front that keeps the one message has one signature, and not even that again. */
START_TEST(kept_message_signs_nothing_more)
{
    CLEANUP(remote_consent_free) struct login *consent = NULL;
    CLEANUP(channel_reply_clear) struct channel_reply again = { 0 };
    struct front_hook hook = capture_hook(&captures);
    const struct capture *kept;
    uint8_t name[KEY_NAME_LEN];

    start(_i);
    make_strict(name);
    deployment_hook(&hook);
    ck_assert_uint_eq(remote_token_consent(token, PIN, &consent, &error), CKR_OK);
    ck_assert_uint_eq(sign_once(consent, name), CKR_OK);
    deployment_hook(NULL);
    kept = captures_last(&captures, METHOD_SignOnce);
    deployment_carry(kept->method, kept->certificate_hash, buffer_bytes(&kept->request), &again);
    ck_assert_int_ne(again.status, GRPC_OK);
    ck_assert_uint_eq(deployment_records("\"sign.once\",\"result\":\"OK\""), 1);
}
END_TEST

/* -------------------------------------------------------------------------------------- names and the end */

static void put_certificate(const uint8_t name[KEY_NAME_LEN])
{
    CLEANUP(public_key_free) struct public_key *key = public_key_named(name);
    X509 *certificate = X509_new();
    EVP_PKEY *issuer = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    int len;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    ck_assert_int_eq(X509_set_pubkey(certificate, key->pkey), 1);
    ck_assert_int_gt(X509_sign(certificate, issuer, EVP_sha256()), 0);
    len = i2d_X509(certificate, &der);
    ck_assert_uint_eq(remote_token_put_certificate(token, BYTES(der, (size_t)len), "mine", &error), CKR_OK);
    OPENSSL_free(der);
    EVP_PKEY_free(issuer);
    X509_free(certificate);
}

START_TEST(key_and_certificate_are_renamed)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    const Privyseal__V1__CertificateInfo *certificate;
    const Privyseal__V1__KeyInfo *key;
    uint8_t name[KEY_NAME_LEN];
    const uint8_t id[] = { 0x45, 0x01 };

    start(_i);
    make_good(CKK_EC, 256, SIGN, name);
    put_certificate(name);
    ck_assert_uint_eq(
        remote_token_update(token, BYTES_OF_ARRAY(name), A_KEY, "work", BYTES_OF_ARRAY(id), &error), CKR_OK);
    ck_assert_uint_eq(
        remote_token_update(token, BYTES_OF_ARRAY(name), ITS_CERTIFICATE, "theirs", BYTES_NONE, &error),
        CKR_OK);
    snapshot = snapshot_now();
    ck_assert(snapshot->is_confirmed);
    key = snapshot->content->key[0];
    certificate = snapshot->content->certificate[0];
    ck_assert_str_eq(key->label, "work");
    ck_assert_str_eq(certificate->label, "theirs");
    ck_assert(bytes_equal(BYTES(key->id.data, key->id.len), BYTES_OF_ARRAY(id)));
    ck_assert(bytes_equal(BYTES(certificate->id.data, certificate->id.len), BYTES_OF_ARRAY(id)));
    ck_assert_uint_eq(sign(name, CKM_ECDSA), CKR_OK);
}
END_TEST

START_TEST(two_keys_never_have_one_id)
{
    uint8_t first[KEY_NAME_LEN], second[KEY_NAME_LEN], third[KEY_NAME_LEN];
    struct remote_new_key wish = { .type = CKK_EC, .bits = 256, .id = bytes_of_text("one id") };

    start(_i);
    ck_assert_uint_eq(make(&wish, first), CKR_OK);
    ck_assert_uint_eq(make(&wish, third), CKR_ATTRIBUTE_VALUE_INVALID);
    make_good(CKK_EC, 256, SIGN, second);
    ck_assert_uint_eq(remote_token_update(token, BYTES_OF_ARRAY(second), A_KEY, "", wish.id, &error),
                      CKR_ATTRIBUTE_VALUE_INVALID);
    /* That somebody's id is the beginning of a key's name does not keep the key from being made, or found. */
    ck_assert_uint_eq(remote_token_update(token, BYTES_OF_ARRAY(first), A_KEY, "", wish.id, &error), CKR_OK);
    ck_assert_uint_eq(sign(first, CKM_ECDSA), CKR_OK);
}
END_TEST

START_TEST(names_that_cannot_be_are_refused)
{
    uint8_t name[KEY_NAME_LEN], long_id[KEY_ID_MAX + 1] = { 1 };

    start(_i);
    make_good(CKK_EC, 256, SIGN, name);
    ck_assert_uint_ne(remote_token_update(token, BYTES_OF_ARRAY(name), A_KEY, "a\nb", BYTES_NONE, &error),
                      CKR_OK);
    ck_assert_uint_ne(
        remote_token_update(token, BYTES_OF_ARRAY(name), A_KEY, "", BYTES_OF_ARRAY(long_id), &error), CKR_OK);
    ck_assert_uint_ne(remote_token_update(token, BYTES_OF_ARRAY(name), A_KEY, "", BYTES_NONE, &error),
                      CKR_OK);
    ck_assert_uint_eq(
        remote_token_update(token, BYTES_OF_ARRAY(name), ITS_CERTIFICATE, "none", BYTES_NONE, &error),
        CKR_OBJECT_HANDLE_INVALID);
    name[0] ^= 1;
    ck_assert_uint_eq(remote_token_update(token, BYTES_OF_ARRAY(name), A_KEY, "x", BYTES_NONE, &error),
                      CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(deleted_key_is_gone_with_its_certificate)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    uint8_t name[KEY_NAME_LEN], other[KEY_NAME_LEN];

    start(_i);
    make_good(CKK_EC, 256, SIGN, name);
    make_good(CKK_EC, 256, SIGN, other);
    put_certificate(name);
    ck_assert_uint_eq(sign(name, CKM_ECDSA), CKR_OK);
    ck_assert_uint_eq(remote_token_delete(token, BYTES_OF_ARRAY(name), A_KEY, &error), CKR_OK);
    ck_assert_uint_eq(sign(name, CKM_ECDSA), CKR_KEY_HANDLE_INVALID);
    ck_assert_uint_eq(sign(other, CKM_ECDSA), CKR_OK);
    snapshot = snapshot_now();
    ck_assert_uint_eq(snapshot->content->n_key, 1);
    ck_assert_uint_eq(snapshot->content->n_certificate, 0);
    ck_assert_uint_eq(remote_token_delete(token, BYTES_OF_ARRAY(name), A_KEY, &error),
                      CKR_OBJECT_HANDLE_INVALID);
    ck_assert_uint_eq(deployment_records("\"object.delete\",\"result\":\"OK\""), 1);
}
END_TEST

START_TEST(deleted_certificate_leaves_its_key)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    uint8_t name[KEY_NAME_LEN];

    start(_i);
    make_good(CKK_EC, 256, SIGN, name);
    put_certificate(name);
    ck_assert_uint_eq(remote_token_delete(token, BYTES_OF_ARRAY(name), ITS_CERTIFICATE, &error), CKR_OK);
    snapshot = snapshot_now();
    ck_assert_uint_eq(snapshot->content->n_certificate, 0);
    ck_assert_uint_eq(sign(name, CKM_ECDSA), CKR_OK);
}
END_TEST

/* -------------------------------------------------------------------------------------------------- keys in use */

static int no_answer(struct store *store, const char *sql, struct values parameters, store_row_fn *on_row,
                     void *arg, size_t *ret_changed)
{
    (void)store, (void)sql, (void)parameters, (void)on_row, (void)arg, (void)ret_changed;
    return -EIO;
}

static const struct store_ops dead_ops = { .run = no_answer };
static struct store dead_store = { .ops = &dead_ops };

/* The rows were read and believed when the token was opened; what was forgotten since is not believed unseen. */
START_TEST(open_token_signs_while_the_store_is_away)
{
    struct service *service;
    uint8_t used[KEY_NAME_LEN], unused[KEY_NAME_LEN];
    struct token_row row;

    start(_i);
    service = &deployment.service[_i ? SIGNER_HOME : SIGNER_WRAPPED];
    make_good(CKK_EC, 256, SIGN, used);
    make_good(CKK_EC, 256, SIGN, unused);
    ck_assert_uint_eq(sign(used, CKM_ECDSA), CKR_OK);
    ck_assert_int_eq(store_token_by_name(deployment.store, "alice", &row), 0);
    service->access.store = &dead_store;
    ck_assert_uint_eq(sign(used, CKM_ECDSA), CKR_OK);
    ck_assert_uint_eq(sign(unused, CKM_ECDSA), CKR_OK);
    leases_forget_keys(service->leases, row.id);
    ck_assert_uint_ne(sign(used, CKM_ECDSA), CKR_OK);
    service->access.store = deployment.store;
    ck_assert_uint_eq(sign(used, CKM_ECDSA), CKR_OK);
}
END_TEST

static int64_t now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

/* What the signer does while it has nothing else to do. */
static unsigned warm_up(struct service *service)
{
    unsigned steps = 0;

    for (; warm_up_is_due(service); steps++)
        warm_up_step(service, now_ms());
    return steps;
}

static void log_in_anew(void)
{
    remote_token_logout(token);
    log_in();
}

START_TEST(keys_of_rows_are_made_ready_after_an_unlock)
{
    struct service *service = &deployment.service[_i ? SIGNER_HOME : SIGNER_WRAPPED];
    uint8_t signing[KEY_NAME_LEN], deriving[KEY_NAME_LEN], strict[KEY_NAME_LEN];
    uint64_t objects;

    start(_i);
    make_good(CKK_EC, 256, SIGN, signing);
    make_good(CKK_EC, 256, DERIVE, deriving);
    make_strict(strict);
    log_in_anew();
    ck_assert_int_eq(warm_up_is_due(service), _i == 0); /* objects of a partition are ready */
    if (_i)
        return;
    objects = hsm_objects_made(deployment.hsm);
    ck_assert_uint_eq(warm_up(service), 2);                           /* the one that signs, and nothing */
    ck_assert_uint_eq(hsm_objects_made(deployment.hsm), objects + 2); /* what opens the row, and the key */
    ck_assert_uint_eq(sign(signing, CKM_ECDSA), CKR_OK);
    ck_assert_uint_eq(hsm_objects_made(deployment.hsm), objects + 2);
}
END_TEST

START_TEST(token_that_was_locked_meanwhile_is_not_made_ready)
{
    struct service *service = &deployment.service[_i ? SIGNER_HOME : SIGNER_WRAPPED];
    uint8_t name[KEY_NAME_LEN];
    struct token_row row;
    uint64_t objects;

    start(_i);
    make_good(CKK_EC, 256, SIGN, name);
    log_in_anew();
    ck_assert_int_eq(store_token_by_name(deployment.store, "alice", &row), 0);
    leases_sweep(service->leases, now_ms(), row.id);
    objects = hsm_objects_made(deployment.hsm);
    ck_assert_uint_eq(warm_up(service), _i ? 0 : 1);
    ck_assert_uint_eq(hsm_objects_made(deployment.hsm), objects);
}
END_TEST

SUITE_FOR_EACH("loopback keys", deployment_setup, teardown, ARRAY_SIZE(custodies),
               key_made_to_decrypt_decrypts, hash_that_the_hsm_lacks_is_a_wrong_parameter,
               bad_ciphertext_is_the_callers_fault, front_sees_neither_plaintext_nor_ciphertext,
               key_made_to_derive_agrees_with_openssl, no_key_does_what_it_was_not_made_for,
               uses_that_a_type_does_not_have_are_not_made, row_with_another_usage_is_not_believed,
               strict_key_signs_with_the_pin_in_the_message_only, wrong_pin_for_one_signature_is_counted,
               consent_under_a_pin_that_was_changed_signs_nothing, kept_message_signs_nothing_more,
               key_and_certificate_are_renamed, two_keys_never_have_one_id, names_that_cannot_be_are_refused,
               deleted_key_is_gone_with_its_certificate, deleted_certificate_leaves_its_key,
               open_token_signs_while_the_store_is_away, keys_of_rows_are_made_ready_after_an_unlock,
               token_that_was_locked_meanwhile_is_not_made_ready);
