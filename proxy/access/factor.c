/* SPDX-License-Identifier: Apache-2.0 */
/* factor.c - a token's factor rows believed, codes checked, what they use up written. */
#include "proxy/access/factor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "proxy/access/access.h"
#include "proxy/hsm/row_seal.h"

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

/* --------------------------------------------------------------------------------------------------- rows */

struct factors {
    struct factor_row *rows;
    size_t count;
};

static void factors_clear(struct factors *factors)
{
    factor_rows_free(factors->rows, factors->count);
    *factors = (struct factors){ 0 };
}
DEFINE_CLEAR(factors_clear, struct factors);

static enum reason factors_list(struct access *access, const struct token_row *token, struct factors *ret)
{
    return access_store_reason(store_factor_list(access->store, token->id, &ret->rows, &ret->count));
}

/* Errors: REASON_INTEGRITY when they are not those that @token knows of. */
static enum reason factors_load(struct access *access, const struct token_row *token, struct factors *ret)
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
static enum reason factors_peek(struct access *access, const struct token_row *token, struct factors *ret)
{
    struct token_row now;
    enum reason reason = factors_load(access, token, ret);

    if (reason != REASON_INTEGRITY)
        return reason;
    factors_clear(ret);
    reason = token_reload(access, token->id, &now);
    return reason == REASON_NONE ? factors_load(access, &now, ret) : reason;
}

static struct factor_row *factors_find(const struct factors *factors, enum second_factor kind)
{
    for (size_t i = 0; i < factors->count; i++)
        if (factors->rows[i].kind == kind)
            return &factors->rows[i];
    return NULL;
}

/* Binds the rows as they are now to the token's. */
static enum reason factors_bind(struct access *access, struct token_row *token)
{
    CLEANUP(factors_clear) struct factors factors = { 0 };
    enum reason reason = factors_list(access, token, &factors);

    return reason == REASON_NONE ? row_digest_factors(factors.rows, factors.count, token->factors) : reason;
}

static enum reason factors_update(struct access *access, struct token_row *token,
                                  const struct factor_row *row)
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
static enum reason seal_seed(struct access *access, const struct token_row *token, struct bytes seed,
                             struct factor_row *row)
{
    CLEANUP(context_clear) struct context purpose = seed_context("privyseal v1 factor", access, token, row);
    CLEANUP(context_clear) struct context aad = seed_context("privyseal v1 factor row", access, token, row);
    struct row_seal seal = { row->kd_epoch, BYTES_OF_ARRAY(row->row_name), &purpose, &aad, row->nonce };

    return row_seal(access->hsm, &seal, seed, &row->sealed) == CKR_OK ? REASON_NONE : REASON_HSM;
}

static enum reason open_seed(struct access *access, const struct token_row *token,
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

/* Under the newest Kd, so that an epoch which is to end is not held by authenticators in use. */
static enum reason renew_seed(struct access *access, const struct token_row *token, struct factor_row *row)
{
    CLEANUP(secret_free) struct secret *seed = NULL;
    uint32_t newest = hsm_epoch_derive(access->hsm);
    enum reason reason;

    if (row->kd_epoch == newest)
        return REASON_NONE;
    reason = open_seed(access, token, row, &seed);
    if (reason != REASON_NONE)
        return reason;
    row->kd_epoch = newest;
    row->sealed.len = 0;
    return seal_seed(access, token, secret_bytes(seed), row);
}

/* -------------------------------------------------------------------------------------------------- codes */

static enum reason find_step(struct access *access, const struct token_row *token,
                             const struct factor_row *row, struct bytes code, int64_t now_ms, uint64_t *ret)
{
    CLEANUP(secret_free) struct secret *seed = NULL;
    enum reason reason = open_seed(access, token, row, &seed);

    if (reason != REASON_NONE)
        return reason;
    return totp_find_step(secret_bytes(seed), code, now_ms, access->factor_window, row->last_step, ret) < 0
               ? REASON_INTERNAL
               : REASON_NONE;
}

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
    enum reason reason = find_step(access, token, row, code, change->now_ms, &change->step);

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
    reason = seal_seed(access, &no_token, BYTES_OF_ARRAY(no_seed), &row);
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
    return row.sealed.failed ? REASON_INTERNAL : find_step(access, &no_token, &row, code, now_ms, &step);
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
    reason = renew_seed(access, token, row);
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

/* ---------------------------------------------------------------------------------------------- enrolment */

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
    reason = seal_seed(access, token, seed, &row);
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
    reason = find_step(access, token, row, code, now_ms, &step);
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
    reason = renew_seed(access, token, row);
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
