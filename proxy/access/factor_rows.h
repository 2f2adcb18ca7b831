/* SPDX-License-Identifier: Apache-2.0 */
/* factor_rows.h - the rows of a token's factors, which its own row binds by a digest. For factor.c and factor_enrolment.c. */
#pragma once

#include "proxy/access/access.h"

struct factors {
    struct factor_row *rows;
    size_t count;
};

void factors_clear(struct factors *factors);
DEFINE_CLEAR(factors_clear, struct factors);

/* Errors: REASON_INTEGRITY when they are not those that @token knows of. */
MUST_CHECK enum reason factors_load(struct access *access, const struct token_row *token,
                                    struct factors *ret);
/* For who only looks. Errors: as above. */
MUST_CHECK enum reason factors_peek(struct access *access, const struct token_row *token,
                                    struct factors *ret);
/* NULL: there is none of that kind. */
struct factor_row *factors_find(const struct factors *factors, enum second_factor kind);
/* Binds the rows as they are now to the token's. */
MUST_CHECK enum reason factors_bind(struct access *access, struct token_row *token);
/* Writes @row, and binds. */
MUST_CHECK enum reason factors_update(struct access *access, struct token_row *token,
                                      const struct factor_row *row);

/* Fills row->sealed; its name and epoch are set. */
MUST_CHECK enum reason factor_seed_seal(struct access *access, const struct token_row *token,
                                        struct bytes seed, struct factor_row *row);
/* Under the newest Kd, so that an epoch which is to end is not held by authenticators in use. */
MUST_CHECK enum reason factor_seed_renew(struct access *access, const struct token_row *token,
                                         struct factor_row *row);
/* The step whose code @code is, later than row->last_step; 0: none's. */
MUST_CHECK enum reason factor_seed_step(struct access *access, const struct token_row *token,
                                        const struct factor_row *row, struct bytes code, int64_t now_ms,
                                        uint64_t *ret);
