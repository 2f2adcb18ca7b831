/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite.h - the main() of a test program: runs its cases with Check and prints TAP.
 *
 *     SUITE("session_table", closed_handle_is_refused, stale_handle_is_refused)
 *     SUITE_WITH_FIXTURE("store", setup, teardown, ...)     per case, in the case's own process
 *     SUITE_FOR_EACH("keys", setup, teardown, 2, ...)       and each case for _i = 0 and 1
 */
#pragma once

#include <check.h>
#include <stdlib.h>

#define SUITE(name, ...) SUITE_WITH_FIXTURE(name, NULL, NULL, __VA_ARGS__)

#define SUITE_WITH_FIXTURE(name, setup, teardown, ...) SUITE_FOR_EACH(name, setup, teardown, 1, __VA_ARGS__)

#define SUITE_FOR_EACH(name, setup, teardown, rounds, ...)                                                   \
    int main(void)                                                                                           \
    {                                                                                                        \
        const TTest *const cases[] = { __VA_ARGS__ };                                                        \
        Suite *suite = suite_create(name);                                                                   \
        TCase *tcase = tcase_create(name);                                                                   \
        SRunner *runner;                                                                                     \
        int failed;                                                                                          \
                                                                                                             \
        tcase_set_timeout(tcase, 120);                                                                       \
        tcase_add_checked_fixture(tcase, setup, teardown);                                                   \
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)                                        \
            tcase_add_loop_test(tcase, cases[i], 0, rounds);                                                 \
        suite_add_tcase(suite, tcase);                                                                       \
        runner = srunner_create(suite);                                                                      \
        srunner_set_tap(runner, "-");                                                                        \
        srunner_run_all(runner, CK_SILENT);                                                                  \
        failed = srunner_ntests_failed(runner);                                                              \
        srunner_free(runner);                                                                                \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                         \
    }                                                                                                        \
    struct suite_needs_a_semicolon
