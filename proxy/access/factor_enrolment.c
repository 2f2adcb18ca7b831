/* SPDX-License-Identifier: Apache-2.0 */
/* factor_enrolment.c - authenticators that come, are moved to another epoch, and go. */
#include <string.h>

#include "proxy/access/access.h"
#include "proxy/access/factor_rows.h"

static enum reason delete_kind(struct access *access, const struct token_row *token, enum second_factor kind)
{
    return access_store_reason(store_factor_delete(access->store, token->id, kind));
}

static enum reason insert_seed(struct access *access, struct token_row *token, struct bytes seed,
                               int64_t now_ms)
{
    CLEANUP(factor_row_clear)
    struct factor_row row = {
        .token_id = token->id,
        .kind = FACTOR_TOTP,
        .kd_epoch = hsm_epoch_derive(access->hsm),
        .created_ms = now_ms,
    };
    enum reason reason;

    if (hsm_random(access->hsm, row.row_name, sizeof(row.row_name)) != CKR_OK)
        return REASON_HSM;
    reason = factor_seed_seal(access, token, seed, &row);
    if (reason == REASON_NONE)
        reason = delete_kind(access, token, FACTOR_TOTP);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_factor_insert(access->store, &row));
    return reason == REASON_NONE ? factors_bind(access, token) : reason;
}

enum reason factor_enrol(struct access *access, struct token_row *token, int64_t now_ms,
                         struct secret **ret_seed)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    CLEANUP(secret_free) struct secret *seed = NULL;
    enum reason reason = factors_load(access, token, &factors);

    if (reason != REASON_NONE)
        return reason;
    if (token->factor == FACTOR_TOTP)
        return REASON_ALREADY_EXISTS;
    if (secret_new(TOTP_SEED_LEN, &seed) < 0)
        return REASON_INTERNAL;
    if (hsm_random(access->hsm, seed->data, seed->len) != CKR_OK)
        return REASON_HSM;
    reason = insert_seed(access, token, secret_bytes(seed), now_ms);
    if (reason == REASON_NONE)
        *ret_seed = TAKE(seed);
    return reason;
}

enum reason factor_confirm(struct access *access, struct token_row *token, struct bytes code, int64_t now_ms)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason = factors_load(access, token, &factors);
    struct factor_row *row = factors_find(&factors, FACTOR_TOTP);
    uint64_t step = 0;

    if (reason != REASON_NONE)
        return reason;
    if (!row || row->confirmed)
        return REASON_NOT_FOUND;
    if (!factor_code_is_valid(code))
        return REASON_PIN_INCORRECT;
    reason = factor_seed_step(access, token, row, code, now_ms, &step);
    if (reason == REASON_NONE && step == 0)
        reason = REASON_PIN_INCORRECT;
    if (reason != REASON_NONE)
        return reason;
    row->confirmed = true;
    row->last_step = step;
    token->factor = FACTOR_TOTP;
    token->factor_version++;
    return factors_update(access, token, row);
}

enum reason factor_renew(struct access *access, struct token_row *token, unsigned *changed)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason = factors_load(access, token, &factors);
    struct factor_row *row = factors_find(&factors, FACTOR_TOTP);

    if (reason != REASON_NONE || !row || row->kd_epoch == hsm_epoch_derive(access->hsm))
        return reason;
    ++*changed;
    reason = factor_seed_renew(access, token, row);
    return reason == REASON_NONE ? factors_update(access, token, row) : reason;
}

enum reason factor_remove(struct access *access, struct token_row *token)
{
    enum reason reason = REASON_NONE;

    for (enum second_factor kind = FACTOR_NONE + 1; reason == REASON_NONE && kind < FACTORS; kind++)
        reason = delete_kind(access, token, kind);
    if (reason != REASON_NONE)
        return reason;
    token->factor = FACTOR_NONE;
    token->factor_version++;
    memset(token->factors, 0, sizeof(token->factors));
    return REASON_NONE;
}
