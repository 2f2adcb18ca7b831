/* SPDX-License-Identifier: Apache-2.0 */
/* test_leases.c - a lease is found, makes room, and ends when anything it rests on does. */
#include <errno.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

#define NOW_MS FIXTURE_NOW_MS

static const struct leases_config config = {
    .max = 4, .idle_ms = 600000, .life_ms = 3600000, .recheck_ms = 5000, .storeless_ms = 60000
};
static struct leases *leases;
static struct caller alice;
static struct token_row token;
static unsigned closed;

static void count_close(struct custody_token *custody_token)
{
    (void)custody_token;
    closed++;
}

static const struct custody_ops custody = { .name = "counting", .close = count_close };

static void setup(void)
{
    fixture_setup();
    closed = 0;
    alice = fixture_caller("alice", ROLE_DEVICE, 1);
    token = fixture_token("alice");
    fixture_grant(&alice, &token, GRANT_SEE | GRANT_SIGN);
    ck_assert_int_eq(leases_new(&config, &leases), 0);
}

static void teardown(void)
{
    leases_free(TAKE(leases));
    fixture_teardown();
}

static struct lease *make(uint8_t number)
{
    struct lease *lease = calloc(1, sizeof(*lease));

    ck_assert_ptr_nonnull(lease);
    memset(lease->keys.lease, number, LEASE_LEN);
    ck_assert_int_eq(secret_random(32, &lease->keys.request_key), 0);
    lease->caller = alice;
    lease->token = token;
    lease->custody = &custody;
    lease->grant_bits = GRANT_SEE | GRANT_SIGN;
    return lease;
}

static struct lease *add(uint8_t number, int64_t now_ms)
{
    struct lease *lease = make(number);

    ck_assert_int_eq(leases_add(leases, lease, now_ms), 0);
    return lease;
}

static struct lease *find(uint8_t number, int64_t now_ms)
{
    uint8_t id[LEASE_LEN];

    memset(id, number, sizeof(id));
    return leases_find(leases, BYTES_OF_ARRAY(id), now_ms);
}

static enum reason recheck(struct lease *lease, int64_t now_ms)
{
    return lease_recheck(leases, &fixture.access, lease, now_ms);
}

/* What happens to a lease when, five seconds on, it is used after @change. */
static enum reason recheck_after(void (*change)(void))
{
    struct lease *lease = add(1, NOW_MS);

    change();
    return recheck(lease, NOW_MS + config.recheck_ms);
}

/* ------------------------------------------------------------------------------------------ finding, room */

START_TEST(lease_is_found_by_its_id_only)
{
    struct lease *lease = add(1, NOW_MS);

    ck_assert_ptr_eq(find(1, NOW_MS), lease);
    ck_assert_ptr_null(find(2, NOW_MS));
    ck_assert_ptr_null(leases_find(leases, BYTES_NONE, NOW_MS));
    ck_assert_ptr_null(leases_find(leases, BYTES(lease->keys.lease, LEASE_LEN - 1), NOW_MS));
}
END_TEST

START_TEST(removed_lease_is_closed_and_gone)
{
    leases_remove(leases, add(1, NOW_MS));
    ck_assert_ptr_null(find(1, NOW_MS));
    ck_assert_uint_eq(closed, 1);
    ck_assert_uint_eq(leases_count(leases), 0);
}
END_TEST

START_TEST(id_that_is_taken_is_refused_and_the_lease_stays_the_callers)
{
    struct lease *twin = make(1);

    add(1, NOW_MS);
    ck_assert_int_eq(leases_add(leases, twin, NOW_MS), -EEXIST);
    ck_assert_uint_eq(closed, 0);
    lease_free(twin);
    ck_assert_ptr_nonnull(find(1, NOW_MS));
}
END_TEST

START_TEST(least_recently_used_makes_room)
{
    for (uint8_t number = 1; number <= 4; number++)
        add(number, NOW_MS);
    ck_assert_int_eq(recheck(find(1, NOW_MS), NOW_MS), REASON_NONE);
    add(5, NOW_MS);
    ck_assert_uint_eq(leases_count(leases), 4);
    ck_assert_uint_eq(closed, 1);
    ck_assert_ptr_nonnull(find(1, NOW_MS));
    ck_assert_ptr_null(find(2, NOW_MS));
}
END_TEST

START_TEST(token_with_its_share_of_the_places_makes_room_for_itself)
{
    struct leases_config roomy = config;

    leases_free(TAKE(leases));
    roomy.max = 1024; /* of which one token has 64 */
    ck_assert_int_eq(leases_new(&roomy, &leases), 0);
    add(1, NOW_MS);
    token = fixture_token("somebody");
    for (uint8_t number = 2; number < 102; number++)
        add(number, NOW_MS + number);
    ck_assert_uint_eq(leases_count(leases), 65);
    ck_assert_ptr_nonnull(find(1, NOW_MS + 200));
    ck_assert_ptr_null(find(37, NOW_MS + 200));
    ck_assert_ptr_nonnull(find(38, NOW_MS + 200));
}
END_TEST

START_TEST(finding_without_proof_is_no_use)
{
    for (uint8_t number = 1; number <= 4; number++)
        add(number, NOW_MS);
    ck_assert_ptr_nonnull(find(1, NOW_MS));
    add(5, NOW_MS);
    ck_assert_ptr_null(find(1, NOW_MS));
}
END_TEST

START_TEST(freeing_closes_every_lease)
{
    for (uint8_t number = 1; number <= 3; number++)
        add(number, NOW_MS);
    leases_free(TAKE(leases));
    ck_assert_uint_eq(closed, 3);
}
END_TEST

START_TEST(table_without_room_is_refused)
{
    struct leases_config none = config;
    struct leases *empty = NULL;

    none.max = 0;
    ck_assert_int_eq(leases_new(&none, &empty), -EINVAL);
    ck_assert_ptr_null(empty);
}
END_TEST

/* Many leases come, are used and go in random order; chains and the list stay whole (ASan watches). */
START_TEST(random_comings_and_goings_keep_the_table_whole)
{
    struct lease *lease;

    srandom(2);
    for (int i = 0; i < 5000; i++) {
        uint8_t number = (uint8_t)(random() % 12);

        lease = find(number, NOW_MS);
        if (!lease)
            add(number, NOW_MS);
        else if (random() % 2)
            leases_remove(leases, lease);
        else
            ck_assert_int_eq(recheck(lease, NOW_MS), REASON_NONE);
        ck_assert_uint_le(leases_count(leases), config.max);
    }
}
END_TEST

/* -------------------------------------------------------------------------------------------------- time */

START_TEST(idle_lease_ends)
{
    add(1, NOW_MS);
    ck_assert_ptr_nonnull(find(1, NOW_MS + config.idle_ms - 1));
    ck_assert_ptr_null(find(1, NOW_MS + config.idle_ms));
    ck_assert_uint_eq(closed, 1);
}
END_TEST

START_TEST(used_lease_ends_with_its_life)
{
    struct lease *lease = add(1, NOW_MS);
    int64_t now_ms = NOW_MS;

    for (; now_ms < NOW_MS + config.life_ms; now_ms += config.idle_ms / 2)
        ck_assert_int_eq(recheck(lease, now_ms), REASON_NONE);
    ck_assert_int_eq(recheck(lease, now_ms), REASON_UNLOCK_REQUIRED);
    ck_assert_uint_eq(closed, 1);
}
END_TEST

START_TEST(clock_that_is_set_back_ends_every_lease)
{
    struct lease *lease = add(1, NOW_MS);

    ck_assert_int_eq(recheck(lease, NOW_MS + 5000), REASON_NONE);
    leases_sweep(leases, NOW_MS + 4000, 0); /* a little step */
    ck_assert_ptr_nonnull(find(1, NOW_MS + 4000));
    leases_sweep(leases, NOW_MS + 1000, 0);
    ck_assert_uint_eq(leases_count(leases), 0);
    ck_assert_uint_eq(closed, 1);
}
END_TEST

START_TEST(lease_ends_with_its_certificate)
{
    alice.certificate.not_after_ms = NOW_MS + 1000;
    add(1, NOW_MS);
    ck_assert_ptr_nonnull(find(1, NOW_MS + 999));
    ck_assert_ptr_null(find(1, NOW_MS + 1000));
}
END_TEST

START_TEST(sweep_ends_what_is_over_and_all_of_one_token)
{
    struct token_row bob = fixture_token("bob");
    struct lease *lease = make(2);

    add(1, NOW_MS);
    lease->token = bob;
    ck_assert_int_eq(leases_add(leases, lease, NOW_MS + 1000), 0);
    leases_sweep(leases, NOW_MS + 1000, 0);
    ck_assert_uint_eq(leases_count(leases), 2);
    leases_sweep(leases, NOW_MS + 1000, bob.id);
    ck_assert_ptr_null(find(2, NOW_MS + 1000));
    leases_sweep(leases, NOW_MS + config.idle_ms, 0);
    ck_assert_uint_eq(leases_count(leases), 0);
}
END_TEST

/* --------------------------------------------------------------------------------------------- the store */

static void change_nothing(void) {}

static void change_snapshot(void)
{
    token.version++;
    ck_assert_int_eq(token_save(&fixture.access, &token), REASON_NONE);
}

static void change_pin(void)
{
    token.pin_version++;
    ck_assert_int_eq(token_save(&fixture.access, &token), REASON_NONE);
}

static void change_lock(void)
{
    token.locked = true;
    ck_assert_int_eq(token_save(&fixture.access, &token), REASON_NONE);
}

static void change_enabled(void)
{
    token.enabled = false;
    ck_assert_int_eq(token_save(&fixture.access, &token), REASON_NONE);
}

static void change_grant(void)
{
    fixture_grant(&alice, &token, 0);
}

static void change_grant_to_see_only(void)
{
    fixture_grant(&alice, &token, GRANT_SEE);
}

static void change_principal(void)
{
    fixture_enable(&alice, false);
}

static void change_certificate(void)
{
    alice.certificate.revoked = true;
    ck_assert_int_eq(principal_change_certificate(&fixture.access, &alice.principal, &alice.certificate),
                     REASON_NONE);
}

static void change_row_without_mac(void)
{
    fixture_tamper("UPDATE tokens SET version = 5");
}

START_TEST(unchanged_token_goes_on)
{
    ck_assert_int_eq(recheck_after(change_nothing), REASON_NONE);
}
END_TEST

START_TEST(new_snapshot_logs_nobody_out)
{
    ck_assert_int_eq(recheck_after(change_snapshot), REASON_NONE);
    ck_assert_uint_eq(find(1, NOW_MS + 5000)->token.version, 2);
}
END_TEST

START_TEST(smaller_grant_goes_on_with_less)
{
    ck_assert_int_eq(recheck_after(change_grant_to_see_only), REASON_NONE);
    ck_assert_uint_eq(find(1, NOW_MS + 5000)->grant_bits, GRANT_SEE);
}
END_TEST

static void ck_assert_ends(void (*change)(void))
{
    ck_assert_int_eq(recheck_after(change), REASON_UNLOCK_REQUIRED);
    ck_assert_ptr_null(find(1, NOW_MS));
    ck_assert_uint_eq(closed, 1);
}

START_TEST(changed_pin_ends_the_lease)
{
    ck_assert_ends(change_pin);
}
END_TEST

START_TEST(locked_token_ends_the_lease)
{
    ck_assert_ends(change_lock);
}
END_TEST

START_TEST(disabled_token_ends_the_lease)
{
    ck_assert_ends(change_enabled);
}
END_TEST

START_TEST(withdrawn_grant_ends_the_lease)
{
    ck_assert_ends(change_grant);
}
END_TEST

START_TEST(disabled_principal_ends_the_lease)
{
    ck_assert_ends(change_principal);
}
END_TEST

/* By whatever way: what alice was granted is not for who has her certificate now. */
static void change_owner(void)
{
    struct caller bob = fixture_caller("bob", ROLE_DEVICE, 2);
    size_t count;

    ck_assert_int_eq(principal_end(&fixture.access, &alice.principal, &count), REASON_NONE);
    ck_assert_int_eq(principal_add_certificate(&fixture.access, &bob.principal, &alice.certificate),
                     REASON_NONE);
}

START_TEST(certificate_that_became_anothers_ends_the_lease)
{
    ck_assert_ends(change_owner);
}
END_TEST

START_TEST(revoked_certificate_ends_the_lease)
{
    ck_assert_ends(change_certificate);
}
END_TEST

START_TEST(tampered_token_ends_the_lease)
{
    ck_assert_ends(change_row_without_mac);
}
END_TEST

START_TEST(store_is_not_asked_before_it_is_due)
{
    struct lease *lease = add(1, NOW_MS);

    change_lock();
    ck_assert_int_eq(recheck(lease, NOW_MS + config.recheck_ms - 1), REASON_NONE);
    ck_assert_int_eq(recheck(lease, NOW_MS + config.recheck_ms), REASON_UNLOCK_REQUIRED);
}
END_TEST

START_TEST(silence_is_borne_for_a_while_and_asked_into_only_when_due)
{
    struct lease *lease = add(1, NOW_MS);
    unsigned calls;

    fixture_break_hsm();
    ck_assert_int_eq(recheck(lease, NOW_MS + config.recheck_ms), REASON_NONE);
    calls = fixture.hsm.calls;
    ck_assert_int_eq(recheck(lease, NOW_MS + config.recheck_ms + 1), REASON_NONE);
    ck_assert_uint_eq(fixture.hsm.calls, calls);
    ck_assert_int_eq(recheck(lease, NOW_MS + config.storeless_ms - 1), REASON_NONE);
    ck_assert_int_eq(recheck(lease, NOW_MS + config.storeless_ms), REASON_UNLOCK_REQUIRED);
}
END_TEST

START_TEST(silence_that_ends_in_time_is_forgotten)
{
    struct lease *lease = add(1, NOW_MS);

    fixture_break_hsm();
    ck_assert_int_eq(recheck(lease, NOW_MS + 50000), REASON_NONE);
    fixture.hsm.failure = CKR_OK;
    ck_assert_int_eq(recheck(lease, NOW_MS + 59000), REASON_NONE);
    fixture_break_hsm();
    ck_assert_int_eq(recheck(lease, NOW_MS + 110000), REASON_NONE);
}
END_TEST

/* Somebody waits for the store in the middle of a call: a lease may be looked at afterwards. */
START_TEST(held_lease_that_is_removed_is_over_and_goes_later)
{
    struct lease *lease = add(1, NOW_MS);

    leases_hold(leases, true);
    leases_remove(leases, lease);
    ck_assert_ptr_null(find(1, NOW_MS));
    ck_assert_uint_eq(leases_count(leases), 1);
    leases_hold(leases, false);
    leases_sweep(leases, NOW_MS, 0);
    ck_assert_uint_eq(leases_count(leases), 0);
}
END_TEST

START_TEST(held_lease_is_not_rechecked_and_ends_with_the_silence)
{
    struct lease *lease = add(1, NOW_MS);

    change_lock();
    leases_hold(leases, true);
    ck_assert_int_eq(recheck(lease, NOW_MS + config.recheck_ms), REASON_NONE);
    ck_assert_int_eq(recheck(lease, NOW_MS + config.storeless_ms), REASON_UNLOCK_REQUIRED);
    leases_hold(leases, false);
    ck_assert_ptr_null(find(1, NOW_MS + config.storeless_ms));
}
END_TEST

START_TEST(clock_set_back_ends_held_leases_afterwards)
{
    add(1, NOW_MS);
    ck_assert_ptr_nonnull(find(1, NOW_MS));
    leases_hold(leases, true);
    ck_assert_ptr_nonnull(find(1, NOW_MS - 3600000));
    leases_hold(leases, false);
    ck_assert_ptr_null(find(1, NOW_MS - 3600000));
}
END_TEST

SUITE_WITH_FIXTURE("leases", setup, teardown, lease_is_found_by_its_id_only, removed_lease_is_closed_and_gone,
                   id_that_is_taken_is_refused_and_the_lease_stays_the_callers,
                   least_recently_used_makes_room, token_with_its_share_of_the_places_makes_room_for_itself,
                   finding_without_proof_is_no_use, freeing_closes_every_lease, table_without_room_is_refused,
                   random_comings_and_goings_keep_the_table_whole, idle_lease_ends,
                   used_lease_ends_with_its_life, lease_ends_with_its_certificate,
                   clock_that_is_set_back_ends_every_lease, sweep_ends_what_is_over_and_all_of_one_token,
                   unchanged_token_goes_on, new_snapshot_logs_nobody_out, smaller_grant_goes_on_with_less,
                   changed_pin_ends_the_lease, locked_token_ends_the_lease, disabled_token_ends_the_lease,
                   withdrawn_grant_ends_the_lease, disabled_principal_ends_the_lease,
                   revoked_certificate_ends_the_lease, certificate_that_became_anothers_ends_the_lease,
                   tampered_token_ends_the_lease, store_is_not_asked_before_it_is_due,
                   silence_is_borne_for_a_while_and_asked_into_only_when_due,
                   silence_that_ends_in_time_is_forgotten, held_lease_that_is_removed_is_over_and_goes_later,
                   held_lease_is_not_rechecked_and_ends_with_the_silence,
                   clock_set_back_ends_held_leases_afterwards);
