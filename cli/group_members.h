/* SPDX-License-Identifier: Apache-2.0 */
/* group_members.h - the members of a group, page by page. */
#pragma once

#include "cli/cli.h"

/* All names, as an array of strings; and the grants, if @ret_grants is not NULL. New references. */
MUST_CHECK enum cli_exit group_members_list(struct cli *cli, const char *group, json_t **ret_members,
                                            json_t **ret_grants);
