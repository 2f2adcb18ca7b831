/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the service: every method is answered, named, and recorded as it should be. */
#include <string.h>

#include "proxy/service/roles.h"
#include "proxy/service/service.h"
#include "tests/support/suite.h"

START_TEST(every_method_has_a_handler_and_an_event_of_its_own)
{
    for (enum method_id id = 0; id < METHODS; id++) {
        ck_assert_ptr_nonnull(service_handler_of(id));
        ck_assert_ptr_nonnull(service_event(id));
        ck_assert_uint_gt(strlen(service_event(id)), 0);
        for (enum method_id other = 0; other < id; other++)
            ck_assert_str_ne(service_event(id), service_event(other));
    }
}
END_TEST

/* What only tells its user what is the user's, and alters nothing. */
static bool is_reading(enum method_id id)
{
    return id == METHOD_ListDevices || id == METHOD_ReadOwnRecords;
}

START_TEST(everything_proved_by_a_secret_is_recorded)
{
    for (enum method_id id = 0; id < METHODS; id++) {
        enum proof proof = method_by_id(id)->proof;

        if ((proof == PROOF_SEALED || proof == PROOF_SESSION) && !is_reading(id))
            ck_assert_msg(service_is_recorded(id, REASON_NONE), "%s", method_by_id(id)->name);
        ck_assert_msg(service_is_recorded(id, REASON_NOT_PERMITTED) == (proof != PROOF_PLAIN), "%s",
                      method_by_id(id)->name);
    }
}
END_TEST

START_TEST(guesses_are_recorded_and_routine_is_not)
{
    ck_assert(service_is_recorded(METHOD_Unlock, REASON_PIN_INCORRECT));
    ck_assert(service_is_recorded(METHOD_Unlock, REASON_PIN_LOCKED));
    ck_assert(service_is_recorded(METHOD_SetPin, REASON_CODE_INCORRECT));
    ck_assert(service_is_recorded(METHOD_Sign, REASON_REPLAY));
    ck_assert(!service_is_recorded(METHOD_Sign, REASON_UNLOCK_REQUIRED));
    ck_assert(!service_is_recorded(METHOD_Unlock, REASON_CHALLENGE_STALE));
    ck_assert(!service_is_recorded(METHOD_Unlock, REASON_BUSY));
}
END_TEST

START_TEST(altered_row_is_recorded_whoever_meets_it)
{
    for (enum method_id id = 0; id < METHODS; id++)
        ck_assert(service_is_recorded(id, REASON_INTEGRITY));
}
END_TEST

START_TEST(roles_go_to_words_and_back)
{
    for (enum role role = ROLE_NONE + 1; role < ROLES; role++)
        ck_assert_int_eq(role_of_word(role_word(role)), role);
    ck_assert_int_eq(role_of_word("emperor"), ROLE_NONE);
    ck_assert_int_eq(role_of_word(""), ROLE_NONE);
    ck_assert_int_eq(role_of_word(role_word(ROLE_NONE)), ROLE_NONE);
    ck_assert(!role_makes_principal(ROLE_DEVICE));
    ck_assert(role_makes_principal(ROLE_OPERATOR));
}
END_TEST

SUITE("handlers", every_method_has_a_handler_and_an_event_of_its_own,
      everything_proved_by_a_secret_is_recorded, guesses_are_recorded_and_routine_is_not,
      altered_row_is_recorded_whoever_meets_it, roles_go_to_words_and_back);
