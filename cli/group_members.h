/* SPDX-License-Identifier: Apache-2.0 */
/* group_members.h - something done for every member of a group, page by page. */
#pragma once

#include "cli/cli.h"

typedef enum cli_exit member_fn(void *arg, const char *user);

/* Lists the members, then calls @each with one after another until one fails. Errors: those of the calls. */
MUST_CHECK enum cli_exit group_members_each(struct cli *cli, const char *group, member_fn *each, void *arg);
/* All names, as an array of strings; and the grants, if @ret_grants is not NULL. New references. */
MUST_CHECK enum cli_exit group_members_list(struct cli *cli, const char *group, json_t **ret_members,
                                            json_t **ret_grants);
