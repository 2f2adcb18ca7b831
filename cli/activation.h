/* SPDX-License-Identifier: Apache-2.0 */
/* activation.h - an activation code on its way to a user, shown once. */
#pragma once

#include "cli/cli.h"
#include "proto/privyseal.pb-c.h"

enum cli_exit activation_print(struct cli *cli, const char *user,
                               const Privyseal__V1__AddUserResponse *reply);
/* And what was destroyed for it. */
enum cli_exit activation_print_reset(struct cli *cli, const char *user,
                                     const Privyseal__V1__ResetUserResponse *reply);
