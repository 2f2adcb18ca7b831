/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_digest.h - rows that belong to another - attempts, grants, memberships and factors to a token, grants on it to a
 * group, certificates and requests to a principal, what was revoked to an authority - have no MAC: the other row holds a
 * digest of all of them, under its own (row_mac.h). So none can be altered, added, removed or put back by itself, and
 * believing them costs no further call of the HSM.
 *
 * A digest is all zeros for none, else SHA-256 of a context of all rows in the order the store lists them.
 * Errors: REASON_INTERNAL.
 */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct recovery;

MUST_CHECK enum reason row_digest_attempts(const struct attempt_row *rows, size_t count,
                                           uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_grants(const struct grant_row *rows, size_t count, uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_memberships(const struct member_row *rows, size_t count,
                                              uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_group_grants(const struct group_grant_row *rows, size_t count,
                                               uint8_t ret[HASH_LEN]);
/* Of all that @recovery holds but the bits. */
MUST_CHECK enum reason row_digest_recovery(const struct recovery *recovery, uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_certificates(const struct principal_certificate_row *rows, size_t count,
                                               uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_requests(const struct request_row *rows, size_t count,
                                           uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_revoked(const struct issued_row *rows, size_t count, uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_factors(const struct factor_row *rows, size_t count, uint8_t ret[HASH_LEN]);
