/* SPDX-License-Identifier: Apache-2.0 */
/* store_config.h - the two lines of [store] in the daemon's configuration, changed in place. */
#pragma once

#include "include/cleanup.h"

/*
 * Writes @url and @successor (NULL: none) into the file at once, or not at all: whoever reads it sees the one or the other.
 * Everything else in it stays as it is. Errors: -errno.
 */
MUST_CHECK int store_config_write(const char *path, const char *url, const char *successor);
