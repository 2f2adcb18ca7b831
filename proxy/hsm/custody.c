/* SPDX-License-Identifier: Apache-2.0 */
/* custody.c - the kinds of custody, by the number that stands in a token's row. */
#include "proxy/hsm/custody.h"

const struct custody_ops *const custody_kinds[2] = {
    [TOKEN_WRAPPED] = &custody_wrapped,
    [TOKEN_PARTITION] = &custody_partition,
};
