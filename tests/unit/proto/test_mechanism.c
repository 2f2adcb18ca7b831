/* SPDX-License-Identifier: Apache-2.0 */
/* test_mechanism.c - DigestInfos, and what a raw mechanism may be asked to sign. */
#include "proto/mechanism.h"

#include <string.h>

#include "proto/limits.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

static uint8_t data[SIGN_DATA_MAX + 1];

static CK_RV check(CK_MECHANISM_TYPE raw, CK_KEY_TYPE type, unsigned bits, size_t len)
{
    return mechanism_check_raw(raw, type, bits, NULL, BYTES(data, len));
}

static CK_RV check_pss(unsigned bits, CK_MECHANISM_TYPE hash, CK_RSA_PKCS_MGF_TYPE mgf, uint32_t salt_len,
                       size_t len)
{
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;

    pss.hash = hash;
    pss.mgf = mgf;
    pss.salt_len = salt_len;
    return mechanism_check_raw(CKM_RSA_PKCS_PSS, CKK_RSA, bits, &pss, BYTES(data, len));
}

START_TEST(a_mechanism_is_found_by_its_type)
{
    ck_assert_str_eq(mechanism_find(CKM_RSA_PKCS)->name, "CKM_RSA_PKCS");
    ck_assert_uint_eq(mechanism_find(CKM_ECDSA_SHA384)->raw, CKM_ECDSA);
    ck_assert_uint_eq(mechanism_find(CKM_ECDSA_SHA384)->hash, CKM_SHA384);
    ck_assert_ptr_null(mechanism_find(CKM_MD5_RSA_PKCS));
    ck_assert_ptr_null(mechanism_find(CKM_SHA1_RSA_PKCS));
}
END_TEST

START_TEST(the_first_mechanism_of_each_key_type_hashes)
{
    static const CK_KEY_TYPE types[] = { CKK_RSA, CKK_EC };

    for (size_t t = 0; t < 2; t++) {
        size_t i = 0;

        while (mechanism_at(i)->key_type != types[t] || !(mechanism_at(i)->use & USE_SIGN))
            i++;
        ck_assert_uint_ne(mechanism_at(i)->hash, 0);
    }
}
END_TEST

/* That OpenSSL signs the same DigestInfo is test_public_key's to say. RFC 8017 9.2 (EMSA-PKCS1-v1_5). */
START_TEST(a_digest_info_names_its_hash)
{
    static const CK_MECHANISM_TYPE hashes[] = { CKM_SHA256, CKM_SHA384, CKM_SHA512 };

    for (size_t i = 0; i < 3; i++) {
        CLEANUP(buffer_clear) struct buffer info = { 0 };
        struct bytes digest = BYTES(data, mechanism_hash_len(hashes[i]));

        ck_assert_uint_eq(mechanism_digest_info(hashes[i], digest, &info), CKR_OK);
        ck_assert_uint_eq(mechanism_hash_of_digest_info(buffer_bytes(&info)), hashes[i]);
        ck_assert_uint_eq(mechanism_hash_of_digest_info(BYTES(info.data, info.len - 1)), 0);
        info.data[12] ^= 1;
        ck_assert_uint_eq(mechanism_hash_of_digest_info(buffer_bytes(&info)), 0);
    }
    ck_assert_uint_eq(mechanism_hash_of_digest_info(BYTES_NONE), 0);
}
END_TEST

START_TEST(a_digest_of_another_length_or_hash_makes_no_digest_info)
{
    CLEANUP(buffer_clear) struct buffer info = { 0 };

    ck_assert_uint_eq(mechanism_digest_info(CKM_SHA256, BYTES(data, 31), &info), CKR_DATA_LEN_RANGE);
    ck_assert_uint_eq(mechanism_digest_info(CKM_SHA_1, BYTES(data, 20), &info), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(info.len, 0);
}
END_TEST

START_TEST(only_raw_mechanisms_travel)
{
    ck_assert_uint_eq(check(CKM_SHA256_RSA_PKCS, CKK_RSA, 2048, 32), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(check(CKM_SHA256, CKK_RSA, 2048, 32), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(check(CKM_RSA_X_509, CKK_RSA, 2048, 256), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(check(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, 0), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(check(CK_UNAVAILABLE_INFORMATION, CKK_RSA, 2048, 0), CKR_MECHANISM_INVALID);
}
END_TEST

START_TEST(a_mechanism_wants_its_own_type_of_key)
{
    ck_assert_uint_eq(check(CKM_RSA_PKCS, CKK_EC, 256, 32), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(check(CKM_ECDSA, CKK_RSA, 2048, 32), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(check(CKM_ECDSA, CKK_EC_EDWARDS, 255, 32), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(check(CKM_EDDSA, CKK_EC, 256, 32), CKR_KEY_TYPE_INCONSISTENT);
}
END_TEST

START_TEST(keys_outside_the_sizes_are_refused)
{
    ck_assert_uint_eq(check(CKM_RSA_PKCS, CKK_RSA, 1024, 32), CKR_KEY_SIZE_RANGE);
    ck_assert_uint_eq(check(CKM_RSA_PKCS, CKK_RSA, 8192, 32), CKR_KEY_SIZE_RANGE);
    ck_assert_uint_eq(check(CKM_ECDSA, CKK_EC, 192, 24), CKR_KEY_SIZE_RANGE);
}
END_TEST

START_TEST(pkcs1_takes_what_leaves_room_for_its_padding)
{
    ck_assert_uint_eq(check(CKM_RSA_PKCS, CKK_RSA, 2048, 256 - 11), CKR_OK);
    ck_assert_uint_eq(check(CKM_RSA_PKCS, CKK_RSA, 2048, 256 - 10), CKR_DATA_LEN_RANGE);
    ck_assert_uint_eq(check(CKM_RSA_PKCS, CKK_RSA, 4096, 512 - 11), CKR_OK);
}
END_TEST

START_TEST(ecdsa_takes_digests)
{
    ck_assert_uint_eq(check(CKM_ECDSA, CKK_EC, 256, 0), CKR_DATA_LEN_RANGE);
    ck_assert_uint_eq(check(CKM_ECDSA, CKK_EC, 256, 20), CKR_OK);
    ck_assert_uint_eq(check(CKM_ECDSA, CKK_EC, 256, 64), CKR_OK);
    ck_assert_uint_eq(check(CKM_ECDSA, CKK_EC, 521, 65), CKR_DATA_LEN_RANGE);
}
END_TEST

START_TEST(eddsa_takes_messages_up_to_the_limit)
{
    ck_assert_uint_eq(check(CKM_EDDSA, CKK_EC_EDWARDS, 255, 0), CKR_OK);
    ck_assert_uint_eq(check(CKM_EDDSA, CKK_EC_EDWARDS, 255, SIGN_DATA_MAX), CKR_OK);
    ck_assert_uint_eq(check(CKM_EDDSA, CKK_EC_EDWARDS, 255, SIGN_DATA_MAX + 1), CKR_DATA_LEN_RANGE);
}
END_TEST

START_TEST(pss_wants_hash_mask_and_digest_to_agree)
{
    ck_assert_uint_eq(check_pss(2048, CKM_SHA256, CKG_MGF1_SHA256, 32, 32), CKR_OK);
    ck_assert_uint_eq(check_pss(2048, CKM_SHA512, CKG_MGF1_SHA512, 0, 64), CKR_OK);
    ck_assert_uint_eq(check_pss(2048, CKM_SHA256, CKG_MGF1_SHA384, 32, 32), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(check_pss(2048, CKM_SHA_1, CKG_MGF1_SHA1, 20, 20), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(check_pss(2048, CKM_SHA256, CKG_MGF1_SHA256, 32, 48), CKR_DATA_LEN_RANGE);
}
END_TEST

START_TEST(the_longest_salt_is_what_the_modulus_leaves)
{
    ck_assert_uint_eq(check_pss(2048, CKM_SHA256, CKG_MGF1_SHA256, 256 - 32 - 2, 32), CKR_OK);
    ck_assert_uint_eq(check_pss(2048, CKM_SHA256, CKG_MGF1_SHA256, 256 - 32 - 1, 32),
                      CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(check_pss(2048, CKM_SHA256, CKG_MGF1_SHA256, UINT32_MAX, 32),
                      CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

START_TEST(parameters_go_with_pss_and_nothing_else)
{
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;

    ck_assert_uint_eq(check(CKM_RSA_PKCS_PSS, CKK_RSA, 2048, 32), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(mechanism_check_raw(CKM_RSA_PKCS, CKK_RSA, 2048, &pss, BYTES(data, 32)),
                      CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(mechanism_check_raw(CKM_ECDSA, CKK_EC, 256, &pss, BYTES(data, 32)),
                      CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(mechanism_check_raw(CKM_EDDSA, CKK_EC_EDWARDS, 255, &pss, BYTES(data, 32)),
                      CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

START_TEST(signatures_have_the_length_of_their_key)
{
    ck_assert_uint_eq(mechanism_signature_len(CKK_RSA, 3072), 384);
    ck_assert_uint_eq(mechanism_signature_len(CKK_EC, 256), 64);
    ck_assert_uint_eq(mechanism_signature_len(CKK_EC, 521), 132);
    ck_assert_uint_eq(mechanism_signature_len(CKK_EC_EDWARDS, 255), 64);
}
END_TEST

static CK_RV check_decrypt(CK_MECHANISM_TYPE type, CK_KEY_TYPE key_type, CK_MECHANISM_TYPE hash,
                           CK_RSA_PKCS_MGF_TYPE mgf, size_t len)
{
    Privyseal__V1__OaepParameters oaep = PRIVYSEAL__V1__OAEP_PARAMETERS__INIT;

    oaep.hash = hash;
    oaep.mgf = mgf;
    return mechanism_check_decrypt(type, key_type, 2048, hash ? &oaep : NULL, BYTES(data, len));
}

START_TEST(one_block_is_decrypted_by_two_mechanisms)
{
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS, CKK_RSA, 0, 0, 256), CKR_OK);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS_OAEP, CKK_RSA, CKM_SHA_1, CKG_MGF1_SHA1, 256), CKR_OK);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS_OAEP, CKK_RSA, CKM_SHA512, CKG_MGF1_SHA512, 256), CKR_OK);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS, CKK_RSA, 0, 0, 255), CKR_ENCRYPTED_DATA_LEN_RANGE);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS, CKK_EC, 0, 0, 256), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_X_509, CKK_RSA, 0, 0, 256), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(check_decrypt(CKM_SHA256_RSA_PKCS, CKK_RSA, 0, 0, 256), CKR_MECHANISM_INVALID);
}
END_TEST

START_TEST(oaep_has_a_hash_and_the_mask_of_the_same)
{
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS_OAEP, CKK_RSA, 0, 0, 256), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS_OAEP, CKK_RSA, CKM_SHA_1, CKG_MGF1_SHA256, 256),
                      CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS_OAEP, CKK_RSA, CKM_MD5, CKG_MGF1_SHA1, 256),
                      CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(check_decrypt(CKM_RSA_PKCS, CKK_RSA, CKM_SHA_1, CKG_MGF1_SHA1, 256),
                      CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

SUITE("mechanism", a_mechanism_is_found_by_its_type, the_first_mechanism_of_each_key_type_hashes,
      a_digest_info_names_its_hash, a_digest_of_another_length_or_hash_makes_no_digest_info,
      only_raw_mechanisms_travel, a_mechanism_wants_its_own_type_of_key, keys_outside_the_sizes_are_refused,
      pkcs1_takes_what_leaves_room_for_its_padding, ecdsa_takes_digests, eddsa_takes_messages_up_to_the_limit,
      pss_wants_hash_mask_and_digest_to_agree, the_longest_salt_is_what_the_modulus_leaves,
      parameters_go_with_pss_and_nothing_else, signatures_have_the_length_of_their_key,
      one_block_is_decrypted_by_two_mechanisms, oaep_has_a_hash_and_the_mask_of_the_same);
