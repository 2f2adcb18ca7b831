/* SPDX-License-Identifier: Apache-2.0 */
/* test_utf8.c - one character at a time, and nothing that only looks like one. */
#include "proto/utf8.h"

#include "include/table.h"
#include "tests/support/suite.h"

START_TEST(characters_of_every_length_are_read)
{
    static const struct {
        const char *text;
        uint32_t character;
        size_t len;
    } good[] = {
        { "A", 0x41, 1 },
        { "\x7f", 0x7f, 1 },
        { "\xc2\x80", 0x80, 2 },
        { "\xdf\xbf", 0x7ff, 2 },
        { "\xe0\xa0\x80", 0x800, 3 },
        { "\xed\x9f\xbf", 0xd7ff, 3 },
        { "\xef\xbf\xbf", 0xffff, 3 },
        { "\xf0\x90\x80\x80", 0x10000, 4 },
        { "\xf4\x8f\xbf\xbf", 0x10ffff, 4 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        uint32_t character = 0;

        ck_assert_uint_eq(utf8_next(bytes_of_text(good[i].text), &character), good[i].len);
        ck_assert_uint_eq(character, good[i].character);
    }
}
END_TEST

START_TEST(a_zero_byte_is_a_character)
{
    uint32_t character = 1;

    ck_assert_uint_eq(utf8_next(BYTES("\0", 1), &character), 1);
    ck_assert_uint_eq(character, 0);
}
END_TEST

START_TEST(the_rest_of_the_text_does_not_matter)
{
    uint32_t character;

    ck_assert_uint_eq(utf8_next(bytes_of_text("\xc3\xa4\xff"), &character), 2);
    ck_assert_uint_eq(character, 0xe4);
}
END_TEST

START_TEST(what_is_cut_overlong_or_no_character_is_refused)
{
    static const char *const bad[] = {
        "",
        "\x80",
        "\xbf",
        "\xc3",
        "\xc3\x41",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xff",
        "\xfe",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint32_t character;

        ck_assert_msg(utf8_next(bytes_of_text(bad[i]), &character) == 0, "text %zu", i);
    }
}
END_TEST

SUITE("utf8", characters_of_every_length_are_read, a_zero_byte_is_a_character,
      the_rest_of_the_text_does_not_matter, what_is_cut_overlong_or_no_character_is_refused);
