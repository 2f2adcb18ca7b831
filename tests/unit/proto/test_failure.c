/* SPDX-License-Identifier: Apache-2.0 */
/* test_failure.c - failures on the wire: believed with the right MAC only, and never more than they say. */
#include "proto/failure.h"

#include <errno.h>
#include <string.h>

#include "proto/pack.h"
#include "tests/support/failing_allocator.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

static const struct method *method;
static struct failure failure;
static struct buffer message;

#define KEY     bytes_of_text("a failure key of the sealed call")
#define BINDING bytes_of_text("a challenge")

/* A failure with everything in it, encoded under KEY and BINDING. */
static void encode_one(void)
{
    method = method_by_id(METHOD_Unlock);
    failure = failure_of(REASON_PIN_INCORRECT);
    strcpy(failure.request_id, "0123456789abcdef");
    failure.tries_left = 4;
    failure.retry_after_ms = 60000;
    failure.has_challenge = true;
    memset(failure.challenge, 7, sizeof(failure.challenge));
    failure.has_approval = true;
    memset(failure.approval, 8, sizeof(failure.approval));
    failure_set_detail(&failure, "the lock is\n\x1b[2J gone");
    ck_assert_int_eq(failure_encode(NULL, &failure, method, KEY, BINDING, &message), 0);
}

static void clear_message(void)
{
    buffer_clear(&message);
}

static struct failure decode(const struct method *as_method, struct bytes key, struct bytes binding)
{
    struct failure decoded = failure_of(REASON_NONE);

    ck_assert_int_eq(failure_decode(NULL, buffer_bytes(&message), as_method, key, binding, &decoded), 0);
    return decoded;
}

START_TEST(everything_comes_back_and_is_authentic)
{
    struct failure decoded = decode(method, KEY, BINDING);

    ck_assert(decoded.is_authentic);
    ck_assert_int_eq(decoded.reason, REASON_PIN_INCORRECT);
    ck_assert_str_eq(decoded.request_id, failure.request_id);
    ck_assert_uint_eq(decoded.tries_left, 4);
    ck_assert_uint_eq(decoded.retry_after_ms, 60000);
    ck_assert(decoded.has_challenge);
    ck_assert_mem_eq(decoded.challenge, failure.challenge, sizeof(failure.challenge));
    ck_assert(decoded.has_approval);
    ck_assert_mem_eq(decoded.approval, failure.approval, sizeof(failure.approval));
    ck_assert_str_eq(decoded.detail, "the lock is??[2J gone");
}
END_TEST

START_TEST(another_key_binding_or_method_is_not_authentic)
{
    ck_assert(!decode(method, bytes_of_text("another"), BINDING).is_authentic);
    ck_assert(!decode(method, BYTES_NONE, BINDING).is_authentic);
    ck_assert(!decode(method, KEY, bytes_of_text("another challenge")).is_authentic);
    ck_assert(!decode(method_by_id(METHOD_ChangePin), KEY, BINDING).is_authentic);
    ck_assert_int_eq(decode(method, BYTES_NONE, BINDING).reason, REASON_PIN_INCORRECT);
    ck_assert_str_eq(decode(method, BYTES_NONE, BINDING).detail, ""); /* the network says nothing to people */
}
END_TEST

/* Repacked with @change applied, is it still authentic? */
static bool survives(void (*change)(Privyseal__V1__Failure *))
{
    CLEANUP(buffer_clear) struct buffer changed = { 0 };
    Privyseal__V1__Failure *unpacked = privyseal__v1__failure__unpack(NULL, message.len, message.data);
    struct failure decoded;

    change(unpacked);
    ck_assert_int_eq(pack_append(&unpacked->base, &changed), 0);
    privyseal__v1__failure__free_unpacked(unpacked, NULL);
    ck_assert_int_eq(failure_decode(NULL, buffer_bytes(&changed), method, KEY, BINDING, &decoded), 0);
    return decoded.is_authentic;
}

static void change_nothing(Privyseal__V1__Failure *unpacked)
{
    (void)unpacked;
}
static void change_rv(Privyseal__V1__Failure *unpacked)
{
    unpacked->rv = CKR_PIN_LOCKED;
}
static void change_reason(Privyseal__V1__Failure *unpacked)
{
    unpacked->reason[0] = 'X';
}
static void change_request_id(Privyseal__V1__Failure *unpacked)
{
    unpacked->request_id[0] = 'f';
}
static void change_tries(Privyseal__V1__Failure *unpacked)
{
    unpacked->tries_left--;
}
static void change_retry(Privyseal__V1__Failure *unpacked)
{
    unpacked->retry_after_ms = 0;
}
static void change_challenge(Privyseal__V1__Failure *unpacked)
{
    unpacked->challenge.data[0] ^= 1;
}
static void change_approval(Privyseal__V1__Failure *unpacked)
{
    unpacked->approval.data[7] ^= 1;
}
static void change_detail(Privyseal__V1__Failure *unpacked)
{
    unpacked->detail[0] = 'X';
}
static void change_mac(Privyseal__V1__Failure *unpacked)
{
    unpacked->mac.data[31] ^= 1;
}
static void cut_mac(Privyseal__V1__Failure *unpacked)
{
    unpacked->mac.len = 31;
}

START_TEST(every_changed_field_makes_it_unauthentic)
{
    void (*const changes[])(Privyseal__V1__Failure *) = { change_rv,       change_reason, change_request_id,
                                                          change_tries,    change_retry,  change_challenge,
                                                          change_approval, change_detail, change_mac,
                                                          cut_mac };

    ck_assert(survives(change_nothing));
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        ck_assert_msg(!survives(changes[i]), "change %zu", i);
}
END_TEST

/* Decodes a failure of the test's own making. */
static int decode_made(Privyseal__V1__Failure *made, struct failure *ret)
{
    CLEANUP(buffer_clear) struct buffer packed = { 0 };

    ck_assert_int_eq(pack_append(&made->base, &packed), 0);
    return failure_decode(NULL, buffer_bytes(&packed), method, BYTES_NONE, BYTES_NONE, ret);
}

START_TEST(a_word_of_a_later_version_is_an_internal_failure)
{
    Privyseal__V1__Failure made = PRIVYSEAL__V1__FAILURE__INIT;
    struct failure decoded;

    made.reason = (char *)"MOON_PHASE";
    ck_assert_int_eq(decode_made(&made, &decoded), 0);
    ck_assert_int_eq(decoded.reason, REASON_INTERNAL);
    ck_assert(!decoded.is_authentic);
}
END_TEST

START_TEST(lengths_that_do_not_fit_are_refused)
{
    Privyseal__V1__Failure long_id = PRIVYSEAL__V1__FAILURE__INIT;
    Privyseal__V1__Failure short_challenge = PRIVYSEAL__V1__FAILURE__INIT;
    struct failure decoded;

    long_id.request_id = (char *)"0123456789abcdef0";
    ck_assert_int_eq(decode_made(&long_id, &decoded), -EBADMSG);
    short_challenge.challenge = pack_borrow(BYTES(failure.challenge, 39));
    ck_assert_int_eq(decode_made(&short_challenge, &decoded), -EBADMSG);
}
END_TEST

START_TEST(bytes_that_are_no_failure_are_refused)
{
    uint8_t large[2000] = { 0 };
    struct failure decoded;

    ck_assert_int_eq(failure_decode(NULL, bytes_of_text("\x0a\xff"), method, KEY, BINDING, &decoded),
                     -EBADMSG);
    ck_assert_int_eq(failure_decode(NULL, BYTES_OF_ARRAY(large), method, KEY, BINDING, &decoded), -EBADMSG);
}
END_TEST

START_TEST(a_failure_without_a_key_carries_no_mac)
{
    CLEANUP(buffer_clear) struct buffer plain = { 0 };
    struct failure decoded;

    ck_assert_int_eq(failure_encode(NULL, &failure, NULL, BYTES_NONE, BYTES_NONE, &plain), 0);
    ck_assert_uint_lt(plain.len, message.len - HASH_LEN);
    ck_assert_int_eq(failure_decode(NULL, buffer_bytes(&plain), method, KEY, BINDING, &decoded), 0);
    ck_assert(!decoded.is_authentic);
}
END_TEST

START_TEST(a_status_gives_back_the_failure_inside)
{
    CLEANUP(buffer_clear) struct buffer status = { 0 };
    CLEANUP(buffer_clear) struct buffer inside = { 0 };

    ck_assert_int_eq(failure_wrap_status(GRPC_UNAUTHENTICATED, "wrong PIN", buffer_bytes(&message), &status),
                     0);
    ck_assert_int_eq(failure_unwrap_status(buffer_bytes(&status), &inside), 0);
    ck_assert(bytes_equal(buffer_bytes(&inside), buffer_bytes(&message)));
}
END_TEST

START_TEST(a_status_without_a_failure_gives_none)
{
    CLEANUP(buffer_clear) struct buffer status = { 0 };
    CLEANUP(buffer_clear) struct buffer inside = { 0 };

    ck_assert_int_eq(failure_wrap_status(GRPC_UNAVAILABLE, "", BYTES_NONE, &status), 0);
    ck_assert_int_eq(failure_unwrap_status(buffer_bytes(&status), &inside), -ENOENT);
    ck_assert_int_eq(failure_unwrap_status(BYTES_NONE, &inside), -ENOENT);
    ck_assert_int_eq(failure_unwrap_status(bytes_of_text("\x1a\x7f"), &inside), -EBADMSG);
    ck_assert_uint_eq(inside.len, 0);
}
END_TEST

/* What encoding says when the allocation after @successes others fails. */
static int encode_again(int successes, bool *ret_has_failed)
{
    CLEANUP(buffer_clear) struct buffer target = { 0 };
    int r;

    fail_allocation(successes);
    r = failure_encode(NULL, &failure, method, KEY, BINDING, &target);
    *ret_has_failed = stop_failing();
    return r;
}

START_TEST(every_allocation_that_fails_is_reported)
{
    bool has_failed = true;
    int n = 0;

    while (has_failed)
        ck_assert((encode_again(n++, &has_failed) == -ENOMEM) == has_failed);
    ck_assert_int_gt(n, 2);
}
END_TEST

SUITE_WITH_FIXTURE("failure", encode_one, clear_message, everything_comes_back_and_is_authentic,
                   another_key_binding_or_method_is_not_authentic, every_changed_field_makes_it_unauthentic,
                   a_word_of_a_later_version_is_an_internal_failure, lengths_that_do_not_fit_are_refused,
                   bytes_that_are_no_failure_are_refused, a_failure_without_a_key_carries_no_mac,
                   a_status_gives_back_the_failure_inside, a_status_without_a_failure_gives_none,
                   every_allocation_that_fails_is_reported);
