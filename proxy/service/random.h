/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - random names and codes: from the operating system, as the HSM's generator is kept for keys. */
#pragma once

#include <errno.h>
#include <sys/random.h>

#include "include/bytes.h"

/* Errors: -EIO. At most 256 bytes, which getrandom() gives whole or not at all. getrandom(2). */
MUST_CHECK static inline int random_fill(uint8_t *data, size_t len)
{
    return getrandom(data, len, 0) == (ssize_t)len ? 0 : -EIO;
}
