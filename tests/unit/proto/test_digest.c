/* SPDX-License-Identifier: Apache-2.0 */
/* test_digest.c - the primitives against their standards' vectors, and in a library context of their own. */
#include "proto/digest.h"

#include <openssl/crypto.h>

#include "tests/support/hex.h"
#include "tests/support/suite.h"

static OSSL_LIB_CTX *libctx;

static void make_context(void)
{
    libctx = OSSL_LIB_CTX_new();
    ck_assert_ptr_nonnull(libctx);
}

static void free_context(void)
{
    OSSL_LIB_CTX_free(libctx);
}

/* FIPS 180-4 examples: "abc" and nothing. */
START_TEST(sha256_is_as_the_standard_has_it)
{
    uint8_t hash[HASH_LEN];

    ck_assert_int_eq(digest_sha256(libctx, bytes_of_text("abc"), hash), 0);
    assert_hex(BYTES_OF_ARRAY(hash), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_int_eq(digest_sha256(NULL, BYTES_NONE, hash), 0);
    assert_hex(BYTES_OF_ARRAY(hash), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

/* RFC 4231 4.3 (Test Case 2). */
START_TEST(hmac_is_as_the_rfc_has_it)
{
    uint8_t mac[HASH_LEN];

    ck_assert_int_eq(
        digest_hmac(libctx, bytes_of_text("Jefe"), bytes_of_text("what do ya want for nothing?"), mac), 0);
    assert_hex(BYTES_OF_ARRAY(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
END_TEST

START_TEST(an_empty_key_is_a_key)
{
    uint8_t a[HASH_LEN], b[HASH_LEN], zeros[HASH_LEN] = { 0 };

    ck_assert_int_eq(digest_hmac(libctx, BYTES_NONE, bytes_of_text("x"), a), 0);
    ck_assert_int_eq(digest_hmac(libctx, BYTES_OF_ARRAY(zeros), bytes_of_text("x"), b), 0);
    ck_assert_mem_eq(a, b, HASH_LEN); /* RFC 2104 2: keys are padded with zeros */
}
END_TEST

/* RFC 5869 A.1 (Test Case 1). */
START_TEST(hkdf_is_as_the_rfc_has_it)
{
    static const char okm_text[] =
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
    uint8_t ikm_memory[22], salt_memory[13], info_memory[10];
    struct bytes ikm = hex_bytes("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", ikm_memory);
    struct bytes salt = hex_bytes("000102030405060708090a0b0c", salt_memory);
    struct bytes info = hex_bytes("f0f1f2f3f4f5f6f7f8f9", info_memory);
    CLEANUP(secret_free) struct secret *okm = NULL;
    CLEANUP(secret_free) struct secret *prk = NULL;
    CLEANUP(secret_free) struct secret *expanded = NULL;

    ck_assert_int_eq(digest_hkdf(libctx, ikm, salt, info, 42, &okm), 0);
    assert_hex(secret_bytes(okm), okm_text);
    ck_assert_int_eq(digest_hkdf_extract(libctx, salt, ikm, &prk), 0);
    assert_hex(secret_bytes(prk), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    ck_assert_int_eq(digest_hkdf_expand(libctx, secret_bytes(prk), info, 42, &expanded), 0);
    assert_hex(secret_bytes(expanded), okm_text);
}
END_TEST

/* RFC 5869 A.3 (Test Case 3): no salt, no info. */
START_TEST(hkdf_without_salt_and_info_is_as_the_rfc_has_it)
{
    uint8_t memory[22];
    CLEANUP(secret_free) struct secret *okm = NULL;

    ck_assert_int_eq(digest_hkdf(libctx, hex_bytes("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", memory),
                                 BYTES_NONE, BYTES_NONE, 42, &okm),
                     0);
    assert_hex(secret_bytes(okm),
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}
END_TEST

SUITE_WITH_FIXTURE("digest", make_context, free_context, sha256_is_as_the_standard_has_it,
                   hmac_is_as_the_rfc_has_it, an_empty_key_is_a_key, hkdf_is_as_the_rfc_has_it,
                   hkdf_without_salt_and_info_is_as_the_rfc_has_it);
