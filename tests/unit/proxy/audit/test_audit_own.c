/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_own.c - a user's own records, and nobody else's. */
#include "proxy/audit/audit_own.h"

#include <errno.h>

#include "proxy/audit/audit_state.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/audit/log_fixture.h"

static struct log_fixture log_;

static void setup(void)
{
    log_setup(&log_);
    log_open_file(&log_);
}

static void teardown(void)
{
    log_teardown(&log_);
}

/* A record about @token; returns when it was made. */
static uint64_t add(const char *token, const char *note)
{
    struct audit_record record = { .event = "sign", .result = "OK", .token = token, .note = note };

    ck_assert_int_eq(audit_append(log_.audit, &record), 0);
    return record.time_us;
}

/* How many records of the first page are @token's since @since_us. */
static size_t count_of(const char *token, uint64_t since_us)
{
    const struct audit_own_subject subject = { token, since_us };
    CLEANUP(audit_own_page_clear) struct audit_own_page page = { 0 };

    ck_assert_int_eq(audit_own_read(log_.scratch.directory, &log_name, &subject, 1, &page), 0);
    return page.count;
}

START_TEST(records_of_others_are_not_shown)
{
    add("alice", "");
    add("bob", "");
    add("alice", "");
    ck_assert_uint_eq(count_of("alice", 0), 2);
    ck_assert_uint_eq(count_of("bob", 0), 1);
    ck_assert_uint_eq(count_of("ali", 0), 0);
}
END_TEST

START_TEST(name_in_another_field_is_no_token)
{
    add("bob", "\",\"token\":\"alice\",\"");
    ck_assert_uint_eq(count_of("alice", 0), 0);
}
END_TEST

START_TEST(records_of_who_had_the_name_before_are_not_shown)
{
    uint64_t made_us = add("alice", "");

    add("alice", "");
    ck_assert_uint_eq(count_of("alice", made_us), 2);
    ck_assert_uint_eq(count_of("alice", audit_now_us() + 1), 0);
}
END_TEST

START_TEST(log_that_is_missing_is_said)
{
    const struct audit_own_subject subject = { "alice", 0 };
    const struct log_name other = { "web1", 3 };
    struct audit_own_page page;

    ck_assert_int_eq(audit_own_read(log_.scratch.directory, &other, &subject, 1, &page), -ENOENT);
}
END_TEST

SUITE_WITH_FIXTURE("audit_own", setup, teardown, records_of_others_are_not_shown,
                   name_in_another_field_is_no_token, records_of_who_had_the_name_before_are_not_shown,
                   log_that_is_missing_is_said);
