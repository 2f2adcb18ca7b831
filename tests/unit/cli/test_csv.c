/* SPDX-License-Identifier: Apache-2.0 */
/* test_csv.c - records as RFC 4180 has them, and those it has not. */
#include "cli/csv.h"

#include <errno.h>
#include <string.h>

#include "tests/support/suite.h"

static int read_text(const char *text, struct csv_record *ret)
{
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    unsigned line = 0;
    int r;

    ck_assert_ptr_nonnull(file);
    r = csv_read(file, &line, ret);
    fclose(file);
    return r;
}

static void check_fields(const char *text, size_t count, const char *const fields[])
{
    CLEANUP(csv_record_clear) struct csv_record record = { 0 };

    ck_assert_int_eq(read_text(text, &record), 1);
    ck_assert_uint_eq(record.count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(record.field[i], fields[i]);
}

START_TEST(fields_are_split_and_unquoted)
{
    check_fields("a,b,c\n", 3, (const char *const[]){ "a", "b", "c" });
    check_fields("\r\n\na,,\r\n", 3, (const char *const[]){ "a", "", "" });
    check_fields("\"a,b\",\"say \"\"no\"\"\",\"\"", 3, (const char *const[]){ "a,b", "say \"no\"", "" });
    check_fields("\"\"\"\"", 1, (const char *const[]){ "\"" });
}
END_TEST

START_TEST(records_that_are_none_are_refused)
{
    static const char *const texts[] = { "a\"b", "\"a", "\"a\"b", "\"a\"\"", "\"" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CLEANUP(csv_record_clear) struct csv_record record = { 0 };

        ck_assert_int_eq(read_text(texts[i], &record), -EBADMSG);
    }
}
END_TEST

START_TEST(more_fields_than_there_is_room_for_are_refused)
{
    CLEANUP(csv_record_clear) struct csv_record record = { 0 };
    char text[CSV_FIELDS_MAX + 2];

    memset(text, ',', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(read_text(text, &record), -EBADMSG);
}
END_TEST

START_TEST(nul_in_a_line_is_refused)
{
    CLEANUP(csv_record_clear) struct csv_record record = { 0 };
    static const char text[] = "a,b\0,c\n";
    FILE *file = fmemopen((void *)text, sizeof(text) - 1, "r");
    unsigned line = 0;

    ck_assert_int_eq(csv_read(file, &line, &record), -EBADMSG);
    fclose(file);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    static const char *const fields[] = { "plain", "with,comma", "with\"quote", "" };
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);

    for (size_t i = 0; i < 4; i++) {
        if (i)
            putc(',', file);
        csv_write_field(file, fields[i]);
    }
    fclose(file);
    check_fields(text, 4, fields);
    free(text);
}
END_TEST

SUITE("csv", fields_are_split_and_unquoted, records_that_are_none_are_refused,
      more_fields_than_there_is_room_for_are_refused, nul_in_a_line_is_refused, what_is_written_is_read_back);
