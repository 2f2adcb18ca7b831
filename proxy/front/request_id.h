/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_id.h - names of requests, which nobody can guess and no two share.
 *
 * Random, but no secret. Drawn many at a time, since each draw has OpenSSL ask the kernel whether it is still the
 * same process.
 */
#pragma once

#include <stdint.h>

#include "include/cleanup.h"
#include "proto/limits.h"

#define REQUEST_IDS_AT_ONCE 64

struct request_ids {
    uint8_t random[REQUEST_IDS_AT_ONCE][REQUEST_ID_LEN / 2];
    unsigned left;
};

/* Errors: -EIO (there is no randomness). */
MUST_CHECK int request_id_make(struct request_ids *ids, char ret[REQUEST_ID_LEN + 1]);
