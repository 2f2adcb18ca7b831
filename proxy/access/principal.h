/* SPDX-License-Identifier: Apache-2.0 */
/*
 * principal.h - a principal's row and its certificates read, believed and written.
 *
 * The row is to its certificates what a token's is to its attempts: it holds their digest under its MAC, and a
 * sequence that this signer remembers. So a role that was raised, a revocation that was undone, a certificate that
 * was added or moved from one principal to another, all spoil their principal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

/*
 * Reads a principal and checks its MAC and its age. Errors: REASON_NOT_FOUND, REASON_INTEGRITY, REASON_STORE,
 * REASON_BUSY, REASON_HSM.
 */
MUST_CHECK enum reason principal_load(struct access *access, const char *name, struct principal_row *ret);
/* The same, by a certificate of it. What the certificate is good for, principal_certificates() tells. */
MUST_CHECK enum reason principal_by_certificate(struct access *access, const uint8_t hash[HASH_LEN],
                                                struct principal_row *ret);
/*
 * The certificates of a principal that is believed: all are as they were registered, or it is REASON_INTEGRITY.
 * @ret_rows: malloc'd array. Errors besides: REASON_STORE, REASON_BUSY, REASON_INTERNAL.
 */
MUST_CHECK enum reason principal_certificates(struct access *access, const struct principal_row *row,
                                              struct principal_certificate_row **ret_rows, size_t *ret_count);

/* The writers below are called inside the transaction that needs them. */

/*
 * The principal of that (valid) name; with @may_add, made when there is none. One who is there already stays what it
 * is. Errors: those of principal_load().
 */
MUST_CHECK enum reason principal_find(struct access *access, const char *name, bool may_add, int64_t now_ms,
                                      struct principal_row *ret);
/* sequence + 1, MAC, compare-and-set. On failure @row is as it was. Errors: REASON_BUSY, REASON_STORE, REASON_HSM. */
MUST_CHECK enum reason principal_save(struct access *access, struct principal_row *row);
/*
 * Ends a principal: its certificates are forgotten and it is disabled. The row stays, since its sequence has to go on:
 * whoever is given that name next starts with nothing, and no older row comes back. @ret_count: of certificates.
 */
MUST_CHECK enum reason principal_end(struct access *access, struct principal_row *row, size_t *ret_count);
/*
 * Registers @certificate, whose principal_id is set here, and saves @row.
 * Errors: REASON_ALREADY_EXISTS (registered, to whomever), those of the functions above.
 */
MUST_CHECK enum reason principal_add_certificate(struct access *access, struct principal_row *row,
                                                 struct principal_certificate_row *certificate);
/* Writes what may change of @certificate, one of @row's, and saves @row. Errors: REASON_NOT_FOUND, as above. */
MUST_CHECK enum reason principal_change_certificate(struct access *access, struct principal_row *row,
                                                    const struct principal_certificate_row *certificate);
