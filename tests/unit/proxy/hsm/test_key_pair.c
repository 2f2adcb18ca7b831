/* SPDX-License-Identifier: Apache-2.0 */
/* test_key_pair.c - nothing leaves that does not verify; what was proved once is trusted as far as was asked for. */
#include <string.h>

#include "include/table.h"
#include "proto/mechanism.h"
#include "proto/rsa_public.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/key_pair.h"
#include "proxy/hsm/template.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

static struct handle_owner owner;

static struct key_handle new_key_for(CK_KEY_TYPE type, unsigned bits, enum key_usage usage)
{
    const struct key_use *use = key_use_find(type, usage);
    CK_ATTRIBUTE template[] = { ATTRIBUTE_FALSE(CKA_TOKEN), KEY_USE_ATTRIBUTES(use),
                                KEY_USE_MECHANISMS(use) };
    struct key_handle key = { .owner = &owner };

    owner.session = &fixture.hsm->session;
    ck_assert_uint_eq(key_pair_generate(owner.session, key_kind_find(type, bits), use, template,
                                        ARRAY_SIZE(template), &key.object, &key.public_key),
                      CKR_OK);
    return key;
}

static struct key_handle new_key(CK_KEY_TYPE type, unsigned bits)
{
    return new_key_for(type, bits, KEY_SIGNS);
}

static CK_RV sign(struct key_handle *key, bool verify)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    CK_RV rv =
        key_pair_sign(key, softhsm_raw(key->public_key->type), NULL, softhsm_digest(2), verify, &signature);

    ck_assert_int_eq(rv == CKR_OK, signature.len > 0); /* refused: nothing came out */
    return rv;
}

/* As if a row had been swapped: the public key is one key's, the handle another's. */
static void swap_handles(struct key_handle *first, struct key_handle *second)
{
    CK_OBJECT_HANDLE object = first->object;

    first->object = second->object;
    second->object = object;
}

START_TEST(first_signature_by_a_swapped_key_never_leaves)
{
    struct key_handle first = new_key(CKK_EC, 256), second = new_key(CKK_EC, 256);

    swap_handles(&first, &second);
    ck_assert_uint_eq(sign(&first, false), CKR_DATA_INVALID);
    ck_assert(!first.is_proved);
    swap_handles(&first, &second);
    ck_assert_uint_eq(sign(&first, false), CKR_OK);
    ck_assert(first.is_proved);
    public_key_free(first.public_key);
    public_key_free(second.public_key);
}
END_TEST

START_TEST(later_ec_signatures_are_verified_as_configured_and_rsa_always)
{
    struct key_handle first = new_key(CKK_EC, 256), second = new_key(CKK_EC, 256);
    struct key_handle rsa = new_key(CKK_RSA, 2048), other_rsa = new_key(CKK_RSA, 2048);

    ck_assert_uint_eq(key_pair_prove(&first, KEY_SIGNS), CKR_OK);
    ck_assert_uint_eq(key_pair_prove(&rsa, KEY_SIGNS), CKR_OK);
    swap_handles(&first, &second);
    swap_handles(&rsa, &other_rsa);
    ck_assert_uint_eq(sign(&first, true), CKR_DATA_INVALID);
    ck_assert_uint_eq(sign(&first, false), CKR_OK);
    ck_assert_uint_eq(sign(&rsa, false), CKR_DATA_INVALID);
    public_key_free(first.public_key);
    public_key_free(second.public_key);
    public_key_free(rsa.public_key);
    public_key_free(other_rsa.public_key);
}
END_TEST

START_TEST(pss_without_parameters_is_refused)
{
    struct key_handle rsa = new_key(CKK_RSA, 2048);
    CLEANUP(buffer_clear) struct buffer signature = { 0 };

    ck_assert_uint_eq(key_pair_sign(&rsa, CKM_RSA_PKCS_PSS, NULL, softhsm_digest(1), true, &signature),
                      CKR_MECHANISM_PARAM_INVALID);
    public_key_free(rsa.public_key);
}
END_TEST

START_TEST(row_is_of_one_piece_or_refused)
{
    struct key_handle key = new_key(CKK_EC, 384);
    CLEANUP(key_row_clear) struct key_row row = { 0 };
    CLEANUP(public_key_free) struct public_key *public_key = NULL;

    ck_assert_uint_eq(key_pair_describe(key.public_key, &row), CKR_OK);
    ck_assert_uint_eq(row.key_type, CKK_EC);
    ck_assert_uint_eq(row.bits, 384);
    ck_assert_uint_eq(key_pair_of_row(&row, &public_key), CKR_OK);
    public_key_free(TAKE(public_key));
    row.name[31] ^= 1;
    ck_assert_uint_eq(key_pair_of_row(&row, &public_key), CKR_DATA_INVALID);
    row.name[31] ^= 1;
    row.spki.len--;
    ck_assert_uint_eq(key_pair_of_row(&row, &public_key), CKR_DATA_INVALID);
    public_key_free(key.public_key);
}
END_TEST

static CK_RV decrypt(struct key_handle *key, const struct public_key *to)
{
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    struct bytes message = bytes_of_text("for your eyes only");
    CK_RV rv;

    ck_assert_uint_eq(rsa_public_encrypt(NULL, to, NULL, message, &ciphertext), CKR_OK);
    rv = key_pair_decrypt(key, CKM_RSA_PKCS, NULL, buffer_bytes(&ciphertext), &plaintext);
    ck_assert(rv != CKR_OK || bytes_equal(secret_bytes(plaintext), message));
    return rv;
}

START_TEST(swapped_key_decrypts_nothing_at_all)
{
    struct key_handle first = new_key_for(CKK_RSA, 2048, KEY_DECRYPTS);
    struct key_handle second = new_key_for(CKK_RSA, 2048, KEY_DECRYPTS);

    swap_handles(&first, &second);
    ck_assert_uint_eq(decrypt(&first, second.public_key), CKR_DATA_INVALID);
    swap_handles(&first, &second);
    ck_assert_uint_eq(decrypt(&first, first.public_key), CKR_OK);
    public_key_free(first.public_key);
    public_key_free(second.public_key);
}
END_TEST

START_TEST(ciphertext_for_another_key_is_the_ciphertexts_fault)
{
    struct key_handle first = new_key_for(CKK_RSA, 2048, KEY_DECRYPTS);
    struct key_handle second = new_key_for(CKK_RSA, 2048, KEY_DECRYPTS);

    ck_assert_uint_eq(decrypt(&first, second.public_key), CKR_ENCRYPTED_DATA_INVALID);
    ck_assert_uint_eq(decrypt(&first, first.public_key), CKR_OK);
    public_key_free(first.public_key);
    public_key_free(second.public_key);
}
END_TEST

/* Two keys of the HSM agree on one secret, each with the other's point. */
START_TEST(both_sides_derive_the_same)
{
    struct key_handle first = new_key_for(CKK_EC, 384, KEY_DERIVES);
    struct key_handle second = new_key_for(CKK_EC, 384, KEY_DERIVES);
    CLEANUP(secret_free) struct secret *one = NULL;
    CLEANUP(secret_free) struct secret *other = NULL;

    ck_assert_uint_eq(key_pair_derive(&first, buffer_bytes(&second.public_key->ec_point), &one), CKR_OK);
    ck_assert_uint_eq(key_pair_derive(&second, buffer_bytes(&first.public_key->ec_point), &other), CKR_OK);
    ck_assert_uint_eq(one->len, 48);
    ck_assert(secret_equal(secret_bytes(one), secret_bytes(other)));
    public_key_free(first.public_key);
    public_key_free(second.public_key);
}
END_TEST

START_TEST(point_that_is_not_on_the_curve_is_refused)
{
    struct key_handle key = new_key_for(CKK_EC, 256, KEY_DERIVES);
    struct buffer *point = &key.public_key->ec_point;
    CLEANUP(secret_free) struct secret *shared = NULL;
    CLEANUP(buffer_clear) struct buffer other = { 0 };

    buffer_append(&other, buffer_bytes(point));
    other.data[other.len - 1] ^= 1;
    ck_assert_uint_eq(key_pair_derive(&key, buffer_bytes(&other), &shared), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(key_pair_derive(&key, BYTES(point->data, point->len - 1), &shared),
                      CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(key_pair_derive(&key, BYTES_NONE, &shared), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_ptr_null(shared);
    public_key_free(key.public_key);
}
END_TEST

START_TEST(kinds_are_those_that_the_wire_offers)
{
    static const struct {
        CK_KEY_TYPE type;
        unsigned bits;
    } others[] = {
        { CKK_RSA, 1024 }, { CKK_RSA, 0 }, { CKK_EC, 224 }, { CKK_EC_EDWARDS, 448 }, { CKK_AES, 256 }
    };
    const struct key_use *use;

    ck_assert_ptr_nonnull(key_kind_find(CKK_RSA, 3072));
    for (enum key_usage usage = KEY_SIGNS; usage <= KEY_DERIVES; usage++) {
        use = key_use_find(CKK_RSA, usage);
        for (CK_ULONG i = 0; use && i < use->mechanisms_count; i++)
            ck_assert_ptr_nonnull(mechanism_find(use->mechanisms[i]));
    }
    ck_assert_ptr_null(key_use_find(CKK_RSA, KEY_DERIVES));
    ck_assert_ptr_null(key_use_find(CKK_EC, KEY_DECRYPTS));
    ck_assert_ptr_null(key_use_find(CKK_EC_EDWARDS, KEY_DERIVES));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        ck_assert_ptr_null(key_kind_find(others[i].type, others[i].bits));
}
END_TEST

SUITE_WITH_FIXTURE("key_pair", softhsm_setup, softhsm_teardown, first_signature_by_a_swapped_key_never_leaves,
                   later_ec_signatures_are_verified_as_configured_and_rsa_always,
                   pss_without_parameters_is_refused, swapped_key_decrypts_nothing_at_all,
                   ciphertext_for_another_key_is_the_ciphertexts_fault, both_sides_derive_the_same,
                   point_that_is_not_on_the_curve_is_refused, row_is_of_one_piece_or_refused,
                   kinds_are_those_that_the_wire_offers);
