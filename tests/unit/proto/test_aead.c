/* SPDX-License-Identifier: Apache-2.0 */
/* test_aead.c - AES-256-GCM against its authors' vectors, in a context of its own and at a desk. */
#include "proto/aead.h"

#include <errno.h>
#include <pthread.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "tests/support/hex.h"
#include "tests/support/suite.h"

#define THREADS  4
#define MESSAGES 200

static OSSL_LIB_CTX *libctx;
static struct aead_desk desk;
static const uint8_t key[AEAD_KEY_LEN] = { 1 }, nonce[AEAD_NONCE_LEN] = { 2 };

static void make_context(void)
{
    libctx = OSSL_LIB_CTX_new();
    ck_assert_ptr_nonnull(libctx);
    aead_desk_init(&desk, libctx);
}

static void free_context(void)
{
    aead_desk_clear(&desk);
    OSSL_LIB_CTX_free(libctx);
}

/* The Galois/Counter Mode of Operation (McGrew, Viega), appendix B, test cases 13 and 14. */
START_TEST(aes_gcm_is_as_its_authors_have_it)
{
    uint8_t zeros[AEAD_KEY_LEN] = { 0 }, zero[AEAD_NONCE_LEN] = { 0 }, plaintext[16] = { 0 };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };

    ck_assert_int_eq(
        aead_seal(libctx, BYTES_OF_ARRAY(zeros), BYTES_OF_ARRAY(zero), BYTES_NONE, BYTES_NONE, &sealed), 0);
    ck_assert_int_eq(aead_desk_seal(&desk, BYTES_OF_ARRAY(zeros), BYTES_OF_ARRAY(zero), BYTES_NONE,
                                    BYTES_OF_ARRAY(plaintext), &sealed),
                     0);
    assert_hex(buffer_bytes(&sealed), "530f8afbc74536b9a963b4f1c4cb738b"
                                      "cea7403d4d606b6e074ec5d3baf39d18"
                                      "d0d1c8a799996bf0265b98b5d48ab919");
}
END_TEST

static void seal_text(const char *text, struct buffer *ret)
{
    ck_assert_int_eq(aead_seal(libctx, BYTES_OF_ARRAY(key), BYTES_OF_ARRAY(nonce), bytes_of_text("aad"),
                               bytes_of_text(text), ret),
                     0);
}

/* In a new context and at the desk, which agree. */
static int open_text(struct bytes aad, struct bytes sealed, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *other = NULL;
    int r = aead_open(libctx, BYTES_OF_ARRAY(key), BYTES_OF_ARRAY(nonce), aad, sealed, &other);

    ck_assert_int_eq(aead_desk_open(&desk, BYTES_OF_ARRAY(key), BYTES_OF_ARRAY(nonce), aad, sealed, ret), r);
    ck_assert(r < 0 || bytes_equal(secret_bytes(*ret), secret_bytes(other)));
    return r;
}

START_TEST(what_was_sealed_opens_again)
{
    static const char *const texts[] = { "", "x", "sixteen bytes ..", "more than one block of the cipher" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CLEANUP(buffer_clear) struct buffer sealed = { 0 };
        CLEANUP(secret_free) struct secret *opened = NULL;

        seal_text(texts[i], &sealed);
        ck_assert_uint_eq(sealed.len, strlen(texts[i]) + AEAD_TAG_LEN);
        ck_assert_int_eq(open_text(bytes_of_text("aad"), buffer_bytes(&sealed), &opened), 0);
        ck_assert(bytes_equal(secret_bytes(opened), bytes_of_text(texts[i])));
    }
}
END_TEST

START_TEST(every_changed_byte_is_noticed)
{
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    struct secret *opened = NULL;

    seal_text("text", &sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        ck_assert_int_eq(open_text(bytes_of_text("aad"), buffer_bytes(&sealed), &opened), -EBADMSG);
        sealed.data[i] ^= 1;
    }
    ck_assert_ptr_null(opened);
}
END_TEST

START_TEST(every_shorter_text_and_other_context_is_noticed)
{
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    struct secret *opened = NULL;

    seal_text("text", &sealed);
    for (size_t len = 0; len < sealed.len; len++)
        ck_assert_int_eq(open_text(bytes_of_text("aad"), BYTES(sealed.data, len), &opened), -EBADMSG);
    ck_assert_int_eq(open_text(bytes_of_text("aae"), buffer_bytes(&sealed), &opened), -EBADMSG);
    ck_assert_int_eq(open_text(BYTES_NONE, buffer_bytes(&sealed), &opened), -EBADMSG);
    ck_assert_ptr_null(opened);
}
END_TEST

START_TEST(keys_and_nonces_of_another_length_are_refused)
{
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };

    ck_assert_int_eq(
        aead_seal(libctx, BYTES(key, 16), BYTES_OF_ARRAY(nonce), BYTES_NONE, BYTES_NONE, &sealed), -EINVAL);
    ck_assert_int_eq(
        aead_seal(libctx, BYTES_OF_ARRAY(key), BYTES(nonce, 11), BYTES_NONE, BYTES_NONE, &sealed), -EINVAL);
    ck_assert_int_eq(
        aead_desk_seal(&desk, BYTES(key, 16), BYTES_OF_ARRAY(nonce), BYTES_NONE, BYTES_NONE, &sealed),
        -EINVAL);
    ck_assert_uint_eq(sealed.len, 0);
}
END_TEST

START_TEST(a_desk_takes_one_key_after_the_other)
{
    uint8_t other[AEAD_KEY_LEN] = { 3 };
    struct bytes keys[] = { BYTES_OF_ARRAY(key), BYTES_OF_ARRAY(other), BYTES_OF_ARRAY(key) };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(buffer_clear) struct buffer at_desk = { 0 }, alone = { 0 };

        ck_assert_int_eq(aead_desk_seal(&desk, keys[i], BYTES_OF_ARRAY(nonce), bytes_of_text("aad"),
                                        bytes_of_text("text"), &at_desk),
                         0);
        ck_assert_int_eq(aead_seal(libctx, keys[i], BYTES_OF_ARRAY(nonce), bytes_of_text("aad"),
                                   bytes_of_text("text"), &alone),
                         0);
        ck_assert(bytes_equal(buffer_bytes(&at_desk), buffer_bytes(&alone)));
    }
}
END_TEST

/* What rests there encrypts as a key of zeros does: test case 14 again. */
START_TEST(between_two_messages_no_key_rests_at_a_desk)
{
    uint8_t zero[AEAD_NONCE_LEN] = { 0 }, block[16] = { 0 };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    EVP_CIPHER_CTX *resting;
    int len;

    ck_assert_int_eq(aead_desk_seal(&desk, BYTES_OF_ARRAY(key), BYTES_OF_ARRAY(nonce), BYTES_NONE,
                                    bytes_of_text("text"), &sealed),
                     0);
    resting = atomic_load(&desk.resting);
    ck_assert_ptr_nonnull(resting);
    ck_assert_int_eq(EVP_CipherInit_ex2(resting, NULL, NULL, zero, 1, NULL), 1);
    ck_assert_int_eq(EVP_CipherUpdate(resting, block, &len, block, sizeof(block)), 1);
    assert_hex(BYTES_OF_ARRAY(block), "cea7403d4d606b6e074ec5d3baf39d18");
}
END_TEST

static void *send_messages(void *cookie)
{
    struct bytes own_key = BYTES(cookie, AEAD_KEY_LEN);
    size_t opened = 0;

    for (int i = 0; i < MESSAGES; i++) {
        CLEANUP(buffer_clear) struct buffer sealed = { 0 };
        CLEANUP(secret_free) struct secret *text = NULL;

        opened += aead_desk_seal(&desk, own_key, BYTES_OF_ARRAY(nonce), BYTES_NONE, bytes_of_text("text"),
                                 &sealed) == 0 &&
                  aead_desk_open(&desk, own_key, BYTES_OF_ARRAY(nonce), BYTES_NONE, buffer_bytes(&sealed),
                                 &text) == 0;
    }
    return opened == MESSAGES ? cookie : NULL;
}

START_TEST(threads_at_one_desk_do_not_disturb_each_other)
{
    uint8_t keys[THREADS][AEAD_KEY_LEN] = { { 1 }, { 2 }, { 3 }, { 4 } };
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_messages, keys[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *all_opened;

        pthread_join(threads[i], &all_opened);
        ck_assert_ptr_nonnull(all_opened);
    }
}
END_TEST

SUITE_WITH_FIXTURE("aead", make_context, free_context, aes_gcm_is_as_its_authors_have_it,
                   what_was_sealed_opens_again, every_changed_byte_is_noticed,
                   every_shorter_text_and_other_context_is_noticed,
                   keys_and_nonces_of_another_length_are_refused, a_desk_takes_one_key_after_the_other,
                   between_two_messages_no_key_rests_at_a_desk,
                   threads_at_one_desk_do_not_disturb_each_other);
