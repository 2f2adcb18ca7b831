/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h - the verbs of `privyseald --provision`, run from here: what only a process beside the HSM can do. */
#pragma once

#include "cli/cli.h"

/*
 * Runs `privyseald --config @config --provision @arguments` (ended by NULL) and reads the JSON object that it prints; its
 * standard error is ours. The program is the one --privyseald names, else one beside this program, else in PATH.
 */
MUST_CHECK enum cli_exit daemon_run(struct cli *cli, const char *config, const char *const *arguments,
                                    json_t **ret);
/* The daemon works in the state directory: @path as seen from anywhere. malloc'd; NULL: out of memory. */
char *daemon_path(const char *path);
/* ... of each path in a list with commas. */
char *daemon_paths(const char *list);
