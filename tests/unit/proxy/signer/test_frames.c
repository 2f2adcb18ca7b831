/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a front that is slow, broken, hostile or gone. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/limits.h"
#include "proxy/signer/frames.h"
#include "tests/support/suite.h"

static struct frames frames;
static int front;

static int connect_front(void)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    frames_replace(&frames, ends[0]);
    return ends[1];
}

static void setup(void)
{
    frames = FRAMES_NONE;
    front = connect_front();
}

static void teardown(void)
{
    frames_clear(&frames);
    close(front);
}

static void front_sends(const void *data, size_t len)
{
    ck_assert_int_eq(send(front, data, len, 0), (ssize_t)len);
    frames_fill(&frames);
}

static void expect_frame(const char *content)
{
    struct bytes frame;

    ck_assert(frames_next(&frames, &frame));
    ck_assert(bytes_equal(frame, bytes_of_text(content)));
}

static void expect_none(void)
{
    struct bytes frame;

    ck_assert(!frames_next(&frames, &frame));
}

START_TEST(frame_sent_byte_by_byte_arrives_whole)
{
    static const char frame[] = "\0\0\0\5hello";

    for (size_t i = 0; i + 1 < sizeof(frame); i++) {
        expect_none();
        front_sends(frame + i, 1);
    }
    expect_frame("hello");
    expect_none();
}
END_TEST

START_TEST(frames_sent_at_once_arrive_one_by_one)
{
    front_sends("\0\0\0\3one\0\0\0\0\0\0\0\3two\0\0\0\5th", 4 + 3 + 4 + 4 + 3 + 4 + 2);
    expect_frame("one");
    expect_frame("");
    expect_frame("two");
    expect_none();
    front_sends("ree", 3);
    expect_frame("three");
}
END_TEST

START_TEST(frame_longer_than_allowed_ends_the_stream)
{
    const uint32_t len = FRAME_MAX + 1;
    const uint8_t prefix[4] = { len >> 24, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };

    front_sends(prefix, sizeof(prefix));
    expect_none();
    ck_assert_int_eq(frames.fd, -1);
}
END_TEST

START_TEST(front_that_goes_leaves_nothing_behind)
{
    front_sends("\0\0\0\5hel", 7);
    close(front);
    frames_fill(&frames);
    ck_assert_int_eq(frames.fd, -1);
    ck_assert_uint_eq(frames.in.len, 0);
    front = connect_front();
    front_sends("\0\0\0\3new", 7);
    expect_frame("new");
}
END_TEST

START_TEST(newer_front_replaces_one_in_the_middle_of_a_frame)
{
    front_sends("\0\0\0\5hel", 7);
    close(front);
    front = connect_front();
    front_sends("\0\0\0\2lo", 6);
    expect_frame("lo");
}
END_TEST

START_TEST(answers_of_a_round_leave_as_frames)
{
    char got[64];
    size_t start = frames_begin(&frames);

    buffer_append_text(&frames.out, "first");
    frames_end(&frames, start);
    start = frames_begin(&frames);
    frames_end(&frames, start);
    frames_flush(&frames);
    ck_assert_int_eq(recv(front, got, sizeof(got), MSG_DONTWAIT), 13);
    ck_assert_mem_eq(got, "\0\0\0\5first\0\0\0\0", 13);
    ck_assert_uint_eq(frames.out.len, 0);
}
END_TEST

START_TEST(unfinished_answer_lets_others_go_first)
{
    char got[64];
    struct frames_aside aside;
    size_t start = frames_begin(&frames), unfinished;

    buffer_append_text(&frames.out, "one");
    frames_end(&frames, start);
    unfinished = frames_begin(&frames);
    frames_lay_aside(&frames, &aside);
    ck_assert_int_eq(recv(front, got, sizeof(got), MSG_DONTWAIT), 7);
    ck_assert_mem_eq(got, "\0\0\0\3one", 7);
    start = frames_begin(&frames);
    buffer_append_text(&frames.out, "other");
    frames_end(&frames, start);
    frames_flush(&frames);
    ck_assert_int_eq(recv(front, got, sizeof(got), MSG_DONTWAIT), 9);
    ck_assert_mem_eq(got, "\0\0\0\5other", 9);
    frames_take_back(&frames, &aside);
    buffer_append_text(&frames.out, "two");
    frames_end(&frames, unfinished);
    frames_flush(&frames);
    ck_assert_int_eq(recv(front, got, sizeof(got), MSG_DONTWAIT), 7);
    ck_assert_mem_eq(got, "\0\0\0\3two", 7);
}
END_TEST

START_TEST(answer_laid_aside_outlives_its_front)
{
    struct frames_aside aside;
    size_t start = frames_begin(&frames);

    frames_lay_aside(&frames, &aside);
    close(front);
    frames_fill(&frames);
    ck_assert_int_eq(frames.fd, -1);
    frames_take_back(&frames, &aside);
    buffer_append_text(&frames.out, "too late");
    frames_end(&frames, start);
    frames_flush(&frames);
    ck_assert_uint_eq(frames.out.len, 0);
    front = connect_front();
}
END_TEST

START_TEST(front_that_is_gone_costs_its_answers_only)
{
    size_t start = frames_begin(&frames);

    buffer_append_text(&frames.out, "too late");
    frames_end(&frames, start);
    close(front);
    frames_flush(&frames);
    ck_assert_int_eq(frames.fd, -1);
    front = connect_front();
    ck_assert_uint_eq(frames.out.len, 0);
}
END_TEST

SUITE_WITH_FIXTURE("frames", setup, teardown, frame_sent_byte_by_byte_arrives_whole,
                   frames_sent_at_once_arrive_one_by_one, frame_longer_than_allowed_ends_the_stream,
                   front_that_goes_leaves_nothing_behind, newer_front_replaces_one_in_the_middle_of_a_frame,
                   answers_of_a_round_leave_as_frames, unfinished_answer_lets_others_go_first,
                   answer_laid_aside_outlives_its_front, front_that_is_gone_costs_its_answers_only);
