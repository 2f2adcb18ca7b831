/* SPDX-License-Identifier: Apache-2.0 */
/* factor.c - codes checked, and what they use up written. */
#include "proxy/access/factor.h"

#include <stdio.h>
#include <string.h>

#include "proxy/access/access.h"
#include "proxy/access/factor_rows.h"

enum second_factor factor_in_force(const struct token_row *token)
{
    return token->policy.second_factor != FACTOR_NONE ? token->policy.second_factor : token->factor;
}

bool factor_is_missing(const struct token_row *token)
{
    return token->policy.second_factor == FACTOR_TOTP && token->factor != FACTOR_TOTP;
}

bool factor_code_is_valid(struct bytes code)
{
    for (size_t i = 0; i < code.len; i++)
        if (code.data[i] < '0' || code.data[i] > '9')
            return false;
    return code.len >= FACTOR_CODE_MIN_LEN && code.len <= FACTOR_CODE_MAX_LEN;
}

/* -------------------------------------------------------------------------------------------------- codes */

/* HMAC(Kcheck, ...): of six digits it tells nothing without the HSM. The code is last, in a copy that is wiped. */
static enum reason code_mac(struct access *access, const struct token_row *token, int64_t principal_id,
                            struct bytes code, uint8_t ret[HASH_LEN])
{
    static const uint8_t place_of_code[FACTOR_CODE_MAX_LEN];
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 sent code");
    CLEANUP(secret_free) struct secret *secret = NULL;
    struct bytes input;

    context_text(&context, access->realm);
    context_text(&context, token->serial);
    context_number(&context, (uint64_t)principal_id);
    context_bytes(&context, BYTES(place_of_code, code.len));
    if (context_end(&context, &input) < 0 || secret_copy(input, &secret) < 0)
        return REASON_INTERNAL;
    memcpy(secret->data + secret->len - code.len, code.data, code.len);
    return hsm_mac(access->hsm, HSM_CHECK, PIN_KEY_EPOCH, secret_bytes(secret), ret) == CKR_OK ? REASON_NONE
                                                                                               : REASON_HSM;
}

static enum reason check_totp(struct access *access, const struct token_row *token,
                              const struct factor_row *row, struct bytes code, bool *ret_is_right,
                              struct factor_change *change)
{
    enum reason reason = factor_seed_step(access, token, row, code, change->now_ms, &change->step);

    change->event = FACTOR_USE_STEP;
    *ret_is_right = reason == REASON_NONE && row->confirmed && change->step > 0;
    return reason;
}

static enum reason check_sent(struct access *access, const struct token_row *token,
                              const struct factor_row *row, int64_t principal_id, struct bytes code,
                              bool *ret_is_right, struct factor_change *change)
{
    enum reason reason = code_mac(access, token, principal_id, code, change->code);

    change->event = FACTOR_USE_CODE;
    *ret_is_right = reason == REASON_NONE && change->now_ms < row->code_until_ms &&
                    secret_equal(BYTES_OF_ARRAY(change->code), BYTES_OF_ARRAY(row->code));
    return reason;
}

enum reason factor_check(struct access *access, const struct token_row *token, enum second_factor kind,
                         int64_t principal_id, struct bytes code, int64_t now_ms, bool *ret_is_right,
                         struct factor_change *ret_change)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason = factors_peek(access, token, &factors);
    const struct factor_row *row = factors_find(&factors, kind);

    *ret_is_right = false;
    *ret_change = (struct factor_change){ .now_ms = now_ms };
    if (reason != REASON_NONE || !row || !factor_code_is_valid(code))
        return reason;
    return kind == FACTOR_TOTP ? check_totp(access, token, row, code, ret_is_right, ret_change)
                               : check_sent(access, token, row, principal_id, code, ret_is_right, ret_change);
}

/* A token that is nobody's, for the seed that is nobody's. */
static const struct token_row no_token;

/* Made once, and anew under a new Kd; whoever is asked about, so that it tells nothing. */
static enum reason make_decoy(struct access *access)
{
    static const uint8_t no_seed[TOTP_SEED_LEN];
    struct factor_decoy *decoy = &access->factor_decoy;
    CLEANUP(factor_row_clear)
    struct factor_row row = { .kind = FACTOR_TOTP, .kd_epoch = hsm_epoch_derive(access->hsm) };
    enum reason reason;

    if (decoy->kd_epoch == row.kd_epoch)
        return REASON_NONE;
    reason = factor_seed_seal(access, &no_token, BYTES_OF_ARRAY(no_seed), &row);
    if (reason != REASON_NONE)
        return reason;
    if (row.sealed.failed || row.sealed.len != sizeof(decoy->sealed))
        return REASON_INTERNAL;
    memcpy(decoy->sealed, row.sealed.data, sizeof(decoy->sealed));
    memcpy(decoy->nonce, row.nonce, sizeof(decoy->nonce));
    decoy->kd_epoch = row.kd_epoch;
    return REASON_NONE;
}

static enum reason check_decoy(struct access *access, struct bytes code, int64_t now_ms)
{
    const struct factor_decoy *decoy = &access->factor_decoy;
    CLEANUP(factor_row_clear) struct factor_row row = { .kind = FACTOR_TOTP, .kd_epoch = decoy->kd_epoch };
    uint64_t step;

    memcpy(row.nonce, decoy->nonce, sizeof(row.nonce));
    buffer_append(&row.sealed, BYTES_OF_ARRAY(decoy->sealed));
    return row.sealed.failed ? REASON_INTERNAL
                             : factor_seed_step(access, &no_token, &row, code, now_ms, &step);
}

enum reason factor_check_alike(struct access *access, const struct token_row *token, struct bytes code,
                               int64_t now_ms, bool *ret_is_right, struct factor_change *ret_change)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason = make_decoy(access);
    const struct factor_row *row;

    *ret_is_right = false;
    *ret_change = (struct factor_change){ .now_ms = now_ms };
    if (reason == REASON_NONE)
        reason = factors_peek(access, token, &factors);
    if (reason != REASON_NONE)
        return reason;
    row = factors_find(&factors, FACTOR_TOTP);
    return row ? check_totp(access, token, row, code, ret_is_right, ret_change)
               : check_decoy(access, code, now_ms);
}

/* ------------------------------------------------------------------------------------------------ changes */

static enum reason use_step(struct access *access, struct token_row *token, const struct factors *factors,
                            const struct factor_change *change)
{
    struct factor_row *row = factors_find(factors, FACTOR_TOTP);
    enum reason reason;

    if (!row || !row->confirmed || change->step <= row->last_step)
        return REASON_PIN_INCORRECT;
    row->last_step = change->step;
    reason = factor_seed_renew(access, token, row);
    return reason == REASON_NONE ? factors_update(access, token, row) : reason;
}

static enum reason use_code(struct access *access, struct token_row *token, const struct factors *factors,
                            const struct factor_change *change)
{
    struct factor_row *row = factors_find(factors, FACTOR_SENT);

    if (!row || change->now_ms >= row->code_until_ms ||
        !secret_equal(BYTES_OF_ARRAY(change->code), BYTES_OF_ARRAY(row->code)))
        return REASON_PIN_INCORRECT;
    memset(row->code, 0, sizeof(row->code));
    row->code_until_ms = 0;
    return factors_update(access, token, row);
}

static enum reason note_sent(struct access *access, struct token_row *token, const struct factors *factors,
                             const struct factor_change *change)
{
    struct factor_row *row = factors_find(factors, FACTOR_SENT);
    struct factor_row new_row = { .token_id = token->id, .kind = FACTOR_SENT, .created_ms = change->now_ms };
    struct factor_row *target = row ? row : &new_row;
    enum reason reason;

    memcpy(target->code, change->code, sizeof(target->code));
    target->code_until_ms = change->now_ms + SENT_CODE_LIFE_MS;
    target->sent_ms = change->now_ms;
    if (row)
        return factors_update(access, token, row);
    reason = access_store_reason(store_factor_insert(access->store, &new_row));
    return reason == REASON_NONE ? factors_bind(access, token) : reason;
}

static enum reason (*const changes[])(struct access *access, struct token_row *token,
                                      const struct factors *factors, const struct factor_change *change) = {
    [FACTOR_USE_STEP] = use_step,
    [FACTOR_USE_CODE] = use_code,
    [FACTOR_SEND] = note_sent,
};

enum reason factor_apply(struct access *access, struct token_row *token, const struct factor_change *change)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason;

    if (change->event == FACTOR_NO_CHANGE)
        return REASON_NONE;
    reason = factors_load(access, token, &factors);
    return reason == REASON_NONE ? changes[change->event](access, token, &factors, change) : reason;
}

/* --------------------------------------------------------------------------------------------- sent codes */

enum reason factor_send_wait(struct access *access, const struct token_row *token, int64_t now_ms,
                             uint32_t *ret_wait_ms)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason = factors_peek(access, token, &factors);
    const struct factor_row *row = factors_find(&factors, FACTOR_SENT);
    int64_t left_ms = row ? row->sent_ms + SENT_CODE_PAUSE_MS - now_ms : 0;

    /* A clock elsewhere may be ahead. */
    *ret_wait_ms = left_ms <= 0 ? 0 : left_ms < SENT_CODE_PAUSE_MS ? (uint32_t)left_ms : SENT_CODE_PAUSE_MS;
    return reason;
}

enum reason factor_new_code(struct access *access, const struct token_row *token, int64_t principal_id,
                            int64_t now_ms, char ret_code[SENT_CODE_DIGITS + 1],
                            struct factor_change *ret_change)
{
    uint64_t random; /* so wide that no code is likelier than another by more than 1 in 10^13 */

    _Static_assert(SENT_CODE_DIGITS == 6, "the number below has as many digits");
    if (hsm_random(access->hsm, (uint8_t *)&random, sizeof(random)) != CKR_OK)
        return REASON_HSM;
    snprintf(ret_code, SENT_CODE_DIGITS + 1, "%06u", (unsigned)(random % 1000000));
    secret_wipe(&random, sizeof(random));
    *ret_change = (struct factor_change){ .event = FACTOR_SEND, .now_ms = now_ms };
    return code_mac(access, token, principal_id, BYTES(ret_code, SENT_CODE_DIGITS), ret_change->code);
}
