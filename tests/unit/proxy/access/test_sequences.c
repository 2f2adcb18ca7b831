/* SPDX-License-Identifier: Apache-2.0 */
/* test_sequences.c - what was seen once is not forgotten for what else is seen. */
#include <stdio.h>

#include "proxy/access/sequences.h"
#include "tests/support/suite.h"

#define MANY 20000 /* the table doubles several times */

static struct sequences seen;

static void setup(void)
{
    seen = (struct sequences){ 0 };
}

static void teardown(void)
{
    sequences_clear(&seen);
}

START_TEST(older_number_is_refused_and_changes_nothing)
{
    ck_assert(sequences_remember(&seen, "alice", 7));
    ck_assert(!sequences_remember(&seen, "alice", 6));
    ck_assert(sequences_remember(&seen, "alice", 7));
    ck_assert(sequences_remember(&seen, "alice", 8));
    ck_assert(!sequences_remember(&seen, "alice", 7));
}
END_TEST

START_TEST(one_name_says_nothing_about_another)
{
    ck_assert(sequences_remember(&seen, "alice", 7));
    ck_assert(sequences_remember(&seen, "bob", 1));
    ck_assert(sequences_remember(&seen, "", 1));
}
END_TEST

/* A caller who is refused has made a signer look at the row all the same: so this is what an attacker can do. */
START_TEST(name_is_remembered_however_many_come_after_it)
{
    char name[16];

    ck_assert(sequences_remember(&seen, "alice", 7));
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "%u", i);
        ck_assert(sequences_remember(&seen, name, i + 1));
    }
    ck_assert(!sequences_remember(&seen, "alice", 6));
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "%u", i);
        ck_assert(!sequences_remember(&seen, name, i));
    }
    ck_assert_uint_eq(seen.count, MANY + 1);
}
END_TEST

SUITE_WITH_FIXTURE("sequences", setup, teardown, older_number_is_refused_and_changes_nothing,
                   one_name_says_nothing_about_another, name_is_remembered_however_many_come_after_it);
