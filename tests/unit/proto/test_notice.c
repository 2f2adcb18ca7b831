/* SPDX-License-Identifier: Apache-2.0 */
/* test_notice.c - messages to the herald. */
#include "proto/notice.h"

#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes_equal(bytes, bytes_of_text(text));
}

START_TEST(news_come_back_as_they_were)
{
    CLEANUP(secret_free) struct secret *message = NULL;
    struct notice_message read;

    ck_assert_int_eq(notice_message_make(NOTICE_NEWS, "pin.locked", "{\"user\":\"ann\"}", "", &message), 0);
    ck_assert_int_eq(notice_message_read(secret_bytes(message), &read), 0);
    ck_assert_int_eq(read.kind, NOTICE_NEWS);
    ck_assert_str_eq(read.event, "pin.locked");
    ck_assert(is_text(read.object, "{\"user\":\"ann\"}"));
}
END_TEST

START_TEST(code_becomes_the_first_member)
{
    CLEANUP(secret_free) struct secret *message = NULL;
    struct notice_message read;

    ck_assert_int_eq(notice_message_make(NOTICE_CODE, "code.send", "{\"user\":\"ann\"}", "123456", &message),
                     0);
    ck_assert_int_eq(notice_message_read(secret_bytes(message), &read), 0);
    ck_assert_int_eq(read.kind, NOTICE_CODE);
    ck_assert(is_text(read.object, "{\"code\":\"123456\",\"user\":\"ann\"}"));
}
END_TEST

START_TEST(event_that_could_be_more_than_a_word_is_refused)
{
    static const char *const events[] = {
        "", "../x", "a b", "A", "--help", "x;y", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };

    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        CLEANUP(secret_free) struct secret *message = NULL;

        ck_assert_int_eq(notice_message_make(NOTICE_NEWS, events[i], "{\"user\":\"ann\"}", "", &message),
                         -EINVAL);
    }
}
END_TEST

START_TEST(object_too_long_for_a_message_is_refused)
{
    CLEANUP(secret_free) struct secret *message = NULL;
    char object[NOTICE_MAX + 1];

    memset(object, ' ', sizeof(object));
    object[0] = '{';
    object[NOTICE_MAX - 1] = '}';
    object[NOTICE_MAX] = '\0';
    ck_assert_int_eq(notice_message_make(NOTICE_NEWS, "a", object, "", &message), -EMSGSIZE);
}
END_TEST

START_TEST(foreign_bytes_are_no_message)
{
    static const struct bytes messages[] = {
        { NULL, 0 },
        { (const uint8_t *)"n", 1 },
        { (const uint8_t *)"npin.locked", 11 },           /* no NUL */
        { (const uint8_t *)"npin.locked\0", 12 },         /* no object */
        { (const uint8_t *)"npin.locked\0{\"a\":1", 18 }, /* cut off */
        { (const uint8_t *)"npin.locked\0{\0}", 15 },
        { (const uint8_t *)"xpin.locked\0{}", 14 },
        { (const uint8_t *)"nPIN\0{}", 7 },
    };
    struct notice_message read;

    for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
        ck_assert_int_eq(notice_message_read(messages[i], &read), -EBADMSG);
}
END_TEST

SUITE("notice", news_come_back_as_they_were, code_becomes_the_first_member,
      event_that_could_be_more_than_a_word_is_refused, object_too_long_for_a_message_is_refused,
      foreign_bytes_are_no_message);
