/* SPDX-License-Identifier: Apache-2.0 */
/* key_kind.h - the kinds of key a token may be asked to make, and which of them its custody can hold. */
#pragma once

#include "proto/failure.h"
#include "proxy/service/service.h"

/*
 * @usage: as it came. Errors: REASON_KEY_TYPE (unknown, or this custody cannot hold it), REASON_KEY_SIZE,
 * REASON_KEY_USAGE (keys of that type have no such use).
 */
MUST_CHECK enum reason key_kind_check(const struct service *service, enum token_custody custody,
                                      CK_KEY_TYPE type, unsigned bits, Privyseal__V1__KeyUsage usage);
/* Whether a token of this custody can hold keys of @type in any size. */
bool key_kind_is_held(const struct service *service, enum token_custody custody, CK_KEY_TYPE type);
