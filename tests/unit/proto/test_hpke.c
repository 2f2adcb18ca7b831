/* SPDX-License-Identifier: Apache-2.0 */
/* test_hpke.c - HPKE against its authors' vector, and what must not open. */
#include "proto/hpke.h"

#include <errno.h>

#include "tests/data/hpke/x25519_sha256_aes256gcm.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

#define TEXT_MAX 64

/* The recipient's keys, and one sealed text, both from the vector. */
static struct secret *private_key;
static uint8_t public_key[HPKE_KEY_LEN], enc[HPKE_KEY_LEN];
static struct buffer sealed;
static struct hpke_shared shared;
static uint8_t info_memory[TEXT_MAX], aad_memory[TEXT_MAX], plaintext_memory[TEXT_MAX];
static struct bytes info, aad, plaintext;

static void seal_the_vector(void)
{
    uint8_t ikm[TEXT_MAX];

    info = hex_bytes(hpke_vector.info, info_memory);
    aad = hex_bytes(hpke_vector.aad, aad_memory);
    plaintext = hex_bytes(hpke_vector.plaintext, plaintext_memory);
    ck_assert_int_eq(hpke_derive_key_pair(NULL, hex_bytes(hpke_vector.ikm_r, ikm), &private_key, public_key),
                     0);
    ck_assert_int_eq(hpke_seal(NULL, BYTES_OF_ARRAY(public_key), info, aad, plaintext,
                               hex_bytes(hpke_vector.ikm_e, ikm), enc, &sealed, &shared),
                     0);
}

static void clear_the_vector(void)
{
    secret_free(private_key);
    buffer_clear(&sealed);
    hpke_shared_clear(&shared);
}

static int open_with(struct bytes key, struct bytes with_info, struct bytes with_aad, struct bytes ciphertext)
{
    CLEANUP(hpke_shared_clear) struct hpke_shared opened_shared = { 0 };
    CLEANUP(secret_free) struct secret *opened = NULL;
    int r =
        hpke_open(NULL, key, BYTES_OF_ARRAY(enc), with_info, with_aad, ciphertext, &opened, &opened_shared);

    ck_assert((r == 0) == (opened != NULL));
    ck_assert((r == 0) == (opened_shared.exporter_secret != NULL));
    return r;
}

START_TEST(key_pairs_are_derived_as_the_vector_has_it)
{
    assert_hex(secret_bytes(private_key), hpke_vector.sk_r);
    assert_hex(BYTES_OF_ARRAY(public_key), hpke_vector.pk_r);
}
END_TEST

START_TEST(sealing_gives_the_vector)
{
    assert_hex(BYTES_OF_ARRAY(enc), hpke_vector.enc);
    assert_hex(buffer_bytes(&sealed), hpke_vector.ciphertext);
    assert_hex(secret_bytes(shared.exporter_secret), hpke_vector.exporter_secret);
}
END_TEST

START_TEST(exports_are_the_vectors)
{
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(secret_free) struct secret *exported = NULL;
        uint8_t memory[TEXT_MAX];

        ck_assert_int_eq(
            hpke_export(NULL, &shared, hex_bytes(hpke_vector.exports[i].context, memory), 32, &exported), 0);
        assert_hex(secret_bytes(exported), hpke_vector.exports[i].value);
    }
}
END_TEST

START_TEST(opening_gives_the_plaintext_and_the_same_exporter)
{
    CLEANUP(hpke_shared_clear) struct hpke_shared opened_shared = { 0 };
    CLEANUP(secret_free) struct secret *opened = NULL;

    ck_assert_int_eq(hpke_open(NULL, secret_bytes(private_key), BYTES_OF_ARRAY(enc), info, aad,
                               buffer_bytes(&sealed), &opened, &opened_shared),
                     0);
    ck_assert(bytes_equal(secret_bytes(opened), plaintext));
    ck_assert(
        secret_equal(secret_bytes(opened_shared.exporter_secret), secret_bytes(shared.exporter_secret)));
}
END_TEST

START_TEST(another_context_or_key_does_not_open)
{
    CLEANUP(secret_free) struct secret *other = NULL;
    uint8_t ignored[HPKE_KEY_LEN];

    ck_assert_int_eq(open_with(secret_bytes(private_key), aad, aad, buffer_bytes(&sealed)), -EBADMSG);
    ck_assert_int_eq(open_with(secret_bytes(private_key), info, info, buffer_bytes(&sealed)), -EBADMSG);
    ck_assert_int_eq(hpke_derive_key_pair(NULL, BYTES_OF_ARRAY(public_key), &other, ignored), 0);
    ck_assert_int_eq(open_with(secret_bytes(other), info, aad, buffer_bytes(&sealed)), -EBADMSG);
}
END_TEST

START_TEST(every_changed_byte_is_noticed)
{
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 0x80;
        ck_assert_int_eq(open_with(secret_bytes(private_key), info, aad, buffer_bytes(&sealed)), -EBADMSG);
        sealed.data[i] ^= 0x80;
    }
    enc[0] ^= 1;
    ck_assert_int_eq(open_with(secret_bytes(private_key), info, aad, buffer_bytes(&sealed)), -EBADMSG);
}
END_TEST

/* RFC 7748 6.1: a point of small order gives an all-zero secret, which everybody knows. */
START_TEST(a_point_that_gives_zeros_is_refused)
{
    const uint8_t zero[HPKE_KEY_LEN] = { 0 };
    CLEANUP(hpke_shared_clear) struct hpke_shared other_shared = { 0 };
    CLEANUP(buffer_clear) struct buffer other = { 0 };
    uint8_t other_enc[HPKE_KEY_LEN];

    memset(enc, 0, sizeof(enc));
    ck_assert_int_eq(open_with(secret_bytes(private_key), info, aad, buffer_bytes(&sealed)), -EINVAL);
    ck_assert_int_eq(hpke_seal(NULL, BYTES_OF_ARRAY(zero), info, aad, plaintext, BYTES_NONE, other_enc,
                               &other, &other_shared),
                     -EINVAL);
}
END_TEST

START_TEST(keys_of_another_length_are_refused)
{
    CLEANUP(secret_free) struct secret *key = NULL;

    ck_assert_int_eq(open_with(BYTES(public_key, 31), info, aad, buffer_bytes(&sealed)), -EINVAL);
    ck_assert_int_eq(hpke_derive_key_pair(NULL, BYTES(public_key, 31), &key, enc), -EINVAL);
}
END_TEST

START_TEST(two_sealings_of_the_same_text_differ)
{
    CLEANUP(hpke_shared_clear) struct hpke_shared a_shared = { 0 };
    CLEANUP(hpke_shared_clear) struct hpke_shared b_shared = { 0 };
    CLEANUP(buffer_clear) struct buffer a = { 0 };
    CLEANUP(buffer_clear) struct buffer b = { 0 };
    uint8_t a_enc[HPKE_KEY_LEN], b_enc[HPKE_KEY_LEN];

    ck_assert_int_eq(
        hpke_seal(NULL, BYTES_OF_ARRAY(public_key), info, aad, plaintext, BYTES_NONE, a_enc, &a, &a_shared),
        0);
    ck_assert_int_eq(
        hpke_seal(NULL, BYTES_OF_ARRAY(public_key), info, aad, plaintext, BYTES_NONE, b_enc, &b, &b_shared),
        0);
    ck_assert_mem_ne(a_enc, b_enc, sizeof(a_enc));
    ck_assert(!bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
}
END_TEST

SUITE_WITH_FIXTURE("hpke", seal_the_vector, clear_the_vector, key_pairs_are_derived_as_the_vector_has_it,
                   sealing_gives_the_vector, exports_are_the_vectors,
                   opening_gives_the_plaintext_and_the_same_exporter, another_context_or_key_does_not_open,
                   every_changed_byte_is_noticed, a_point_that_gives_zeros_is_refused,
                   keys_of_another_length_are_refused, two_sealings_of_the_same_text_differ);
