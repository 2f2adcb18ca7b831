/* SPDX-License-Identifier: Apache-2.0 */
/* test_init_args.c - every kind of caller that C_Initialize meets. */
#include "module/core/init_args.h"

#include "include/table.h"
#include "tests/support/suite.h"

static CK_RV create(void **mutex)
{
    *mutex = NULL;
    return CKR_OK;
}

static CK_RV use(void *mutex)
{
    (void)mutex;
    return CKR_OK;
}

START_TEST(null_is_legal)
{
    ck_assert_uint_eq(init_args_check(NULL), CKR_OK);
}
END_TEST

START_TEST(every_legal_set_is_taken)
{
    static char parameters[] = "configdir='/home/u'"; /* NSS's pReserved */
    const CK_C_INITIALIZE_ARGS sets[] = {
        { .flags = 0 },
        { .flags = CKF_OS_LOCKING_OK },                                      /* Java, libp11 */
        { .flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS }, /* NSS, GnuTLS */
        { create, use, use, use, 0, NULL },                                  /* callbacks only */
        { create, use, use, use, CKF_OS_LOCKING_OK, NULL },                  /* p11-kit */
        { .flags = CKF_OS_LOCKING_OK, .pReserved = parameters },
    };
    const CK_C_INITIALIZE_ARGS *set;

    for (EACH_ROW(set, sets))
        ck_assert_uint_eq(init_args_check(set), CKR_OK);
}
END_TEST

START_TEST(part_of_the_callbacks_is_refused)
{
    const CK_C_INITIALIZE_ARGS sets[] = {
        { create, NULL, NULL, NULL, 0, NULL },
        { NULL, use, use, use, 0, NULL },
        { create, use, use, NULL, CKF_OS_LOCKING_OK, NULL },
    };
    const CK_C_INITIALIZE_ARGS *set;

    for (EACH_ROW(set, sets))
        ck_assert_uint_eq(init_args_check(set), CKR_ARGUMENTS_BAD);
}
END_TEST

SUITE("init_args", null_is_legal, every_legal_set_is_taken, part_of_the_callbacks_is_refused);
