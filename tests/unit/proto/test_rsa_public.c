/* SPDX-License-Identifier: Apache-2.0 */
/* test_rsa_public.c - encryption opens with OpenSSL's private half; recovery gives back what was signed. */
#include "proto/rsa_public.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "proto/mechanism.h"
#include "tests/support/suite.h"

static EVP_PKEY *pair;
static struct public_key *key;

static void setup(void)
{
    uint8_t *spki = NULL;
    int len;

    pair = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    len = i2d_PUBKEY(pair, &spki);
    ck_assert_uint_eq(public_key_of_spki(NULL, BYTES(spki, len), &key), CKR_OK);
    OPENSSL_free(spki);
}

static void teardown(void)
{
    public_key_free(key);
    EVP_PKEY_free(pair);
}

/* Whether @ciphertext is @message to the private half. */
static bool opens(struct bytes ciphertext, const char *oaep_hash, struct bytes message)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair, NULL);
    uint8_t opened[256];
    size_t len = sizeof(opened);
    bool is_opened;

    ck_assert_int_eq(EVP_PKEY_decrypt_init(ctx), 1);
    if (oaep_hash) {
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, oaep_hash, NULL), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, oaep_hash, NULL), 1);
    }
    is_opened = EVP_PKEY_decrypt(ctx, opened, &len, ciphertext.data, ciphertext.len) == 1 &&
                bytes_equal(BYTES(opened, len), message);
    EVP_PKEY_CTX_free(ctx);
    return is_opened;
}

START_TEST(encrypted_message_opens)
{
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    struct bytes message = bytes_of_text("the launch code");

    ck_assert_uint_eq(rsa_public_encrypt(NULL, key, NULL, message, &ciphertext), CKR_OK);
    ck_assert_uint_eq(ciphertext.len, 256);
    ck_assert(opens(buffer_bytes(&ciphertext), NULL, message));
}
END_TEST

START_TEST(every_hash_of_oaep_opens)
{
    struct bytes message = bytes_of_text("the launch code");
    Privyseal__V1__OaepParameters oaep = PRIVYSEAL__V1__OAEP_PARAMETERS__INIT;
    CK_RSA_PKCS_MGF_TYPE mgf;

    for (size_t i = 0; (oaep.hash = mechanism_oaep_hash_at(i, &mgf)) != 0; i++) {
        CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };

        oaep.mgf = mgf;
        ck_assert_uint_eq(rsa_public_encrypt(NULL, key, &oaep, message, &ciphertext), CKR_OK);
        ck_assert(opens(buffer_bytes(&ciphertext), mechanism_oaep_hash_name(oaep.hash), message));
    }
}
END_TEST

START_TEST(message_too_long_for_the_key_is_refused)
{
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    uint8_t message[246] = { 1 };

    ck_assert_uint_eq(rsa_public_encrypt(NULL, key, NULL, BYTES(message, 245), &ciphertext), CKR_OK);
    ck_assert_uint_eq(rsa_public_encrypt(NULL, key, NULL, BYTES(message, 246), &ciphertext),
                      CKR_DATA_LEN_RANGE);
    ck_assert_uint_eq(ciphertext.len, 256);
}
END_TEST

static void sign(struct bytes data, uint8_t signature[256])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair, NULL);
    size_t len = 256;

    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_sign(ctx, signature, &len, data.data, data.len), 1);
    EVP_PKEY_CTX_free(ctx);
}

START_TEST(signature_gives_back_what_was_signed)
{
    CLEANUP(buffer_clear) struct buffer data = { 0 };
    uint8_t signature[256];

    sign(bytes_of_text("a letter"), signature);
    ck_assert_uint_eq(rsa_public_recover(NULL, key, BYTES_OF_ARRAY(signature), &data), CKR_OK);
    ck_assert(bytes_equal(buffer_bytes(&data), bytes_of_text("a letter")));
}
END_TEST

START_TEST(altered_or_cut_signature_gives_nothing_back)
{
    CLEANUP(buffer_clear) struct buffer data = { 0 };
    uint8_t signature[256];

    sign(bytes_of_text("a letter"), signature);
    ck_assert_uint_eq(rsa_public_recover(NULL, key, BYTES(signature, 255), &data), CKR_SIGNATURE_LEN_RANGE);
    signature[9] ^= 1;
    ck_assert_uint_eq(rsa_public_recover(NULL, key, BYTES_OF_ARRAY(signature), &data), CKR_SIGNATURE_INVALID);
    ck_assert_uint_eq(data.len, 0);
}
END_TEST

SUITE_WITH_FIXTURE("rsa_public", setup, teardown, encrypted_message_opens, every_hash_of_oaep_opens,
                   message_too_long_for_the_key_is_refused, signature_gives_back_what_was_signed,
                   altered_or_cut_signature_gives_nothing_back);
