/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_mac.h - who writes the database does not decide: rows that matter are under Krow.
 *
 * MAC = HMAC(Krow, context("privyseal v1 row KIND", realm, every field of the row in the order of its struct)).
 * Left out are mac itself and the ids that no other row goes by. (A token, a principal and a group are named in other
 * rows by theirs: one that took another's would have what is the other's. The backend assigns it, so such a row is
 * inserted first and gets its MAC with the first save, in the same transaction.) A row does not name its Krow epoch: it
 * is made under the newest and checked under the newest first, then under those before it.
 */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

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
