/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_skew.c - a module and a proxy of neighbouring minor versions. Newer peers add fields to every message, whole
 * or inside another's ciphertext: here both do. Older proxies do not know the newest methods.
 */
#include <string.h>

#include "proto/pack.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

/* Field 20000, a number, and field 20001, three bytes: of no message of ours. */
static const uint8_t unknown[] = { 0x80, 0xe2, 0x09, 0x2a, 0x8a, 0xe2, 0x09, 0x03, 'n', 'e', 'w' };

static bool is_newer;

/* -------------------------------------------------------------------------- what packs a message, by --wrap of ld */

size_t __real_protobuf_c_message_get_packed_size(const ProtobufCMessage *message);
size_t __real_protobuf_c_message_pack(const ProtobufCMessage *message, uint8_t *out);
size_t __real_protobuf_c_message_pack_to_buffer(const ProtobufCMessage *message, ProtobufCBuffer *buffer);
size_t __wrap_protobuf_c_message_get_packed_size(const ProtobufCMessage *message);
size_t __wrap_protobuf_c_message_pack(const ProtobufCMessage *message, uint8_t *out);
size_t __wrap_protobuf_c_message_pack_to_buffer(const ProtobufCMessage *message, ProtobufCBuffer *buffer);

size_t __wrap_protobuf_c_message_get_packed_size(const ProtobufCMessage *message)
{
    return __real_protobuf_c_message_get_packed_size(message) + (is_newer ? sizeof(unknown) : 0);
}

size_t __wrap_protobuf_c_message_pack(const ProtobufCMessage *message, uint8_t *out)
{
    size_t len = __real_protobuf_c_message_pack(message, out);

    if (!is_newer)
        return len;
    memcpy(out + len, unknown, sizeof(unknown));
    return len + sizeof(unknown);
}

size_t __wrap_protobuf_c_message_pack_to_buffer(const ProtobufCMessage *message, ProtobufCBuffer *buffer)
{
    size_t len = __real_protobuf_c_message_pack_to_buffer(message, buffer);

    if (!is_newer)
        return len;
    buffer->append(buffer, sizeof(unknown), unknown);
    return len + sizeof(unknown);
}

/* ----------------------------------------------------------------------------------------------------- fixtures */

static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;

static void setup(void)
{
    deployment_setup();
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
}

static void teardown(void)
{
    is_newer = false;
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static CK_RV sign(const uint8_t name[KEY_NAME_LEN])
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    static const uint8_t digest[HASH_LEN] = { 7 };
    struct remote_sign request = { .key_name = BYTES(name, KEY_NAME_LEN),
                                   .raw = CKM_ECDSA,
                                   .hash = CKM_SHA256,
                                   .data = BYTES_OF_ARRAY(digest) };

    return remote_token_sign(token, &request, &signature, &error);
}

static CK_RV make_key(uint8_t ret_name[KEY_NAME_LEN])
{
    return remote_token_generate(
        token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "skew" }, ret_name, &error);
}

static CK_RV ask_status(void)
{
    Privyseal__V1__GetStatusRequest request = PRIVYSEAL__V1__GET_STATUS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    CK_RV rv = deployment_operate(&deployment.operator_, METHOD_GetStatus, &request.base, &reply, &error);

    if (reply)
        protobuf_c_message_free_unpacked(reply, NULL);
    return rv;
}

/* As a front that has no such method. @arg: the one. */
static void do_not_know(void *arg, const struct method *method, struct channel_reply *reply)
{
    if (method->id != *(const enum method_id *)arg)
        return;
    channel_reply_clear(reply);
    *reply = (struct channel_reply){ .status = GRPC_UNIMPLEMENTED, .was_sent = true };
}

/* -------------------------------------------------------------------------------------------------------- cases */

START_TEST(peers_that_say_more_than_we_know_are_understood)
{
    uint8_t name[KEY_NAME_LEN];

    is_newer = true;
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(make_key(name), CKR_OK);
    ck_assert_uint_eq(sign(name), CKR_OK);
    ck_assert_uint_eq(ask_status(), CKR_OK);
}
END_TEST

START_TEST(refusals_that_say_more_than_we_know_are_authentic)
{
    is_newer = true;
    ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    ck_assert(error.failure.is_authentic);
}
END_TEST

START_TEST(lease_goes_on_when_the_peer_is_replaced_by_a_newer_one)
{
    uint8_t name[KEY_NAME_LEN];

    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(make_key(name), CKR_OK);
    is_newer = true;
    ck_assert_uint_eq(sign(name), CKR_OK);
    is_newer = false;
    ck_assert_uint_eq(sign(name), CKR_OK);
}
END_TEST

START_TEST(method_that_an_older_proxy_does_not_know_is_said_so)
{
    enum method_id newest = METHOD_GetStatus;
    const struct front_hook older = { .reply = do_not_know, .arg = &newest };

    deployment_hook(&older);
    ck_assert_uint_eq(ask_status(), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.detail, "older"));
}
END_TEST

START_TEST(user_of_an_older_proxy_signs_without_its_newest_methods)
{
    enum method_id newest = METHOD_GenerateKey;
    const struct front_hook older = { .reply = do_not_know, .arg = &newest };
    uint8_t name[KEY_NAME_LEN], other[KEY_NAME_LEN];

    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(make_key(name), CKR_OK);
    deployment_hook(&older);
    ck_assert_uint_eq(make_key(other), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_uint_eq(sign(name), CKR_OK); /* the refusal cost neither login nor lease */
}
END_TEST

SUITE_WITH_FIXTURE("skew", setup, teardown, peers_that_say_more_than_we_know_are_understood,
                   refusals_that_say_more_than_we_know_are_authentic,
                   lease_goes_on_when_the_peer_is_replaced_by_a_newer_one,
                   method_that_an_older_proxy_does_not_know_is_said_so,
                   user_of_an_older_proxy_signs_without_its_newest_methods);
