/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in wiped memory. */
#include <string.h>

#include "proto/pack.h"
#include "proto/privyseal.pb-c.h"
#include "proxy/service/message.h"
#include "tests/support/suite.h"

static const uint8_t s[32] = "the stretched PIN of somebody";

/* What free() sees of a secret: caught before the memory goes back. */
static bool was_wiped;
void __real_free(void *memory);
void __wrap_free(void *memory);
static void *watched;
static size_t watched_len;

void __wrap_free(void *memory)
{
    if (watched && memory && (uint8_t *)watched > (uint8_t *)memory &&
        (uint8_t *)watched < (uint8_t *)memory + 64) {
        const uint8_t *bytes = watched;

        was_wiped = true;
        for (size_t i = 0; i < watched_len; i++)
            was_wiped = was_wiped && bytes[i] == 0;
        watched = NULL;
    }
    __real_free(memory);
}

static void pack_request(struct buffer *ret)
{
    Privyseal__V1__UnlockRequest request = PRIVYSEAL__V1__UNLOCK_REQUEST__INIT;

    request.token = "alice";
    request.stretched_pin = pack_borrow(BYTES_OF_ARRAY(s));
    ck_assert_int_eq(pack_append(&request.base, ret), 0);
}

START_TEST(freed_message_leaves_no_secret_behind)
{
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    ProtobufCMessage *message = NULL;
    Privyseal__V1__UnlockRequest *request;

    pack_request(&packed);
    ck_assert_int_eq(
        message_unpack(&privyseal__v1__unlock_request__descriptor, buffer_bytes(&packed), &message), 0);
    request = (Privyseal__V1__UnlockRequest *)message;
    ck_assert_mem_eq(request->stretched_pin.data, s, sizeof(s));
    watched = request->stretched_pin.data;
    watched_len = sizeof(s);
    message_free(message);
    ck_assert_ptr_null(watched);
    ck_assert(was_wiped);
}
END_TEST

START_TEST(filled_message_packs_to_what_it_holds)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    CLEANUP(secret_free) struct secret *packed = NULL;
    CLEANUP(buffer_clear) struct buffer expected = { 0 };
    Privyseal__V1__UnlockRequest *request;

    ck_assert_int_eq(message_new(&privyseal__v1__unlock_request__descriptor, &message), 0);
    request = (Privyseal__V1__UnlockRequest *)message;
    ck_assert_int_eq(message_set_text(&request->token, "alice"), 0);
    ck_assert_int_eq(message_set_bytes(&request->stretched_pin, BYTES_OF_ARRAY(s)), 0);
    ck_assert_int_eq(message_pack(message, &packed), 0);
    pack_request(&expected);
    ck_assert(bytes_equal(secret_bytes(packed), buffer_bytes(&expected)));
}
END_TEST

START_TEST(empty_message_packs_to_nothing)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    CLEANUP(secret_free) struct secret *packed = NULL;

    ck_assert_int_eq(message_new(&privyseal__v1__lock_response__descriptor, &message), 0);
    ck_assert_int_eq(message_pack(message, &packed), 0);
    ck_assert_uint_eq(packed->len, 0);
}
END_TEST

START_TEST(malformed_message_is_refused)
{
    ProtobufCMessage *message = NULL;

    ck_assert_int_lt(
        message_unpack(&privyseal__v1__unlock_request__descriptor, BYTES("\x0a\xff", 2), &message), 0);
    ck_assert_ptr_null(message);
}
END_TEST

SUITE("message", freed_message_leaves_no_secret_behind, filled_message_packs_to_what_it_holds,
      empty_message_packs_to_nothing, malformed_message_is_refused);
