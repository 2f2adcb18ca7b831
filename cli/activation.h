/* SPDX-License-Identifier: Apache-2.0 */
/* activation.h - an activation code on its way to a user, shown once. */
#pragma once

#include "cli/cli.h"
#include <jansson.h>

#include "proto/privyseal.pb-c.h"

enum cli_exit activation_print(struct cli *cli, const char *user,
                               const Privyseal__V1__AddUserResponse *reply);
/* "added"; NULL: none that we know. */
const char *activation_result_word(Privyseal__V1__NewUserResult result);
/* One of many, as a row {user, result, activation_code, good_until, why}. NULL: cannot be understood, out of memory. */
json_t *activation_row(const char *user, const Privyseal__V1__NewUserAnswer *answer);
/* Of all that @asked names. */
enum cli_exit activation_print_many(struct cli *cli, const Privyseal__V1__AddUsersRequest *asked,
                                    const Privyseal__V1__AddUsersResponse *reply);
/* And what was destroyed for it. */
enum cli_exit activation_print_reset(struct cli *cli, const char *user,
                                     const Privyseal__V1__ResetUserResponse *reply);
