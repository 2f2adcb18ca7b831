/* SPDX-License-Identifier: Apache-2.0 */
/* test_public_key.c - one key has one encoding and one name; and OpenSSL's signatures verify. */
#include "proto/public_key.h"

#include <string.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "include/table.h"
#include "proto/mechanism.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);

static uint8_t digest[64] = "sixty-four bytes that could be a SHA-512 digest of some document";

static EVP_PKEY *make_rsa(unsigned bits)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);

    ck_assert_ptr_nonnull(pkey);
    return pkey;
}

/* For PSS alone, which its algorithm says. RFC 4055 1.2 */
static EVP_PKEY *make_rsa_pss(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *pkey = NULL;

    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_keygen(ctx, &pkey), 1);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *make_ec(const char *curve)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);

    ck_assert_ptr_nonnull(pkey);
    return pkey;
}

/* What public_key_of_spki() says of the key as OpenSSL encodes it. */
static CK_RV read_spki(EVP_PKEY *pkey, struct public_key **ret)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    CK_RV rv;

    ck_assert_int_gt(len, 0);
    rv = public_key_of_spki(NULL, BYTES(der, (size_t)len), ret);
    OPENSSL_free(der);
    return rv;
}

static struct public_key *read_ok(EVP_PKEY *pkey)
{
    struct public_key *key = NULL;

    ck_assert_uint_eq(read_spki(pkey, &key), CKR_OK);
    return key;
}

START_TEST(an_rsa_key_is_the_same_from_its_attributes)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_rsa(2048);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    CLEANUP(public_key_free) struct public_key *again = NULL;
    uint8_t padded[257] = { 0 };

    ck_assert_uint_eq(key->type, CKK_RSA);
    ck_assert_uint_eq(key->bits, 2048);
    ck_assert_uint_eq(key->modulus.len, 256);
    assert_hex(buffer_bytes(&key->exponent), "010001");
    memcpy(padded + 1, key->modulus.data, 256); /* as some HSMs write a number */
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_OF_ARRAY(padded), buffer_bytes(&key->exponent), &again),
                      CKR_OK);
    ck_assert_mem_eq(again->name, key->name, sizeof(key->name));
    ck_assert(bytes_equal(buffer_bytes(&again->spki), buffer_bytes(&key->spki)));
}
END_TEST

static const struct {
    const char *curve;
    unsigned bits;
    size_t point_len;
} curves[] = { { "P-256", 256, 65 }, { "P-384", 384, 97 }, { "P-521", 521, 133 } };

static void assert_same_from_attributes(size_t curve)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_ec(curves[curve].curve);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    CLEANUP(public_key_free) struct public_key *wrapped = NULL;
    CLEANUP(public_key_free) struct public_key *bare = NULL;
    struct bytes params = buffer_bytes(&key->ec_params), point = buffer_bytes(&key->ec_point);
    struct bytes bare_point =
        BYTES(point.data + point.len - curves[curve].point_len, curves[curve].point_len);

    ck_assert_uint_eq(key->type, CKK_EC);
    ck_assert_uint_eq(key->bits, curves[curve].bits);
    ck_assert(bytes_equal(params, public_key_ec_params(CKK_EC, curves[curve].bits)));
    ck_assert_uint_eq(public_key_of_ec(NULL, CKK_EC, params, point, &wrapped), CKR_OK);
    ck_assert_uint_eq(public_key_of_ec(NULL, CKK_EC, params, bare_point, &bare), CKR_OK);
    ck_assert_mem_eq(wrapped->name, key->name, sizeof(key->name));
    ck_assert_mem_eq(bare->name, key->name, sizeof(key->name));
    ck_assert(bytes_equal(buffer_bytes(&bare->ec_point), point));
}

START_TEST(an_ec_key_is_the_same_from_its_attributes)
{
    for (size_t curve = 0; curve < ARRAY_SIZE(curves); curve++)
        assert_same_from_attributes(curve);
}
END_TEST

START_TEST(an_ed25519_key_is_the_same_from_its_attributes)
{
    static const uint8_t name[] = "\x13\x0c"
                                  "edwards25519";
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    CLEANUP(public_key_free) struct public_key *again = NULL;

    ck_assert_uint_eq(key->type, CKK_EC_EDWARDS);
    ck_assert_uint_eq(key->bits, 255);
    ck_assert_uint_eq(key->ec_point.len, 34);
    assert_hex(public_key_ec_params(CKK_EC_EDWARDS, 255), "06032b6570");
    ck_assert_uint_eq(public_key_of_ec(NULL, CKK_EC_EDWARDS, BYTES(name, sizeof(name) - 1),
                                       BYTES(key->ec_point.data + 2, 32), &again),
                      CKR_OK);
    ck_assert_mem_eq(again->name, key->name, sizeof(key->name));
}
END_TEST

START_TEST(keys_of_other_types_and_curves_are_refused)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    CLEANUP(EVP_PKEY_free) EVP_PKEY *ed448 = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    CLEANUP(EVP_PKEY_free) EVP_PKEY *koblitz = make_ec("secp256k1");
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pss = make_rsa_pss();
    struct public_key *key = NULL;

    ck_assert_uint_eq(read_spki(pss, &key), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(read_spki(x25519, &key), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(read_spki(ed448, &key), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(read_spki(koblitz, &key), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(
        public_key_of_ec(NULL, CKK_EC, public_key_ec_params(CKK_EC_EDWARDS, 255), BYTES(digest, 32), &key),
        CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(public_key_ec_params(CKK_EC, 255).len, 0);
    ck_assert_ptr_null(key);
}
END_TEST

START_TEST(rsa_keys_too_short_are_refused)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_rsa(1024);
    struct public_key *key = NULL;

    ck_assert_uint_eq(read_spki(pkey, &key), CKR_KEY_SIZE_RANGE);
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_NONE, BYTES("\x03", 1), &key), CKR_KEY_SIZE_RANGE);
}
END_TEST

START_TEST(numbers_that_are_no_rsa_key_are_refused)
{
    uint8_t modulus[256];
    struct public_key *key = NULL;

    memset(modulus, 0xff, sizeof(modulus));
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_OF_ARRAY(modulus), BYTES("\x01", 1), &key),
                      CKR_DATA_INVALID);
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_OF_ARRAY(modulus), BYTES("\x04", 1), &key),
                      CKR_DATA_INVALID);
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_OF_ARRAY(modulus), BYTES_NONE, &key), CKR_DATA_INVALID);
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_OF_ARRAY(modulus), BYTES(digest, 9), &key),
                      CKR_DATA_INVALID);
    modulus[255] = 0xfe;
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_OF_ARRAY(modulus), BYTES("\x03", 1), &key),
                      CKR_DATA_INVALID);
    modulus[0] = 0x7f;
    ck_assert_uint_eq(public_key_of_rsa(NULL, BYTES_OF_ARRAY(modulus), BYTES("\x03", 1), &key),
                      CKR_KEY_SIZE_RANGE);
    ck_assert_ptr_null(key);
}
END_TEST

START_TEST(a_point_that_is_not_on_the_curve_is_refused)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_ec("P-256");
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    struct public_key *other = NULL;
    struct bytes params = buffer_bytes(&key->ec_params);

    key->ec_point.data[40] ^= 1;
    ck_assert_uint_eq(public_key_of_ec(NULL, CKK_EC, params, buffer_bytes(&key->ec_point), &other),
                      CKR_DATA_INVALID);
    ck_assert_uint_eq(public_key_of_ec(NULL, CKK_EC, params, BYTES(key->ec_point.data, 64), &other),
                      CKR_DATA_INVALID);
    ck_assert_uint_eq(public_key_of_ec(NULL, CKK_EC, params, BYTES_NONE, &other), CKR_DATA_INVALID);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(a_second_encoding_of_a_key_is_refused)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *compressed = make_ec("P-256");
    CLEANUP(EVP_PKEY_free) EVP_PKEY *explicit = make_ec("P-256");
    struct public_key *key = NULL;

    EVP_PKEY_set_utf8_string_param(compressed, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed");
    ck_assert_uint_eq(read_spki(compressed, &key), CKR_DATA_INVALID);
    EVP_PKEY_set_utf8_string_param(explicit, OSSL_PKEY_PARAM_EC_ENCODING, "explicit");
    ck_assert_uint_ne(read_spki(explicit, &key), CKR_OK);
    ck_assert_ptr_null(key);
}
END_TEST

/* The zero in front of a modulus says that it is positive; a NULL says that RSA has no parameters. */
START_TEST(an_rsa_key_without_its_zero_or_null_is_refused)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_rsa(2048);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    CLEANUP(buffer_clear) struct buffer without = { 0 };
    struct public_key *other = NULL;
    uint8_t *spki = key->spki.data;

    ck_assert_uint_eq(spki[17], 0x05); /* NULL */
    spki[17] = 0x04;                   /* an OCTET STRING, as empty */
    ck_assert_uint_eq(public_key_of_spki(NULL, buffer_bytes(&key->spki), &other), CKR_DATA_INVALID);
    spki[17] = 0x05;
    ck_assert_uint_eq(spki[32], 0x00);
    spki[32] = 0x01; /* 2049 bits */
    ck_assert_uint_ne(public_key_of_spki(NULL, buffer_bytes(&key->spki), &other), CKR_OK);
    buffer_append(&without, BYTES(spki, 32));
    buffer_append(&without, BYTES(spki + 33, key->spki.len - 33));
    /* Each length around it is one less. */
    without.data[3]--;
    without.data[22]--;
    without.data[27]--;
    without.data[31]--;
    ck_assert_uint_eq(public_key_of_spki(NULL, buffer_bytes(&without), &other), CKR_DATA_INVALID);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(bytes_that_are_no_key_are_refused)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_ec("P-256");
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    struct public_key *other = NULL;

    for (size_t len = 0; len < key->spki.len; len++)
        ck_assert_uint_eq(public_key_of_spki(NULL, BYTES(key->spki.data, len), &other), CKR_DATA_INVALID);
    buffer_append_u8(&key->spki, 0);
    ck_assert_uint_eq(public_key_of_spki(NULL, buffer_bytes(&key->spki), &other), CKR_DATA_INVALID);
    ck_assert_ptr_null(other);
}
END_TEST

/* ------------------------------------------------------------------------------------------- verification */

static struct bytes sign_rsa(EVP_PKEY *pkey, const Privyseal__V1__PssParameters *pss, struct bytes data,
                             uint8_t memory[512])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    size_t len = 512;

    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    if (pss) {
        const EVP_MD *md = EVP_get_digestbyname(mechanism_hash_name(pss->hash));

        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)pss->salt_len), 1);
    }
    ck_assert_int_eq(EVP_PKEY_sign(ctx, memory, &len, data.data, data.len), 1);
    EVP_PKEY_CTX_free(ctx);
    return BYTES(memory, len);
}

/* Good as it is; not after one bit of signature or data changed, or with a byte less. */
static void assert_verifies(const struct public_key *key, CK_MECHANISM_TYPE raw,
                            const Privyseal__V1__PssParameters *pss, struct bytes data, uint8_t *signature,
                            size_t len)
{
    uint8_t changed[64];

    memcpy(changed, data.data, data.len);
    changed[0] ^= 1;
    ck_assert_uint_eq(public_key_verify(NULL, key, raw, pss, data, BYTES(signature, len)), CKR_OK);
    ck_assert_uint_eq(public_key_verify(NULL, key, raw, pss, BYTES(changed, data.len), BYTES(signature, len)),
                      CKR_SIGNATURE_INVALID);
    ck_assert_uint_eq(public_key_verify(NULL, key, raw, pss, data, BYTES(signature, len - 1)),
                      CKR_SIGNATURE_LEN_RANGE);
    signature[len / 2] ^= 1;
    ck_assert_uint_eq(public_key_verify(NULL, key, raw, pss, data, BYTES(signature, len)),
                      CKR_SIGNATURE_INVALID);
}

START_TEST(pkcs1_signatures_verify)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_rsa(2048);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    struct bytes data = BYTES(digest, 20); /* any bytes: not a DigestInfo */
    uint8_t memory[512];
    struct bytes signature = sign_rsa(pkey, NULL, data, memory);

    assert_verifies(key, CKM_RSA_PKCS, NULL, data, memory, signature.len);
}
END_TEST

START_TEST(who_verifies_often_is_told_the_same)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_rsa(2048);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;
    uint8_t memory[512], spoilt[512];
    struct bytes data = BYTES(digest, 20), other = BYTES(digest + 1, 20);
    struct bytes signature = sign_rsa(pkey, NULL, data, memory);

    memcpy(spoilt, memory, signature.len);
    spoilt[signature.len / 2] ^= 1;
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(public_key_verify_often(key, CKM_RSA_PKCS, NULL, data, signature), CKR_OK);
        ck_assert_uint_eq(public_key_verify_often(key, CKM_RSA_PKCS, NULL, other, signature),
                          CKR_SIGNATURE_INVALID);
        ck_assert_uint_eq(
            public_key_verify_often(key, CKM_RSA_PKCS, NULL, data, BYTES(spoilt, signature.len)),
            CKR_SIGNATURE_INVALID);
        ck_assert_uint_eq(public_key_verify_often(key, CKM_RSA_PKCS, &pss, data, signature),
                          CKR_MECHANISM_PARAM_INVALID);
        ck_assert_uint_eq(public_key_verify_often(key, CKM_ECDSA, NULL, data, signature),
                          CKR_KEY_TYPE_INCONSISTENT);
    }
}
END_TEST

/* OpenSSL's own "sign this document" with SHA-256 verifies as CKM_RSA_PKCS over our DigestInfo. */
START_TEST(our_digest_info_is_the_one_that_openssl_signs)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_rsa(2048);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    static const CK_MECHANISM_TYPE hashes[] = { CKM_SHA256, CKM_SHA384, CKM_SHA512 };

    for (size_t i = 0; i < 3; i++) {
        CLEANUP(buffer_clear) struct buffer info = { 0 };
        const char *name = mechanism_hash_name(hashes[i]);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t hash[EVP_MAX_MD_SIZE], signature[256];
        size_t hash_len = 0, len = sizeof(signature);

        ck_assert_int_eq(EVP_DigestSignInit_ex(ctx, NULL, name, NULL, NULL, pkey, NULL), 1);
        ck_assert_int_eq(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"document", 8), 1);
        EVP_MD_CTX_free(ctx);
        ck_assert_int_eq(EVP_Q_digest(NULL, name, NULL, "document", 8, hash, &hash_len), 1);
        ck_assert_uint_eq(mechanism_digest_info(hashes[i], BYTES(hash, hash_len), &info), CKR_OK);
        ck_assert_uint_eq(
            public_key_verify(NULL, key, CKM_RSA_PKCS, NULL, buffer_bytes(&info), BYTES(signature, len)),
            CKR_OK);
    }
}
END_TEST

START_TEST(pss_signatures_verify_with_their_own_parameters_only)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_rsa(2048);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;
    struct bytes data = BYTES(digest, 48);
    uint8_t memory[512];
    struct bytes signature;

    pss.hash = CKM_SHA384;
    pss.mgf = CKG_MGF1_SHA384;
    pss.salt_len = 20;
    signature = sign_rsa(pkey, &pss, data, memory);
    pss.salt_len = 48;
    ck_assert_uint_eq(public_key_verify(NULL, key, CKM_RSA_PKCS_PSS, &pss, data, signature),
                      CKR_SIGNATURE_INVALID);
    pss.salt_len = 20;
    assert_verifies(key, CKM_RSA_PKCS_PSS, &pss, data, memory, signature.len);
}
END_TEST

/* r || s of @data, each padded to the order's length. */
static size_t sign_ec(EVP_PKEY *pkey, struct bytes data, unsigned bits, uint8_t memory[132])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    uint8_t der[160];
    const unsigned char *at = der;
    size_t der_len = sizeof(der), half = (bits + 7) / 8;
    ECDSA_SIG *pair;

    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_sign(ctx, der, &der_len, data.data, data.len), 1);
    pair = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), memory, (int)half);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), memory + half, (int)half);
    ECDSA_SIG_free(pair);
    EVP_PKEY_CTX_free(ctx);
    return 2 * half;
}

static void assert_ecdsa_verifies(size_t curve)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_ec(curves[curve].curve);
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    uint8_t memory[132];
    struct bytes data = BYTES(digest, 32);

    assert_verifies(key, CKM_ECDSA, NULL, data, memory, sign_ec(pkey, data, curves[curve].bits, memory));
}

START_TEST(ecdsa_signatures_verify)
{
    for (size_t curve = 0; curve < ARRAY_SIZE(curves); curve++)
        assert_ecdsa_verifies(curve);
}
END_TEST

/* FIPS 186-4 6.4: of a digest longer than the order the leftmost bits count. */
START_TEST(of_a_long_digest_the_leftmost_bits_count)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_ec("P-256");
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    uint8_t memory[132];
    size_t len = sign_ec(pkey, BYTES(digest, 32), 256, memory);

    ck_assert_uint_eq(public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES(digest, 64), BYTES(memory, len)),
                      CKR_OK);
    digest[63] ^= 1;
    ck_assert_uint_eq(public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES(digest, 64), BYTES(memory, len)),
                      CKR_OK);
    digest[31] ^= 1;
    ck_assert_uint_eq(public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES(digest, 64), BYTES(memory, len)),
                      CKR_SIGNATURE_INVALID);
}
END_TEST

START_TEST(zeros_are_no_ecdsa_signature)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_ec("P-256");
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);
    uint8_t zeros[64] = { 0 };

    ck_assert_uint_eq(public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES(digest, 32), BYTES_OF_ARRAY(zeros)),
                      CKR_SIGNATURE_INVALID);
}
END_TEST

/* RFC 8032 7.1 (Test Vectors for Ed25519), TEST 2. */
START_TEST(the_ed25519_vector_verifies)
{
    uint8_t point[32], signature[64], message[1] = { 0x72 };
    CLEANUP(public_key_free) struct public_key *key = NULL;

    hex_bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", point);
    hex_bytes("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
              "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
              signature);
    ck_assert_uint_eq(public_key_of_ec(NULL, CKK_EC_EDWARDS, public_key_ec_params(CKK_EC_EDWARDS, 255),
                                       BYTES_OF_ARRAY(point), &key),
                      CKR_OK);
    assert_verifies(key, CKM_EDDSA, NULL, BYTES_OF_ARRAY(message), signature, sizeof(signature));
}
END_TEST

START_TEST(a_mechanism_for_another_key_verifies_nothing)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = make_ec("P-256");
    CLEANUP(public_key_free) struct public_key *key = read_ok(pkey);

    ck_assert_uint_eq(public_key_verify(NULL, key, CKM_RSA_PKCS, NULL, BYTES(digest, 32), BYTES(digest, 64)),
                      CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(
        public_key_verify(NULL, key, CKM_ECDSA_SHA256, NULL, BYTES(digest, 32), BYTES(digest, 64)),
        CKR_MECHANISM_INVALID);
}
END_TEST

SUITE("public_key", an_rsa_key_is_the_same_from_its_attributes, an_ec_key_is_the_same_from_its_attributes,
      an_ed25519_key_is_the_same_from_its_attributes, keys_of_other_types_and_curves_are_refused,
      rsa_keys_too_short_are_refused, numbers_that_are_no_rsa_key_are_refused,
      a_point_that_is_not_on_the_curve_is_refused, a_second_encoding_of_a_key_is_refused,
      bytes_that_are_no_key_are_refused, an_rsa_key_without_its_zero_or_null_is_refused,
      pkcs1_signatures_verify, who_verifies_often_is_told_the_same,
      our_digest_info_is_the_one_that_openssl_signs, pss_signatures_verify_with_their_own_parameters_only,
      ecdsa_signatures_verify, of_a_long_digest_the_leftmost_bits_count, zeros_are_no_ecdsa_signature,
      the_ed25519_vector_verifies, a_mechanism_for_another_key_verifies_nothing);
