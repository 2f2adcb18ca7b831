/* SPDX-License-Identifier: Apache-2.0 */
/* factor_rows.c - a token's factors: rows that are believed together, and the seed in one of them. */
#include "proxy/access/factor_rows.h"

#include "proxy/hsm/row_seal.h"

void factors_clear(struct factors *factors)
{
    factor_rows_free(factors->rows, factors->count);
    *factors = (struct factors){ 0 };
}

static enum reason factors_list(struct access *access, const struct token_row *token, struct factors *ret)
{
    return access_store_reason(store_factor_list(access->store, token->id, &ret->rows, &ret->count));
}

enum reason factors_load(struct access *access, const struct token_row *token, struct factors *ret)
{
    uint8_t digest[HASH_LEN];
    enum reason reason = factors_list(access, token, ret);

    if (reason == REASON_NONE)
        reason = row_digest_factors(ret->rows, ret->count, digest);
    if (reason == REASON_NONE && !bytes_equal(BYTES_OF_ARRAY(digest), BYTES_OF_ARRAY(token->factors)))
        reason = REASON_INTEGRITY;
    return reason;
}

/*
 * The token's row and its factors are two reads, between which another may write: what does not fit is read once more.
 * The change that follows is made on what a transaction reads.
 */
enum reason factors_peek(struct access *access, const struct token_row *token, struct factors *ret)
{
    struct token_row now;
    enum reason reason = factors_load(access, token, ret);

    if (reason != REASON_INTEGRITY)
        return reason;
    factors_clear(ret);
    reason = token_reload(access, token->id, &now);
    return reason == REASON_NONE ? factors_load(access, &now, ret) : reason;
}

struct factor_row *factors_find(const struct factors *factors, enum second_factor kind)
{
    for (size_t i = 0; i < factors->count; i++)
        if (factors->rows[i].kind == kind)
            return &factors->rows[i];
    return NULL;
}

enum reason factors_bind(struct access *access, struct token_row *token)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason = factors_list(access, token, &factors);

    return reason == REASON_NONE ? row_digest_factors(factors.rows, factors.count, token->factors) : reason;
}

enum reason factors_update(struct access *access, struct token_row *token, const struct factor_row *row)
{
    enum reason reason = access_store_reason(store_factor_update(access->store, row));

    return reason == REASON_NONE ? factors_bind(access, token) : reason;
}

/* -------------------------------------------------------------------------------------------------- seeds */

static struct context seed_context(const char *label, const struct access *access,
                                   const struct token_row *token, const struct factor_row *row)
{
    struct context context = context_of(label);

    context_text(&context, access->realm);
    context_text(&context, token->serial);
    context_number(&context, row->kind);
    context_bytes(&context, BYTES_OF_ARRAY(row->row_name));
    context_number(&context, row->kd_epoch);
    return context;
}

/* Its secret is public: a thief of the database lacks the HSM, and whoever has the HSM's login lacks nothing. */
enum reason factor_seed_seal(struct access *access, const struct token_row *token, struct bytes seed,
                             struct factor_row *row)
{
    CLEANUP(context_clear) struct context purpose = seed_context("privyseal v1 factor", access, token, row);
    CLEANUP(context_clear) struct context aad = seed_context("privyseal v1 factor row", access, token, row);
    struct row_seal seal = { row->kd_epoch, BYTES_OF_ARRAY(row->row_name), &purpose, &aad, row->nonce };

    return row_seal(access->hsm, &seal, seed, &row->sealed) == CKR_OK ? REASON_NONE : REASON_HSM;
}

static enum reason factor_seed_open(struct access *access, const struct token_row *token,
                                    const struct factor_row *row, struct secret **ret)
{
    CLEANUP(context_clear) struct context purpose = seed_context("privyseal v1 factor", access, token, row);
    CLEANUP(context_clear) struct context aad = seed_context("privyseal v1 factor row", access, token, row);
    struct row_seal seal = { row->kd_epoch, BYTES_OF_ARRAY(row->row_name), &purpose, &aad,
                             (uint8_t *)row->nonce };
    CK_RV rv = row_open(access->hsm, &seal, buffer_bytes(&row->sealed), ret);

    if (rv == CKR_ENCRYPTED_DATA_INVALID || (rv == CKR_OK && (*ret)->len != TOTP_SEED_LEN))
        return REASON_INTEGRITY;
    return rv == CKR_OK ? REASON_NONE : REASON_HSM;
}

enum reason factor_seed_renew(struct access *access, const struct token_row *token, struct factor_row *row)
{
    CLEANUP(secret_free) struct secret *seed = NULL;
    uint32_t newest = hsm_epoch_derive(access->hsm);
    enum reason reason;

    if (row->kd_epoch == newest)
        return REASON_NONE;
    reason = factor_seed_open(access, token, row, &seed);
    if (reason != REASON_NONE)
        return reason;
    row->kd_epoch = newest;
    row->sealed.len = 0;
    return factor_seed_seal(access, token, secret_bytes(seed), row);
}

enum reason factor_seed_step(struct access *access, const struct token_row *token,
                             const struct factor_row *row, struct bytes code, int64_t now_ms, uint64_t *ret)
{
    CLEANUP(secret_free) struct secret *seed = NULL;
    enum reason reason = factor_seed_open(access, token, row, &seed);

    if (reason != REASON_NONE)
        return reason;
    return totp_find_step(secret_bytes(seed), code, now_ms, access->factor_window, row->last_step, ret) < 0
               ? REASON_INTERNAL
               : REASON_NONE;
}
