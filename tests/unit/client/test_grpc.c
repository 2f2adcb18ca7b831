/* SPDX-License-Identifier: Apache-2.0 */
/* test_grpc.c - what a server's headers, trailers and frames come to. */
#include "client/grpc.h"

#include <errno.h>
#include <string.h>

#include "tests/support/suite.h"

static struct grpc_answer answer;
static struct channel_reply reply;

static void set_up(void)
{
    grpc_answer_init(&answer, 64);
    answer.http_status = 200;
    memset(&reply, 0, sizeof(reply));
}

static void tear_down(void)
{
    grpc_answer_clear(&answer);
    channel_reply_clear(&reply);
}

static void header(const char *line)
{
    const char *colon = strchr(line + 1, ':');

    grpc_answer_header(&answer, BYTES(line, colon - line), bytes_of_text(colon + 2));
}

static void body(const char *data, size_t len)
{
    buffer_append(&answer.body, BYTES(data, len));
}

static enum grpc_status finish(void)
{
    grpc_answer_finish(&answer, &reply);
    return reply.status;
}

START_TEST(prefix_is_flag_and_length)
{
    uint8_t prefix[GRPC_PREFIX_LEN];

    grpc_prefix(0x01020304, prefix);
    ck_assert_mem_eq(prefix, "\0\1\2\3\4", sizeof(prefix));
}
END_TEST

START_TEST(good_answer_gives_its_message)
{
    header(":status: 200");
    header("content-type: application/grpc+proto");
    body("\0\0\0\0\2ok", 7);
    header("grpc-status: 0");
    ck_assert_uint_eq(finish(), GRPC_OK);
    ck_assert(bytes_equal(buffer_bytes(&reply.body), bytes_of_text("ok")));
}
END_TEST

START_TEST(empty_message_is_a_message)
{
    header("content-type: application/grpc");
    header("grpc-status: 0");
    body("\0\0\0\0\0", 5);
    ck_assert_uint_eq(finish(), GRPC_OK);
    ck_assert_uint_eq(reply.body.len, 0);
}
END_TEST

static const struct {
    const char *data;
    size_t len;
} bad_bodies[] = {
    { "", 0 },
    { "\0\0\0\0", 4 },
    { "\0\0\0\0\3ok", 7 },
    { "\0\0\0\0\1ok", 7 },
    { "\1\0\0\0\2ok", 7 },
    { "\0\377\377\377\377ok", 7 },
};

START_TEST(body_that_is_not_one_message_is_refused)
{
    header("content-type: application/grpc");
    header("grpc-status: 0");
    for (size_t i = 0; i < sizeof(bad_bodies) / sizeof(bad_bodies[0]); i++) {
        buffer_clear(&answer.body);
        body(bad_bodies[i].data, bad_bodies[i].len);
        ck_assert_uint_eq(finish(), GRPC_INTERNAL);
        ck_assert_uint_eq(reply.body.len, 0);
    }
}
END_TEST

START_TEST(body_over_the_limit_is_not_kept)
{
    char large[GRPC_PREFIX_LEN + 65] = { 0 };

    body(large, sizeof(large));
    ck_assert(answer.body.failed);
}
END_TEST

START_TEST(failure_comes_out_of_the_details)
{
    CLEANUP(buffer_clear) struct buffer status = { 0 }, failure = { 0 };
    struct failure sent = failure_of(REASON_BUSY), got;
    char line[1024] = "grpc-status-details-bin: ";
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct method *method = method_by_id(METHOD_Sign);
    size_t at = strlen(line);
    uint32_t bits = 0;
    unsigned held = 0;

    sent.retry_after_ms = 250;
    ck_assert_int_eq(failure_encode(NULL, &sent, method, BYTES_NONE, BYTES_NONE, &failure), 0);
    ck_assert_int_eq(failure_wrap_status(GRPC_UNAVAILABLE, "busy", buffer_bytes(&failure), &status), 0);
    for (size_t i = 0; i < status.len; i++) /* base64 without padding, as grpc's C core sends it */
        for (bits = bits << 8 | status.data[i], held += 8; held >= 6; held -= 6)
            line[at++] = digits[bits >> (held - 6) & 63];
    if (held)
        line[at++] = digits[bits << (6 - held) & 63];
    header("content-type: application/grpc");
    header("grpc-status: 14");
    header("grpc-message: caf%C3%A9 %zz 100%");
    header(line);
    ck_assert_uint_eq(finish(), GRPC_UNAVAILABLE);
    ck_assert_str_eq(reply.detail, "caf\xc3\xa9 %zz 100%");
    ck_assert_int_eq(failure_decode(NULL, buffer_bytes(&reply.failure), method, BYTES_NONE, BYTES_NONE, &got),
                     0);
    ck_assert_uint_eq(got.reason, REASON_BUSY);
    ck_assert_uint_eq(got.retry_after_ms, 250);
}
END_TEST

START_TEST(unreadable_details_leave_the_status)
{
    header("content-type: application/grpc");
    header("grpc-status: 7");
    header("grpc-status-details-bin: !!!!");
    ck_assert_uint_eq(finish(), GRPC_PERMISSION_DENIED);
    ck_assert_uint_eq(reply.failure.len, 0);
}
END_TEST

START_TEST(message_writes_no_control_characters)
{
    header("content-type: application/grpc");
    header("grpc-status: 13");
    header("grpc-message: a%1b[2Jb%0Ac");
    finish();
    ck_assert_str_eq(reply.detail, "a [2Jb c");
}
END_TEST

START_TEST(answer_without_its_trailers_was_cut_off)
{
    header("content-type: application/grpc");
    ck_assert_uint_eq(finish(), GRPC_UNAVAILABLE);
    body("\0\0\0\0\2ok", 7);
    ck_assert_uint_eq(finish(), GRPC_UNAVAILABLE);
}
END_TEST

START_TEST(status_that_is_none_is_unknown)
{
    header("content-type: application/grpc");
    header("grpc-status: 99");
    ck_assert_uint_eq(finish(), GRPC_UNKNOWN);
    header("grpc-status: zero");
    ck_assert_uint_eq(finish(), GRPC_UNKNOWN);
}
END_TEST

START_TEST(answer_of_a_gateway_is_not_grpcs)
{
    header("content-type: text/html");
    header(":status: 502");
    ck_assert_uint_eq(finish(), GRPC_UNAVAILABLE);
    header(":status: 200");
    ck_assert_uint_eq(finish(), GRPC_UNKNOWN);
}
END_TEST

START_TEST(request_id_is_kept_if_it_is_one)
{
    static const char good[] = "0123456789abcdef";

    header("x-request-id: 0123456789abcde\n");
    header("x-request-id: 0123456789abcdef0");
    ck_assert_str_eq(answer.request_id, "");
    header("x-request-id: 0123456789abcdef");
    header("content-type: application/grpc");
    header("grpc-status: 5");
    ck_assert_int_eq(finish(), GRPC_NOT_FOUND);
    ck_assert_str_eq(reply.request_id, good);
}
END_TEST

START_TEST(base64_is_read_with_and_without_padding)
{
    static const char *const good[] = { "aGVsbG8=", "aGVsbG8" }, *const bad[] = { "a", "aGVsb",
                                                                                  "a*==", "aGVs bG8" };
    CLEANUP(buffer_clear) struct buffer decoded = { 0 };

    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&decoded);
        ck_assert_int_eq(grpc_base64_decode(bytes_of_text(good[i]), &decoded), 0);
        ck_assert(bytes_equal(buffer_bytes(&decoded), bytes_of_text("hello")));
    }
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(grpc_base64_decode(bytes_of_text(bad[i]), &decoded), -EBADMSG);
}
END_TEST

SUITE_WITH_FIXTURE("grpc", set_up, tear_down, prefix_is_flag_and_length, good_answer_gives_its_message,
                   empty_message_is_a_message, body_that_is_not_one_message_is_refused,
                   body_over_the_limit_is_not_kept, failure_comes_out_of_the_details,
                   unreadable_details_leave_the_status, message_writes_no_control_characters,
                   answer_without_its_trailers_was_cut_off, status_that_is_none_is_unknown,
                   answer_of_a_gateway_is_not_grpcs, request_id_is_kept_if_it_is_one,
                   base64_is_read_with_and_without_padding);
