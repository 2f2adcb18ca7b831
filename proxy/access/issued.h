/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issued.h - what this deployment's authorities issued and revoked: written once, believed by two bonds.
 *
 * Each certificate's row has a MAC of its own, so none can be made up. An authority's row holds the digest of all its
 * revoked ones under its MAC, and a sequence that this signer remembers: so no revocation is undone by putting an old
 * row back or by removing one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

/* RFC 5280 5.3.1 (Reason Code). */
enum crl_reason {
    CRL_UNSPECIFIED = 0,
    CRL_KEY_COMPROMISE = 1,
    CRL_AFFILIATION_CHANGED = 3,
    CRL_SUPERSEDED = 4,
    CRL_CESSATION = 5,
    CRL_HOLD = 6,            /* the only one that can be taken back */
    CRL_REMOVE_FROM_CRL = 8, /* takes it back */
    CRL_PRIVILEGE_WITHDRAWN = 9,
};

/* The word for it, as openssl(1) has it: "keyCompromise"; NULL: there is no such reason here. */
const char *crl_reason_word(enum crl_reason reason);
/* Errors: -ENOENT. */
MUST_CHECK int crl_reason_of_word(const char *word, enum crl_reason *ret);

/*
 * An authority's row, believed; made when there is none and nothing was ever issued by it.
 * Errors of all below: REASON_INTEGRITY, REASON_STORE, REASON_BUSY, REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason authority_load(struct access *access, enum authority authority,
                                      struct authority_row *ret);
/* sequence + 1, MAC, compare-and-set. On failure @row is as it was. */
MUST_CHECK enum reason authority_save(struct access *access, struct authority_row *row);
/* Outside of a transaction: from now on an older row is refused. */
MUST_CHECK enum reason authority_remember(struct access *access, const struct authority_row *row);

/* Makes the MAC and writes the row; @row->id is set. */
MUST_CHECK enum reason issued_insert(struct access *access, struct issued_row *row);
/* Errors besides: REASON_NOT_FOUND. */
MUST_CHECK enum reason issued_load(struct access *access, const uint8_t serial[ISSUED_SERIAL_LEN],
                                   struct issued_row *ret);
/* Makes the MAC and writes what may change without being a revocation: notice_days. */
MUST_CHECK enum reason issued_save(struct access *access, struct issued_row *row);

/* What an authority has revoked and what has not expired meanwhile, as @row binds it. @ret_rows: malloc'd array. */
MUST_CHECK enum reason issued_revoked(struct access *access, const struct authority_row *row,
                                      struct issued_row **ret_rows, size_t *ret_count);

/*
 * Inside the caller's transaction: gives those of @rows that are of @authority, have not expired and can take it the
 * reason @reason, in one change of the authority's row. A certificate that is on hold takes every reason, one that is
 * revoked for good none; CRL_REMOVE_FROM_CRL is for those on hold. @ret_changed: how many changed.
 */
MUST_CHECK enum reason issued_revoke(struct access *access, enum authority authority, struct issued_row *rows,
                                     size_t count, enum crl_reason reason, int64_t now_ms,
                                     size_t *ret_changed);
