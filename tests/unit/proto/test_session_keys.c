/* SPDX-License-Identifier: Apache-2.0 */
/* test_session_keys.c - a lease's messages both ways, and that nothing else opens as one. */
#include "proto/session_keys.h"

#include <errno.h>
#include <string.h>

#include "tests/support/hex.h"
#include "tests/support/suite.h"

static const uint8_t client_secret[CLIENT_SECRET_LEN] = { 1 }, challenge[CHALLENGE_LEN] = { 2 },
                     lease[LEASE_LEN] = { 3 }, certificate_hash[HASH_LEN] = { 4 };
static struct session_keys client, signer;
static const struct method *sign;

static int derive(const char *realm, const char *token, struct session_keys *ret)
{
    return session_keys_derive(NULL, realm, token, BYTES_OF_ARRAY(client_secret), BYTES_OF_ARRAY(challenge),
                               BYTES_OF_ARRAY(lease), BYTES_OF_ARRAY(certificate_hash), ret);
}

static void make_keys(void)
{
    sign = method_by_id(METHOD_Sign);
    ck_assert_int_eq(derive("example", "anna", &client), 0);
    ck_assert_int_eq(derive("example", "anna", &signer), 0);
}

static void clear_keys(void)
{
    session_keys_clear(&client);
    session_keys_clear(&signer);
}

static bool same_keys(const struct session_keys *a, const struct session_keys *b)
{
    return secret_equal(secret_bytes(a->request_key), secret_bytes(b->request_key)) ||
           secret_equal(secret_bytes(a->reply_key), secret_bytes(b->reply_key)) ||
           secret_equal(secret_bytes(a->failure_key), secret_bytes(b->failure_key));
}

START_TEST(both_ends_derive_the_same_three_keys)
{
    ck_assert(secret_equal(secret_bytes(client.request_key), secret_bytes(signer.request_key)));
    ck_assert(secret_equal(secret_bytes(client.reply_key), secret_bytes(signer.reply_key)));
    ck_assert(secret_equal(secret_bytes(client.failure_key), secret_bytes(signer.failure_key)));
    ck_assert(!secret_equal(secret_bytes(client.request_key), secret_bytes(client.reply_key)));
    ck_assert(!secret_equal(secret_bytes(client.request_key), secret_bytes(client.failure_key)));
    ck_assert(!secret_equal(secret_bytes(client.reply_key), secret_bytes(client.failure_key)));
}
END_TEST

/* Keys made with one of the five inputs changed. */
static void derive_changed(size_t which, struct session_keys *ret)
{
    uint8_t inputs[4][CHALLENGE_LEN] = { { 1 }, { 2 }, { 3 }, { 4 } };

    inputs[which][0] ^= 0x80;
    ck_assert_int_eq(session_keys_derive(NULL, "example", "anna", BYTES(inputs[0], CLIENT_SECRET_LEN),
                                         BYTES(inputs[1], CHALLENGE_LEN), BYTES(inputs[2], LEASE_LEN),
                                         BYTES(inputs[3], HASH_LEN), ret),
                     0);
}

START_TEST(every_input_changes_every_key)
{
    for (size_t i = 0; i < 4; i++) {
        CLEANUP(session_keys_clear) struct session_keys other = { 0 };

        derive_changed(i, &other);
        ck_assert(!same_keys(&client, &other));
    }
}
END_TEST

START_TEST(another_realm_or_token_has_other_keys)
{
    CLEANUP(session_keys_clear) struct session_keys realm = { 0 };
    CLEANUP(session_keys_clear) struct session_keys token = { 0 };

    ck_assert_int_eq(derive("other", "anna", &realm), 0);
    ck_assert_int_eq(derive("example", "bert", &token), 0);
    ck_assert(!same_keys(&client, &realm));
    ck_assert(!same_keys(&client, &token));
}
END_TEST

START_TEST(inputs_of_another_length_are_refused)
{
    struct session_keys keys = { 0 };

    ck_assert_int_eq(session_keys_derive(NULL, "example", "anna", BYTES(client_secret, 31),
                                         BYTES_OF_ARRAY(challenge), BYTES_OF_ARRAY(lease),
                                         BYTES_OF_ARRAY(certificate_hash), &keys),
                     -EINVAL);
    ck_assert_int_eq(session_keys_derive(NULL, "example", "anna", BYTES_OF_ARRAY(client_secret),
                                         BYTES(challenge, 39), BYTES_OF_ARRAY(lease),
                                         BYTES_OF_ARRAY(certificate_hash), &keys),
                     -EINVAL);
    ck_assert_int_eq(session_keys_derive(NULL, "example", "anna", BYTES_OF_ARRAY(client_secret),
                                         BYTES_OF_ARRAY(challenge), BYTES(lease, 15),
                                         BYTES_OF_ARRAY(certificate_hash), &keys),
                     -EINVAL);
    ck_assert_int_eq(session_keys_derive(NULL, "example", "anna", BYTES_OF_ARRAY(client_secret),
                                         BYTES_OF_ARRAY(challenge), BYTES_OF_ARRAY(lease), BYTES_NONE, &keys),
                     -EINVAL);
    ck_assert_ptr_null(keys.request_key);
}
END_TEST

/* The client's request as the signer unpacks it. Owner: the caller. */
static Privyseal__V1__Session *request(uint64_t sequence, const char *text)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    Privyseal__V1__Session *session;

    ck_assert_int_eq(session_request(NULL, &client, sign, sequence, bytes_of_text(text), &message), 0);
    session = privyseal__v1__session__unpack(NULL, message.len, message.data);
    ck_assert_ptr_nonnull(session);
    return session;
}

static int open_request(const struct method *method, const Privyseal__V1__Session *session,
                        const char *expected)
{
    CLEANUP(secret_free) struct secret *opened = NULL;
    int r = session_open_request(NULL, &signer, method, session, &opened);

    ck_assert((r == 0) == (opened != NULL));
    if (opened)
        ck_assert(bytes_equal(secret_bytes(opened), bytes_of_text(expected)));
    return r;
}

START_TEST(the_signer_reads_the_clients_request)
{
    Privyseal__V1__Session *session = request(1, "sign this digest");
    Privyseal__V1__Session *empty = request(UINT64_MAX, "");

    ck_assert_int_eq(open_request(sign, session, "sign this digest"), 0);
    ck_assert_int_eq(open_request(sign, empty, ""), 0);
    privyseal__v1__session__free_unpacked(session, NULL);
    privyseal__v1__session__free_unpacked(empty, NULL);
}
END_TEST

START_TEST(a_request_with_anything_changed_does_not_open)
{
    Privyseal__V1__Session *session = request(7, "sign this digest");

    ck_assert_int_eq(open_request(method_by_id(METHOD_GenerateKey), session, NULL), -EBADMSG);
    session->sequence++;
    ck_assert_int_eq(open_request(sign, session, NULL), -EBADMSG);
    session->sequence--;
    session->lease.data[15] ^= 1;
    ck_assert_int_eq(open_request(sign, session, NULL), -EBADMSG);
    session->lease.data[15] ^= 1;
    session->lease.len--;
    ck_assert_int_eq(open_request(sign, session, NULL), -EBADMSG);
    session->lease.len++;
    session->ciphertext.data[3] ^= 1;
    ck_assert_int_eq(open_request(sign, session, NULL), -EBADMSG);
    privyseal__v1__session__free_unpacked(session, NULL);
}
END_TEST

START_TEST(the_client_reads_the_signers_answer_to_this_request_only)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    CLEANUP(secret_free) struct secret *opened = NULL;
    struct secret *other = NULL;

    ck_assert_int_eq(session_reply(NULL, &signer, sign, 5, bytes_of_text("signature"), &message), 0);
    ck_assert_int_eq(session_open_reply(NULL, &client, sign, 5, buffer_bytes(&message), &opened), 0);
    ck_assert(bytes_equal(secret_bytes(opened), bytes_of_text("signature")));
    ck_assert_int_eq(session_open_reply(NULL, &client, sign, 6, buffer_bytes(&message), &other), -EBADMSG);
    ck_assert_int_eq(
        session_open_reply(NULL, &client, method_by_id(METHOD_Lock), 5, buffer_bytes(&message), &other),
        -EBADMSG);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(a_request_sent_back_is_no_answer)
{
    Privyseal__V1__Session *session = request(1, "sign this digest");
    Privyseal__V1__SessionReply reply = PRIVYSEAL__V1__SESSION_REPLY__INIT;
    uint8_t message[256];
    size_t len;
    struct secret *opened = NULL;

    reply.ciphertext = session->ciphertext;
    len = privyseal__v1__session_reply__pack(&reply, message);
    ck_assert_int_eq(session_open_reply(NULL, &client, sign, 1, BYTES(message, len), &opened), -EBADMSG);
    privyseal__v1__session__free_unpacked(session, NULL);
    ck_assert_ptr_null(opened);
}
END_TEST

START_TEST(bytes_that_are_no_answer_are_refused)
{
    uint8_t large[5000] = { 0 };
    struct secret *opened = NULL;

    ck_assert_int_eq(session_open_reply(NULL, &client, sign, 1, BYTES_NONE, &opened), -EBADMSG);
    ck_assert_int_eq(session_open_reply(NULL, &client, sign, 1, bytes_of_text("\x0a\x7f"), &opened),
                     -EBADMSG);
    ck_assert_int_eq(session_open_reply(NULL, &client, sign, 1, BYTES_OF_ARRAY(large), &opened), -EBADMSG);
    ck_assert_ptr_null(opened);
}
END_TEST

SUITE_WITH_FIXTURE("session_keys", make_keys, clear_keys, both_ends_derive_the_same_three_keys,
                   every_input_changes_every_key, another_realm_or_token_has_other_keys,
                   inputs_of_another_length_are_refused, the_signer_reads_the_clients_request,
                   a_request_with_anything_changed_does_not_open,
                   the_client_reads_the_signers_answer_to_this_request_only, a_request_sent_back_is_no_answer,
                   bytes_that_are_no_answer_are_refused);
