/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - news that wait for their delivery, a file each, so that they survive whatever happens to the process.
 *
 * A file's name is its number; numbers grow with the time of arrival (microseconds since 1970), so they are in order
 * and tell the age, over restarts too.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "include/secret.h"

/* Takes the numbers of what a former process left, lowest first. */
typedef int spool_visit(void *argument, uint64_t number);

/* Opens the directory @path and visits what is in it. Errors: -errno, or what @visit returned. */
MUST_CHECK int spool_open(const char *path, spool_visit *visit, void *argument, int *ret);
/* Writes @message durably under @number. Errors: -errno: nothing is left behind. */
MUST_CHECK int spool_write(int spool, uint64_t number, struct bytes message);
/* Errors: -errno, -EFBIG (longer than any message). */
MUST_CHECK int spool_read(int spool, uint64_t number, struct secret **ret);
void spool_remove(int spool, uint64_t number);
