/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p11check MODULE [--token LABEL] [--pin PIN] - argument checks and calls out of order, for any PKCS#11 module.
 *
 * Prints TAP. A case that does not apply is skipped with its reason. Exits with 0 if no case failed, 1 if one did,
 * 2 if it was called wrongly. It changes nothing on the token; it gives one wrong PIN, then the right one.
 */
#include <getopt.h>
#include <stdio.h>

#include "conformance/checks/cases.h"

enum { EXIT_PASSED, EXIT_FAILED, EXIT_USAGE };

static const struct check_case *const tables[] = {
    cases_load,   cases_interface, cases_every_call, cases_null,    cases_slot,    cases_session,
    cases_object, cases_profile,   cases_sign,       cases_message, cases_recover, cases_process,
};

static const struct option options[] = {
    { "token", required_argument, NULL, 't' },
    { "pin", required_argument, NULL, 'p' },
    { NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
    struct settings settings = { 0 };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't')
            settings.token = optarg;
        else if (option == 'p')
            settings.pin = optarg;
        else
            return EXIT_USAGE;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: p11check MODULE [--token LABEL] [--pin PIN]\n");
        return EXIT_USAGE;
    }
    settings.module = argv[optind];
    for (size_t i = 0; i < COUNT(tables); i++)
        for (const struct check_case *row = tables[i]; row->name; row++)
            check_run(&settings, row);
    cases_signature_run(&settings);
    return check_plan() ? EXIT_FAILED : EXIT_PASSED;
}
