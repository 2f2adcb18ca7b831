/* SPDX-License-Identifier: Apache-2.0 */
/* test_seal.c - a sealed call there and back, and everything a front could try on the way. */
#include "proto/seal.h"

#include <errno.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

#define REALM "example"
#define TEXT  bytes_of_text("a serialized UnlockRequest")

static const struct method *unlock;
static struct secret *private_key;
static uint8_t public_key[HPKE_KEY_LEN], challenge[CHALLENGE_LEN];
static struct seal_call client, signer;
static Privyseal__V1__Sealed *sealed; /* the client's request, as the front hands it over */

static void seal_one(void)
{
    CLEANUP(secret_free) struct secret *ikm = NULL;
    CLEANUP(buffer_clear) struct buffer message = { 0 };

    unlock = method_by_id(METHOD_Unlock);
    memset(challenge, 5, sizeof(challenge));
    ck_assert_int_eq(secret_random(32, &ikm), 0);
    ck_assert_int_eq(hpke_derive_key_pair(NULL, secret_bytes(ikm), &private_key, public_key), 0);
    ck_assert_int_eq(seal_request(NULL, REALM, unlock, BYTES_OF_ARRAY(public_key), BYTES_OF_ARRAY(challenge),
                                  TEXT, &client, &message),
                     0);
    sealed = privyseal__v1__sealed__unpack(NULL, message.len, message.data);
    ck_assert_ptr_nonnull(sealed);
}

static void clear_one(void)
{
    privyseal__v1__sealed__free_unpacked(sealed, NULL);
    seal_call_clear(&client);
    seal_call_clear(&signer);
    secret_free(private_key);
}

static int open_as(const char *realm, const struct method *method, struct secret **ret)
{
    return seal_open_request(NULL, realm, method, secret_bytes(private_key), sealed, &signer, ret);
}

static void open_one(void)
{
    CLEANUP(secret_free) struct secret *opened = NULL;

    ck_assert_int_eq(open_as(REALM, unlock, &opened), 0);
    ck_assert(bytes_equal(secret_bytes(opened), TEXT));
}

START_TEST(the_signer_reads_what_the_client_sealed)
{
    open_one();
    ck_assert_mem_eq(signer.challenge, challenge, sizeof(challenge));
    ck_assert(secret_equal(secret_bytes(client.reply_key), secret_bytes(signer.reply_key)));
    ck_assert(secret_equal(secret_bytes(client.failure_key), secret_bytes(signer.failure_key)));
    ck_assert(!secret_equal(secret_bytes(client.reply_key), secret_bytes(client.failure_key)));
}
END_TEST

START_TEST(a_request_for_another_method_realm_or_key_does_not_open)
{
    struct secret *opened = NULL;

    ck_assert_int_eq(open_as(REALM, method_by_id(METHOD_ChangePin), &opened), -EBADMSG);
    ck_assert_int_eq(open_as("another", unlock, &opened), -EBADMSG);
    private_key->data[0] ^= 8;
    ck_assert_int_eq(open_as(REALM, unlock, &opened), -EBADMSG);
    ck_assert_ptr_null(opened);
    ck_assert_ptr_null(signer.reply_key);
}
END_TEST

START_TEST(every_changed_field_is_noticed)
{
    struct secret *opened = NULL;

    sealed->challenge.data[39] ^= 1;
    ck_assert_int_eq(open_as(REALM, unlock, &opened), -EBADMSG);
    sealed->challenge.data[39] ^= 1;
    sealed->enc.data[0] ^= 1;
    ck_assert_int_eq(open_as(REALM, unlock, &opened), -EBADMSG);
    sealed->enc.data[0] ^= 1;
    sealed->ciphertext.data[0] ^= 1;
    ck_assert_int_eq(open_as(REALM, unlock, &opened), -EBADMSG);
    ck_assert_ptr_null(opened);
}
END_TEST

START_TEST(fields_of_another_length_are_refused)
{
    struct secret *opened = NULL;

    sealed->challenge.len--;
    ck_assert_int_eq(open_as(REALM, unlock, &opened), -EBADMSG);
    sealed->challenge.len++;
    sealed->enc.len--;
    ck_assert_int_eq(open_as(REALM, unlock, &opened), -EINVAL);
    sealed->enc.len++;
    sealed->ciphertext.len = 0;
    ck_assert_int_eq(open_as(REALM, unlock, &opened), -EBADMSG);
    ck_assert_ptr_null(opened);
}
END_TEST

START_TEST(the_client_sends_no_challenge_of_another_length)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    struct seal_call call = { 0 };

    ck_assert_int_eq(seal_request(NULL, REALM, unlock, BYTES_OF_ARRAY(public_key), BYTES(challenge, 39), TEXT,
                                  &call, &message),
                     -EINVAL);
    ck_assert_ptr_null(call.reply_key);
}
END_TEST

START_TEST(the_client_reads_the_signers_answer)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;

    open_one();
    ck_assert_int_eq(seal_reply(NULL, unlock, &signer, bytes_of_text("answer"), &message), 0);
    ck_assert_int_eq(seal_open_reply(NULL, unlock, &client, buffer_bytes(&message), &answer), 0);
    ck_assert(bytes_equal(secret_bytes(answer), bytes_of_text("answer")));
}
END_TEST

START_TEST(an_empty_answer_is_an_answer)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;

    open_one();
    ck_assert_int_eq(seal_reply(NULL, unlock, &signer, BYTES_NONE, &message), 0);
    ck_assert_int_eq(seal_open_reply(NULL, unlock, &client, buffer_bytes(&message), &answer), 0);
    ck_assert_uint_eq(answer->len, 0);
}
END_TEST

START_TEST(an_answer_to_another_method_or_call_is_not_believed)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    struct secret *answer = NULL;

    open_one();
    ck_assert_int_eq(seal_reply(NULL, unlock, &signer, bytes_of_text("answer"), &message), 0);
    ck_assert_int_eq(
        seal_open_reply(NULL, method_by_id(METHOD_ChangePin), &client, buffer_bytes(&message), &answer),
        -EBADMSG);
    client.challenge[0] ^= 1;
    ck_assert_int_eq(seal_open_reply(NULL, unlock, &client, buffer_bytes(&message), &answer), -EBADMSG);
    client.challenge[0] ^= 1;
    client.reply_key->data[0] ^= 1;
    ck_assert_int_eq(seal_open_reply(NULL, unlock, &client, buffer_bytes(&message), &answer), -EBADMSG);
    ck_assert_ptr_null(answer);
}
END_TEST

START_TEST(bytes_that_are_no_answer_are_refused)
{
    uint8_t large[5000] = { 0 };
    struct secret *answer = NULL;

    ck_assert_int_eq(seal_open_reply(NULL, unlock, &client, BYTES_NONE, &answer), -EBADMSG);
    ck_assert_int_eq(seal_open_reply(NULL, unlock, &client, bytes_of_text("\x0a\x7f"), &answer), -EBADMSG);
    ck_assert_int_eq(seal_open_reply(NULL, unlock, &client, BYTES_OF_ARRAY(large), &answer), -EBADMSG);
    ck_assert_ptr_null(answer);
}
END_TEST

SUITE_WITH_FIXTURE("seal", seal_one, clear_one, the_signer_reads_what_the_client_sealed,
                   a_request_for_another_method_realm_or_key_does_not_open, every_changed_field_is_noticed,
                   fields_of_another_length_are_refused, the_client_sends_no_challenge_of_another_length,
                   the_client_reads_the_signers_answer, an_empty_answer_is_an_answer,
                   an_answer_to_another_method_or_call_is_not_believed, bytes_that_are_no_answer_are_refused);
