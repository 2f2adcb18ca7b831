/* SPDX-License-Identifier: Apache-2.0 */
/* test_enrolment_attempts.c - strangers' tries: counted, delayed, forgotten day by day, and not to be reset. */
#include <sqlite3.h>
#include <string.h>

#include "proxy/access/access.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

#define NOW    FIXTURE_NOW_MS
#define HOUR   INT64_C(3600000)
#define DAY_MS (24 * HOUR)

static const uint8_t ann[HASH_LEN] = { 1, 2 }, bob[HASH_LEN] = { 3, 4 };

static enum reason take(const uint8_t key[HASH_LEN], int64_t now_ms, uint32_t *ret_wait_ms)
{
    struct enrolment_attempt attempt;
    struct failure why = { 0 };
    enum reason reason = enrolment_attempt_take(&fixture.access, key, now_ms, &attempt, &why);

    if (ret_wait_ms)
        *ret_wait_ms = why.retry_after_ms;
    return reason;
}

static void take_many(unsigned count, int64_t now_ms)
{
    while (count--)
        ck_assert_int_eq(take(ann, now_ms, NULL), REASON_NONE);
}

START_TEST(sixth_try_waits_a_minute_and_another_name_does_not)
{
    uint32_t wait_ms;

    take_many(5, NOW);
    ck_assert_int_eq(take(ann, NOW + 1000, &wait_ms), REASON_PIN_DELAYED);
    ck_assert_uint_eq(wait_ms, 59000);
    ck_assert_int_eq(take(bob, NOW + 1000, NULL), REASON_NONE);
    ck_assert_int_eq(take(ann, NOW + 60000, NULL), REASON_NONE);
    ck_assert_int_eq(take(ann, NOW + 60001, &wait_ms), REASON_PIN_DELAYED);
    ck_assert_uint_eq(wait_ms, 299999);
}
END_TEST

START_TEST(who_never_stops_gets_one_try_a_day)
{
    int64_t now_ms = NOW;
    unsigned tries = 0;

    for (int64_t end_ms = NOW + 365 * DAY_MS; now_ms < end_ms;) {
        uint32_t wait_ms;

        if (take(ann, now_ms, &wait_ms) == REASON_NONE)
            tries++;
        else
            now_ms += wait_ms;
    }
    ck_assert_uint_ge(tries, 360);
    ck_assert_uint_le(tries, 400);
}
END_TEST

START_TEST(one_failure_is_forgotten_each_day)
{
    take_many(5, NOW);
    ck_assert_int_eq(take(ann, NOW + DAY_MS, NULL), REASON_NONE); /* four are left, and this one */
    ck_assert_int_eq(take(ann, NOW + DAY_MS + 1, NULL), REASON_PIN_DELAYED);
    ck_assert_int_eq(take(ann, NOW + 10 * DAY_MS, NULL), REASON_NONE);
}
END_TEST

START_TEST(attempt_given_back_does_not_count)
{
    struct enrolment_attempt attempt;
    struct failure why = { 0 };

    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(enrolment_attempt_take(&fixture.access, ann, NOW, &attempt, &why), REASON_NONE);
        ck_assert_int_eq(enrolment_attempt_give_back(&fixture.access, &attempt), REASON_NONE);
    }
    take_many(5, NOW);
}
END_TEST

static void execute(const char *sql)
{
    sqlite3 *database;

    ck_assert_int_eq(sqlite3_open(fixture.url + strlen("sqlite:"), &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

START_TEST(counter_written_to_in_the_database_is_refused)
{
    take_many(5, NOW);
    execute("UPDATE enrolment_attempts SET failures = 0");
    ck_assert_int_eq(take(ann, NOW, NULL), REASON_INTEGRITY);
}
END_TEST

START_TEST(counter_deleted_or_put_back_is_refused_by_who_saw_it)
{
    take_many(1, NOW);
    execute("CREATE TABLE kept AS SELECT * FROM enrolment_attempts");
    take_many(3, NOW);
    ck_assert_int_eq(take(ann, NOW, NULL), REASON_NONE);
    execute("DELETE FROM enrolment_attempts");
    ck_assert_int_eq(take(ann, NOW, NULL), REASON_INTEGRITY);
    execute("INSERT INTO enrolment_attempts SELECT * FROM kept");
    ck_assert_int_eq(take(ann, NOW, NULL), REASON_INTEGRITY);
}
END_TEST

SUITE_WITH_FIXTURE("enrolment_attempts", fixture_setup, fixture_teardown,
                   sixth_try_waits_a_minute_and_another_name_does_not, who_never_stops_gets_one_try_a_day,
                   one_failure_is_forgotten_each_day, attempt_given_back_does_not_count,
                   counter_written_to_in_the_database_is_refused,
                   counter_deleted_or_put_back_is_refused_by_who_saw_it);
