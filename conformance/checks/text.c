/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - texts of fixed size. */
#include <string.h>

#include "conformance/checks/text.h"

void expect_padded(struct check *check, const char *name, const CK_UTF8CHAR *text, size_t len)
{
    const CK_UTF8CHAR *nul = memchr(text, '\0', len);

    expect_true(check, !nul, "%s has a NUL at %zu of %zu", name, nul ? (size_t)(nul - text) : 0, len);
}
