/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_pool.h - small places for secrets, in pages that are set up once.
 *
 * A signature needs half a dozen short-lived secrets; a mapping for each costs five system calls, and a page of what
 * the host may lock. The pool's pages are locked, kept out of dumps and zeroed in a forked child for as long as the
 * process lives. Free places are zeros.
 *
 * Threads: any; no lock, so that a child forked at any moment can go on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/cleanup.h"

/* Pages with what a secret needs of them. Errors: -ENOMEM, -errno (a kernel that cannot keep them out of dumps). */
MUST_CHECK int secret_map_pages(size_t size, uint8_t **ret);
/* A zeroed place of at least @len bytes, @ret_capacity of them; NULL: none is free, or none is as large. */
uint8_t *secret_pool_take(size_t len, size_t *ret_capacity);
/* Wipes it and takes it back. False: not the pool's. */
bool secret_pool_give(uint8_t *place);
