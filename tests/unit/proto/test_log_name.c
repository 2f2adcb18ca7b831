/* SPDX-License-Identifier: Apache-2.0 */
/* test_log_name.c - names of logs and files: what is written is read again, and nothing else is. */
#include "proto/log_name.h"

#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"

START_TEST(file_name_comes_back_as_the_log_it_was_made_of)
{
    static const struct {
        struct log_name log;
        uint32_t segment;
        const char *file;
    } rows[] = {
        { { "web1", 2 }, 0, "web1.signer-2.log" },
        { { "web1", 2 }, 7, "web1.signer-2.0007.log" },
        { { "a-b_C", 256 }, 12345, "a-b_C.signer-256.12345.log" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char file[LOG_FILE_NAME_MAX];
        struct log_name log;
        uint32_t segment = 99;

        log_file_name(&rows[i].log, rows[i].segment, file);
        ck_assert_str_eq(file, rows[i].file);
        ck_assert(log_file_parse(file, &log, &segment, NULL));
        ck_assert_int_eq(log_name_compare(&log, &rows[i].log), 0);
        ck_assert_uint_eq(segment, rows[i].segment);
    }
}
END_TEST

START_TEST(what_follows_is_given_only_to_who_asks_for_it)
{
    struct log_name log;
    uint32_t segment;
    const char *rest = NULL;

    ck_assert(log_file_parse("web1.signer-2.0007.log.gz", &log, &segment, &rest));
    ck_assert_str_eq(rest, ".gz");
    ck_assert(!log_file_parse("web1.signer-2.0007.log.gz", &log, &segment, NULL));
}
END_TEST

START_TEST(other_files_are_no_logs)
{
    static const char *const files[] = {
        "",
        "signer-2.log",
        ".signer-2.log",
        "web1.signer-.log",
        "web1.signer-02.log",
        "web1.signer-2.7.log",
        "web1.signer-2.0000.log",
        "web1.signer-2.00007.log",
        "web1.signer-2.12345678901.log",
        "web1.signer-99999999999.log",
        "web1.signer-2",
        "web1.signer-2.txt",
        "../web1.signer-2.log",
        "web 1.signer-2.log",
        "0123456789012345678901234567890123456789012345678901234567890123.signer-1.log",
    };
    const char *const *file;
    struct log_name log;
    uint32_t segment;

    for (EACH_ROW(file, files))
        ck_assert_msg(!log_file_parse(*file, &log, &segment, NULL), "%s", *file);
}
END_TEST

START_TEST(proxy_whose_name_would_be_a_path_is_refused)
{
    struct log_name log;

    ck_assert_int_eq(log_name_set(&log, "web1", 0), 0);
    ck_assert_int_eq(log_name_set(&log, "", 0), -EINVAL);
    ck_assert_int_eq(log_name_set(&log, "..", 0), -EINVAL);
    ck_assert_int_eq(log_name_set(&log, "a/b", 0), -EINVAL);
    ck_assert_int_eq(log_name_set(&log, "a.b", 0), -EINVAL);
}
END_TEST

START_TEST(logs_are_in_the_order_of_proxy_and_number)
{
    const struct log_name rows[] = { { "a", 2 }, { "a", 10 }, { "b", 0 } };

    ck_assert_int_lt(log_name_compare(&rows[0], &rows[1]), 0);
    ck_assert_int_lt(log_name_compare(&rows[1], &rows[2]), 0);
    ck_assert_int_gt(log_name_compare(&rows[2], &rows[0]), 0);
}
END_TEST

SUITE("log_name", file_name_comes_back_as_the_log_it_was_made_of,
      what_follows_is_given_only_to_who_asks_for_it, other_files_are_no_logs,
      proxy_whose_name_would_be_a_path_is_refused, logs_are_in_the_order_of_proxy_and_number);
