/* SPDX-License-Identifier: Apache-2.0 */
/* granting.h - grants as operators see them. */
#pragma once

#include "proxy/service/service.h"

/* Those on a group that is believed, as they stand in messages. Errors: REASON_INTEGRITY, REASON_STORE, REASON_INTERNAL. */
MUST_CHECK enum reason grants_of_group(struct service *service, const struct group_row *group,
                                       size_t *ret_count, Privyseal__V1__GrantInfo ***ret);
