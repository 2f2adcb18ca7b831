/* SPDX-License-Identifier: Apache-2.0 */
/* test_name.c - names that every client can show, and activation codes as people type them. */
#include "proto/name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "tests/support/suite.h"

START_TEST(ordinary_names_are_names)
{
    static const char *const names[] = {
        "a", "anna", "Anna Müller", "anna@example.org", "例え", "a b  c", "12345678901234567890123456789012",
        "😀"
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_msg(name_is_valid(bytes_of_text(names[i])), "%s", names[i]);
}
END_TEST

START_TEST(names_that_would_mislead_a_client_are_refused)
{
    static const char *const names[] = {
        "",
        "123456789012345678901234567890123",
        " anna",
        "anna ",
        "a:b",
        "a/b",
        "a\"b",
        "a'b",
        "a\\b",
        "a\nb",
        "a\x7f"
        "b",
        "a\xc2\x85"
        "b", /* NEL, a control character of two bytes */
        "a\xff",
        "\xc3",
        "\xc0\xaf", /* an overlong slash */
        "\xe0\x80\xaf",
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond Unicode */
        "\x80",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_msg(!name_is_valid(bytes_of_text(names[i])), "name %zu", i);
    ck_assert(!name_is_valid(BYTES("a\0b", 3)));
}
END_TEST

START_TEST(labels_may_hold_what_names_may_not)
{
    char longest[LABEL_MAX_LEN + 2] = { 0 };

    ck_assert(label_is_valid(bytes_of_text("Anna's key: \"signing\" 2026/27 ")));
    memset(longest, 'x', LABEL_MAX_LEN);
    ck_assert(label_is_valid(bytes_of_text(longest)));
    longest[LABEL_MAX_LEN] = 'x';
    ck_assert(!label_is_valid(bytes_of_text(longest)));
    ck_assert(!label_is_valid(bytes_of_text("")));
    ck_assert(!label_is_valid(bytes_of_text("tab\there")));
    ck_assert(!label_is_valid(bytes_of_text("\xff")));
}
END_TEST

static const uint8_t code[ACTIVATION_CODE_LEN] = { 0xff, 0x00, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc,
                                                   0xde, 0xf0, 0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a };

START_TEST(a_code_survives_being_typed)
{
    uint8_t typed[ACTIVATION_CODE_LEN];
    char text[ACTIVATION_TEXT_MAX];

    activation_code_text(code, text);
    ck_assert_uint_eq(strlen(text), 27 + 6);
    ck_assert_int_eq(activation_code_parse(text, typed), 0);
    ck_assert_mem_eq(typed, code, sizeof(code));
}
END_TEST

START_TEST(zeros_are_a_code_too)
{
    const uint8_t zeros[ACTIVATION_CODE_LEN] = { 0 };
    uint8_t typed[ACTIVATION_CODE_LEN];
    char text[ACTIVATION_TEXT_MAX];

    activation_code_text(zeros, text);
    ck_assert_str_eq(text, "0000-0000-0000-0000-0000-0000-000");
    ck_assert_int_eq(activation_code_parse("OoO0-0000 00000000000000000iIlL", typed), -EINVAL);
    ck_assert_int_eq(activation_code_parse("oO000000000000000000000000 0", typed), 0);
    ck_assert_mem_eq(typed, zeros, sizeof(zeros));
}
END_TEST

START_TEST(case_dashes_and_letters_that_look_like_digits_do_not_matter)
{
    const uint8_t ones[ACTIVATION_CODE_LEN] = { [ACTIVATION_CODE_LEN - 1] = 0x21 };
    uint8_t typed[ACTIVATION_CODE_LEN];
    char text[ACTIVATION_TEXT_MAX], sloppy[ACTIVATION_TEXT_MAX];
    size_t len = 0;

    activation_code_text(ones, text);
    for (const char *c = text; *c; c++)
        if (*c != '-')
            sloppy[len++] = *c == '1' ? 'l' : *c == '0' ? 'o' : (char)tolower(*c);
    sloppy[len] = '\0';
    ck_assert_ptr_nonnull(strchr(sloppy, 'l'));
    ck_assert_int_eq(activation_code_parse(sloppy, typed), 0);
    ck_assert_mem_eq(typed, ones, sizeof(ones));
}
END_TEST

START_TEST(every_single_typing_error_is_noticed)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char text[ACTIVATION_TEXT_MAX];
    uint8_t typed[ACTIVATION_CODE_LEN];

    activation_code_text(code, text);
    for (char *c = text; *c; c++) {
        char right = *c;

        for (const char *wrong = digits; right != '-' && *wrong; wrong++) {
            *c = *wrong;
            ck_assert_int_eq(activation_code_parse(text, typed), *wrong == right ? 0 : -EINVAL);
        }
        *c = right;
    }
}
END_TEST

START_TEST(two_digits_that_changed_places_are_noticed)
{
    char text[ACTIVATION_TEXT_MAX];
    uint8_t typed[ACTIVATION_CODE_LEN];

    activation_code_text(code, text);
    for (size_t i = 0; text[i + 1]; i++) {
        char first = text[i], second = text[i + 1];

        if (first == '-' || second == '-' || first == second)
            continue;
        text[i] = second;
        text[i + 1] = first;
        ck_assert_int_eq(activation_code_parse(text, typed), -EINVAL);
        text[i] = first;
        text[i + 1] = second;
    }
}
END_TEST

START_TEST(what_is_no_code_is_refused)
{
    static const char *const bad[] = {
        "",
        "-",
        "0",
        "0000-0000-0000-0000-0000-0000-0000", /* a digit too many */
        "0000-0000-0000-0000-0000-0000-00",   /* one too few */
        "U000-0000-0000-0000-0000-0000-000",  /* a check character in front */
        "8000-0000-0000-0000-0000-0000-000",  /* more than 128 bits */
        "0000-0000-0000-0000-0000-0000-0\xc3\xa4",
    };
    uint8_t typed[ACTIVATION_CODE_LEN] = { 9 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(activation_code_parse(bad[i], typed) == -EINVAL, "%s", bad[i]);
    ck_assert_uint_eq(typed[0], 9);
}
END_TEST

SUITE("name", ordinary_names_are_names, names_that_would_mislead_a_client_are_refused,
      labels_may_hold_what_names_may_not, a_code_survives_being_typed, zeros_are_a_code_too,
      case_dashes_and_letters_that_look_like_digits_do_not_matter, every_single_typing_error_is_noticed,
      two_digits_that_changed_places_are_noticed, what_is_no_code_is_refused);
