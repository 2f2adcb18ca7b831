/* SPDX-License-Identifier: Apache-2.0 */
/* device_secret.h - 32 random bytes that stay on a user's devices, in a file that only the user reads. */
#pragma once

#include "include/secret.h"

/* Errors: -errno, -EBADMSG (not DEVICE_SECRET_LEN bytes). */
MUST_CHECK int device_secret_load(const char *path, struct secret **ret);
/* In a new file of mode 0600. Errors: -EEXIST, -errno. */
MUST_CHECK int device_secret_save(const char *path, const struct secret *secret);
/* A new one in a new file of mode 0600. Errors: -EEXIST, -errno. */
MUST_CHECK int device_secret_make(const char *path, struct secret **ret);
