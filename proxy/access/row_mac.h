/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_mac.h - who writes the database does not decide: rows that matter are under Krow.
 *
 * MAC = HMAC(Krow, context("privyseal v1 row KIND", realm, every field of the row in the order of its struct)).
 * Left out are mac itself and the ids that no other row goes by. (A token, a principal and a group are named in other
 * rows by theirs: one that took another's would have what is the other's. The backend assigns it, so such a row is
 * inserted first and gets its MAC with the first save, in the same transaction.) A row does not name its Krow epoch: it
 * is made under the newest and checked under the newest first, then under those before it.
 *
 * Rows that belong to another - attempts, grants, memberships and factors to a token, grants on it to a group,
 * certificates and requests to a principal - have no MAC: the other row holds a digest of all of them, under its
 * own. So none can be altered, added, removed or put back by itself, and
 * believing them costs no further call of the HSM.
 */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;
struct recovery;

/* Sets or checks @row->mac under Krow over every other field (and the realm). Errors: REASON_INTEGRITY, _HSM. */
MUST_CHECK enum reason row_mac_token(struct access *access, struct token_row *row);
MUST_CHECK enum reason row_check_token(struct access *access, const struct token_row *row);
MUST_CHECK enum reason row_mac_access(struct access *access, struct access_row *row);
MUST_CHECK enum reason row_check_access(struct access *access, const struct access_row *row);
MUST_CHECK enum reason row_mac_key(struct access *access, struct key_row *row);
MUST_CHECK enum reason row_check_key(struct access *access, const struct key_row *row);
MUST_CHECK enum reason row_mac_certificate(struct access *access, struct certificate_row *row);
MUST_CHECK enum reason row_check_certificate(struct access *access, const struct certificate_row *row);
MUST_CHECK enum reason row_mac_principal(struct access *access, struct principal_row *row);
MUST_CHECK enum reason row_check_principal(struct access *access, const struct principal_row *row);
MUST_CHECK enum reason row_mac_group(struct access *access, struct group_row *row);
MUST_CHECK enum reason row_check_group(struct access *access, const struct group_row *row);
MUST_CHECK enum reason row_mac_issued(struct access *access, struct issued_row *row);
MUST_CHECK enum reason row_check_issued(struct access *access, const struct issued_row *row);
MUST_CHECK enum reason row_mac_authority(struct access *access, struct authority_row *row);
MUST_CHECK enum reason row_check_authority(struct access *access, const struct authority_row *row);
MUST_CHECK enum reason row_mac_enrolment(struct access *access, struct enrolment_row *row);
MUST_CHECK enum reason row_check_enrolment(struct access *access, const struct enrolment_row *row);

/*
 * The digests that a token row holds of its attempts, grants, memberships and factors, a group's of the grants on it, and a
 * principal's of its certificate and request rows, all in
 * the order the store lists them: all zero for none, else SHA-256 of a context. Errors: REASON_INTERNAL.
 */
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
/* The digest that an authority's row holds of what it revoked. */
MUST_CHECK enum reason row_digest_revoked(const struct issued_row *rows, size_t count, uint8_t ret[HASH_LEN]);
MUST_CHECK enum reason row_digest_factors(const struct factor_row *rows, size_t count, uint8_t ret[HASH_LEN]);
