/* SPDX-License-Identifier: Apache-2.0 */
/* test_spelling.c - how near two words are. */
#include "include/spelling.h"

#include <string.h>

#include "tests/support/suite.h"

START_TEST(same_word_has_no_distance)
{
    ck_assert_uint_eq(spelling_distance("queue", "queue"), 0);
    ck_assert_uint_eq(spelling_distance("", ""), 0);
}
END_TEST

START_TEST(each_slip_of_the_pen_counts_one)
{
    ck_assert_uint_eq(spelling_distance("queu", "queue"), 1);
    ck_assert_uint_eq(spelling_distance("queuee", "queue"), 1);
    ck_assert_uint_eq(spelling_distance("quebe", "queue"), 1);
    ck_assert_uint_eq(spelling_distance("kitten", "sitting"), 3);
    ck_assert_uint_eq(spelling_distance("", "queue"), 5);
    ck_assert_uint_eq(spelling_distance("queue", ""), 5);
}
END_TEST

START_TEST(word_longer_than_any_of_ours_is_near_to_nothing)
{
    char word[SPELLING_WORD_MAX + 2];

    memset(word, 'x', sizeof(word) - 1);
    word[SPELLING_WORD_MAX] = '\0';
    ck_assert_uint_eq(spelling_distance("x", word), SPELLING_WORD_MAX - 1);
    word[SPELLING_WORD_MAX] = 'x';
    word[SPELLING_WORD_MAX + 1] = '\0';
    ck_assert_uint_eq(spelling_distance("x", word), UINT_MAX);
    ck_assert_uint_eq(spelling_distance(word, "x"), SPELLING_WORD_MAX);
}
END_TEST

SUITE("spelling", same_word_has_no_distance, each_slip_of_the_pen_counts_one,
      word_longer_than_any_of_ours_is_near_to_nothing);
