/* SPDX-License-Identifier: Apache-2.0 */
/* Errors across borders: nothing that failed ever looks like success, and no HSM error like a wrong PIN. */
#include <errno.h>

#include "proxy/service/refusal.h"
#include "tests/support/suite.h"

START_TEST(success_is_the_only_success)
{
    ck_assert_int_eq(refusal_of_rv(CKR_OK), REASON_NONE);
    ck_assert_int_eq(refusal_of_store(0), REASON_NONE);
    ck_assert_int_eq(refusal_of_errno(0), REASON_NONE);
    for (CK_RV rv = 1; rv < 0x300; rv++)
        ck_assert_int_ne(refusal_of_rv(rv), REASON_NONE);
    for (int error = 1; error < 200; error++) {
        ck_assert_int_ne(refusal_of_store(-error), REASON_NONE);
        ck_assert_int_ne(refusal_of_errno(-error), REASON_NONE);
    }
}
END_TEST

START_TEST(hsm_never_says_that_a_pin_is_wrong)
{
    for (CK_RV rv = 0; rv < 0x300; rv++) {
        enum reason reason = refusal_of_rv(rv);

        ck_assert_int_ne(reason, REASON_PIN_INCORRECT);
        ck_assert_int_eq(reason == REASON_PIN_LOCKED,
                         rv == CKR_PIN_LOCKED); /* a partition that locks itself */
    }
    ck_assert_int_eq(refusal_of_rv(CKR_PIN_INCORRECT), REASON_INTEGRITY);
}
END_TEST

START_TEST(busy_store_is_busy_and_a_broken_one_is_not)
{
    ck_assert_int_eq(refusal_of_store(-EAGAIN), REASON_BUSY);
    ck_assert_int_eq(refusal_of_store(-ESTALE), REASON_BUSY);
    ck_assert_int_eq(refusal_of_store(-EIO), REASON_STORE);
}
END_TEST

SUITE("refusal", success_is_the_only_success, hsm_never_says_that_a_pin_is_wrong,
      busy_store_is_busy_and_a_broken_one_is_not);
