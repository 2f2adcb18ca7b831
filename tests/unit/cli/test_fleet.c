/* SPDX-License-Identifier: Apache-2.0 */
/* test_fleet.c - signers as they said of themselves, and what is told of their HSMs. */
#include <string.h>

#include "cli/fleet.h"
#include "include/table.h"
#include "tests/support/suite.h"

static Privyseal__V1__SeenSigner signers[8], *seen[8];
static Privyseal__V1__GetStatusResponse reply;

static void setup(void)
{
    privyseal__v1__get_status_response__init(&reply);
    reply.seen = seen;
}

static void teardown(void) {}

static Privyseal__V1__SeenSigner *add(const char *proxy, const char *hsm, Privyseal__V1__SignerState state)
{
    Privyseal__V1__SeenSigner *signer = &signers[reply.n_seen];

    privyseal__v1__seen_signer__init(signer);
    signer->proxy = (char *)proxy;
    signer->hsm = (char *)hsm;
    signer->state = state;
    signer->silent_s = 4;
    seen[reply.n_seen++] = signer;
    return signer;
}

/* "a/hsm serves 2/2; " for each row. */
static void rows_are(const char *expected)
{
    CLEANUP(json_decref) json_t *rows = fleet_rows(&reply);
    char text[512] = "";
    const json_t *row;
    size_t i, len = 0;

    json_array_foreach (rows, i, row) {
        json_int_t serving = json_integer_value(json_object_get(row, "serving")),
                   all = json_integer_value(json_object_get(row, "signers"));

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s/%s %s %d/%d; ",
                                json_read_text(row, "proxy"), json_read_text(row, "hsm"),
                                json_read_text(row, "state"), (int)serving, (int)all);
    }
    ck_assert_str_eq(text, expected);
}

START_TEST(signers_of_one_hsm_are_one_row)
{
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES);
    add("a", "hsm.b", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES);
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES);
    add("b", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES);
    rows_are("a/hsm serves 2/2; a/hsm.b serves 1/1; b/hsm serves 1/1; ");
}
END_TEST

START_TEST(one_signer_that_fails_is_seen_beside_those_that_serve)
{
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES);
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_FAILED)->note = (char *)"no such token";
    rows_are("a/hsm partly 1/2; ");
}
END_TEST

START_TEST(hsm_whose_signers_do_not_start_has_failed_and_says_why)
{
    CLEANUP(json_decref) json_t *rows = NULL;

    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_FAILED)->note = (char *)"lacks epoch 2 of Kx";
    rows_are("a/hsm failed 0/1; ");
    rows = fleet_rows(&reply);
    ck_assert_str_eq(json_read_text(json_array_get(rows, 0), "note"), "lacks epoch 2 of Kx");
    ck_assert_ptr_nonnull(fleet_advice(json_array_get(rows, 0)));
}
END_TEST

START_TEST(proxy_of_which_nothing_is_heard_is_silent)
{
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES)->silent_s = 60;
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES)->silent_s = 61;
    rows_are("a/hsm silent 0/2; ");
}
END_TEST

START_TEST(proxy_that_was_shut_down_has_left_and_needs_nothing)
{
    CLEANUP(json_decref) json_t *rows = NULL;

    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_LEFT)->silent_s = 6000;
    rows_are("a/hsm left 0/0; ");
    rows = fleet_rows(&reply);
    ck_assert_ptr_null(fleet_advice(json_array_get(rows, 0)));
}
END_TEST

START_TEST(signer_that_was_there_once_is_not_missed)
{
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES);
    add("a", "hsm", PRIVYSEAL__V1__SIGNER_STATE__SIGNER_LEFT)->silent_s = 6000;
    rows_are("a/hsm serves 1/1; ");
}
END_TEST

SUITE_WITH_FIXTURE("cli fleet", setup, teardown, signers_of_one_hsm_are_one_row,
                   one_signer_that_fails_is_seen_beside_those_that_serve,
                   hsm_whose_signers_do_not_start_has_failed_and_says_why,
                   proxy_of_which_nothing_is_heard_is_silent,
                   proxy_that_was_shut_down_has_left_and_needs_nothing,
                   signer_that_was_there_once_is_not_missed);
