/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shamir.h - a secret in N shares, any M of which give it back and M - 1 of which say nothing about it.
 *
 * Source: Shamir, How to share a secret, CACM 22 (1979): each byte is the value at 0 of a random polynomial of degree
 *         M - 1 over GF(256) (the field of AES, FIPS 197 4.2); share i holds its values at i, which is never 0.
 * Time:   depends on lengths and counts alone: no table is indexed and no branch taken by a secret.
 * A share that was altered gives another secret, not an error: whoever joins must be able to tell (a key that opens
 * nothing, a digest).
 */
#pragma once

#include "include/secret.h"

#define SHAMIR_SHARES_MAX 32

struct shamir_share {
    uint8_t index; /* from 1: the place of the polynomials that it holds */
    struct secret *data;
};

void shamir_share_clear(struct shamir_share *share);
void shamir_shares_clear(struct shamir_share *shares, size_t count);

/*
 * Fills @ret[0 .. count - 1], which the caller clears. Errors: -EINVAL (no secret, or not 1 <= threshold <= count <=
 * SHAMIR_SHARES_MAX), -ENOMEM, -EIO (no randomness).
 */
MUST_CHECK int shamir_split(struct bytes secret, unsigned threshold, unsigned count,
                            struct shamir_share *ret);
/* Joins exactly as many shares as the threshold was. Errors: -EINVAL (lengths differ, an index is 0 or there twice). */
MUST_CHECK int shamir_join(const struct shamir_share *shares, size_t count, struct secret **ret);
