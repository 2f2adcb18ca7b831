/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - texts of fixed size. PKCS#11 v3.1 3.1 (General information): padded with spaces, not ended with NUL. */
#pragma once

#include "conformance/checks/check.h"

/* Expects @text to be filled up with spaces, and to hold no NUL. */
void expect_padded(struct check *check, const char *name, const CK_UTF8CHAR *text, size_t len);
