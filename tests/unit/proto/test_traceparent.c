/* SPDX-License-Identifier: Apache-2.0 */
/* test_traceparent.c - W3C Trace Context 3.2: what is one, and what is not. */
#include "proto/traceparent.h"

#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define GOOD  "00-" TRACE "-b7ad6b7169203331-01"

static char parsed[TRACEPARENT_LEN + 1];

static void setup(void)
{
    strcpy(parsed, "as it was");
}

static void teardown(void) {}

START_TEST(good_one_is_kept_as_it_is)
{
    char trace[TRACE_ID_LEN + 1];

    ck_assert(traceparent_parse(GOOD, parsed));
    ck_assert_str_eq(parsed, GOOD);
    traceparent_trace_id(parsed, trace);
    ck_assert_str_eq(trace, TRACE);
}
END_TEST

START_TEST(later_version_is_read_as_the_first)
{
    ck_assert(traceparent_parse("cc-" TRACE "-b7ad6b7169203331-01-what-the-future-will-be-like", parsed));
    ck_assert_str_eq(parsed, GOOD);
    ck_assert(traceparent_parse("01-" TRACE "-b7ad6b7169203331-01", parsed));
}
END_TEST

START_TEST(nonsense_is_refused_and_changes_nothing)
{
    static const char *const bad[] = {
        "",
        "0",
        "00",
        "00-",
        GOOD "-more",
        GOOD "0",
        GOOD " ",
        "cc-" TRACE "-b7ad6b7169203331-01.what",
        "ff-" TRACE "-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-" TRACE "-b7ad6b7169203331-1",
        "00-" TRACE "-b7ad6b716920333-01",
        "00-" TRACE "0-b7ad6b7169203331-01",
        "00_" TRACE "-b7ad6b7169203331-01",
        "00-" TRACE "-b7ad6b7169203331-0x",
    };
    const char *const *text;

    for (EACH_ROW(text, bad)) {
        ck_assert_msg(!traceparent_parse(*text, parsed), "%s", *text);
        ck_assert_str_eq(parsed, "as it was");
    }
}
END_TEST

START_TEST(none_has_no_trace)
{
    char trace[TRACE_ID_LEN + 1];

    traceparent_trace_id("", trace);
    ck_assert_str_eq(trace, "");
}
END_TEST

SUITE_WITH_FIXTURE("proto/traceparent", setup, teardown, good_one_is_kept_as_it_is,
                   later_version_is_read_as_the_first, nonsense_is_refused_and_changes_nothing,
                   none_has_no_trace);
