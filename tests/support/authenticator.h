/* SPDX-License-Identifier: Apache-2.0 */
/* authenticator.h - the telephone of a user: six digits out of a seed. */
#pragma once

#include <check.h>
#include <liboath/oath.h>
#include <time.h>

#include "include/secret.h"

#define AUTHENTICATOR_STEP_S 30

/* The code of so many steps from now; good until the next call. */
static inline const char *authenticator_code(const struct secret *seed, int steps)
{
    static char code[8];

    ck_assert_int_eq(oath_hotp_generate((const char *)seed->data, seed->len,
                                        (uint64_t)(time(NULL) / AUTHENTICATOR_STEP_S + steps), 6, false,
                                        OATH_HOTP_DYNAMIC_TRUNCATION, code),
                     OATH_OK);
    return code;
}
