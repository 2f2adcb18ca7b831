/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user_file.h - a list of users to import: CSV with a line of column names, or JSON (an array of objects with the same).
 *
 * Columns: user (needed); custody (wrapped, partition); group (several with ; between them); hours (of the activation
 * code); and the settings of a policy (proto/token_policy.h). An empty field is one that was left out.
 */
#pragma once

#include "cli/cli.h"
#include "proto/limits.h"
#include "proto/policy.h"

#define POLICY_KEYS_MAX 16

struct new_user {
    char user[NAME_MAX_LEN + 1];
    Privyseal__V1__Custody custody;
    uint32_t hours; /* 0: the server's choice */
    char groups[GROUPS_PER_TOKEN_MAX][NAME_MAX_LEN + 1];
    size_t group_count;
    struct token_policy policy;
    const char *set[POLICY_KEYS_MAX]; /* which settings of it */
    size_t set_count;
    unsigned line; /* of a CSV file; of JSON its number in the array, from 1 */
};

struct user_file {
    struct new_user *users;
    size_t count, room;
};

void user_file_clear(struct user_file *file);
DEFINE_CLEAR(user_file_clear, struct user_file);
/* Reads all of @path and checks all of it; every fault is said, by its line. Errors: CLI_USAGE, CLI_REFUSED. */
MUST_CHECK enum cli_exit user_file_read(struct cli *cli, const char *path, struct user_file *ret);
