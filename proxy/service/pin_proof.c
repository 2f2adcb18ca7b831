/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_proof.c - reserve, compare, authorise, settle.
 *
 * The comparison is with HMAC(Kcheck, row | S): it tells a wrong PIN from a broken HSM, and keeps a wrong S away from
 * an HSM that counts for itself.
 */
#include "proxy/service/pin_proof.h"

#include "proxy/service/factor_way.h"
#include "proxy/service/notice.h"
#include "proxy/service/random.h"
#include "proxy/service/refusal.h"

void opened_clear(struct opened *opened)
{
    if (opened->token)
        opened->custody->close(opened->token);
    *opened = (struct opened){ 0 };
}

enum reason pin_check_certificate(const struct call *call, struct bytes certificate_hash)
{
    if (certificate_hash.len != HASH_LEN)
        return REASON_MALFORMED;
    return bytes_equal(certificate_hash, BYTES_OF_ARRAY(call->caller.certificate_hash))
               ? REASON_NONE
               : REASON_NOT_PERMITTED;
}

/* What is known without an attempt costs none. */
static enum reason check_uncounted(const struct call *call, const struct pin_proof *proof)
{
    enum reason reason = pin_check_certificate(call, proof->certificate_hash);

    if (reason != REASON_NONE)
        return reason;
    if (proof->s.len != STRETCHED_PIN_LEN)
        return REASON_MALFORMED;
    if (call->token.pin_version == 0)
        return REASON_PIN_NOT_SET;
    if (call->token.locked)
        return REASON_PIN_LOCKED;
    return proof->pin_version == call->token.pin_version ? REASON_NONE : REASON_PIN_CHANGED;
}

static enum reason load_row(struct service *service, const struct token_row *token, struct access_row *ret)
{
    enum reason reason = row_load_access(&service->access, token->id, ACCESS_PIN, ret);

    if (reason == REASON_NOT_FOUND)
        return REASON_INTEGRITY; /* the token's row, under its MAC, says that there is one */
    if (reason != REASON_NONE)
        return reason;
    if (ret->version > token->pin_version)
        return REASON_PIN_CHANGED; /* just now, by another signer */
    return ret->version < token->pin_version ? REASON_INTEGRITY : REASON_NONE; /* once ours, put back */
}

/* @ret_row: the token's PIN row, the caller's to clear. */
static enum reason compare_pin(struct service *service, const struct token_row *token, struct bytes s,
                               struct access_row *ret_row, bool *ret_is_right)
{
    uint8_t value[HASH_LEN];
    enum reason reason = load_row(service, token, ret_row);

    if (reason == REASON_NONE)
        reason = pin_check_value(&service->access, token, ret_row, s, value);
    *ret_is_right =
        reason == REASON_NONE && secret_equal(BYTES_OF_ARRAY(value), BYTES_OF_ARRAY(ret_row->check));
    return reason;
}

/* Right where none is to be given now. */
static enum reason compare_code(struct service *service, const struct call *call,
                                const struct pin_proof *proof, const struct factor_way *way,
                                struct attempt *attempt, bool *ret_is_right)
{
    *ret_is_right = true;
    if (way->kind != FACTOR_WAY_CODE)
        return REASON_NONE;
    return factor_check(&service->access, &call->token, way->factor, call->caller.principal.id, proof->code,
                        call->now_ms, ret_is_right, &attempt->change);
}

/* A partition without a copy may have been left halfway by a change of PIN: the same change, again, mends that. */
static CK_RV authorise(const struct service *service, const struct token_row *token,
                       const struct access_row *row, const struct pin_proof *proof, struct opened *ret)
{
    struct custody *custody = service->custody[token->custody];
    const struct custody_ops *ops = custody_kinds[token->custody];
    CK_RV rv = ops->authorise(custody, token, row, proof->s, &ret->token);

    if (rv == CKR_PIN_INCORRECT && ops->resume && proof->next_s.len > 0) {
        rv = ops->resume(custody, token, proof->s, proof->next_s);
        if (rv == CKR_OK)
            rv = ops->authorise(custody, token, row, proof->s, &ret->token);
    }
    return rv;
}

/*
 * The check itself, between reservation and settlement: says in @ret_outcome what becomes of the attempt. The code is
 * looked at whether or not the PIN is right, and the HSM is asked to open something only when both are.
 */
static enum reason check_both(struct service *service, const struct call *call, const struct pin_proof *proof,
                              struct attempt *attempt, struct opened *ret, enum attempt_outcome *ret_outcome)
{
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    const struct token_row *token = &call->token;
    bool is_pin_right, is_code_right;
    enum reason reason;
    CK_RV rv;

    *ret_outcome = ATTEMPT_NOT_CHECKED;
    reason = compare_pin(service, token, proof->s, &row, &is_pin_right);
    if (reason == REASON_NONE)
        reason = compare_code(service, call, proof, &ret->way, attempt, &is_code_right);
    if (reason != REASON_NONE)
        return reason;
    if (!(is_pin_right & is_code_right)) {
        *ret_outcome = ATTEMPT_WRONG;
        return REASON_PIN_INCORRECT;
    }
    rv = authorise(service, token, &row, proof, ret);
    if (rv != CKR_OK)
        return refusal_of_rv(rv);
    ret->custody = custody_kinds[token->custody];
    *ret_outcome = ATTEMPT_RIGHT;
    return REASON_NONE;
}

/* A settlement that fails leaves the reservation, which will count; so nothing is opened, and nothing is told. */
static enum reason settle(struct service *service, struct call *call, const struct attempt *attempt,
                          enum attempt_outcome outcome, enum reason checked)
{
    uint32_t tries_left = 0;
    enum reason reason =
        attempt_settle(&service->access, &call->token, attempt, outcome, call->now_ms, &tries_left);

    if (reason == REASON_NONE)
        reason = checked;
    if (reason != REASON_PIN_INCORRECT && reason != REASON_CODE_SENT_IF_RIGHT)
        return reason;
    call->failure.tries_left = tries_left;
    if (!call->token.locked)
        return reason;
    leases_sweep(service->leases, call->now_ms, call->token.id);
    notice_tell(service, call, "pin.locked", call->token.name);
    return REASON_PIN_LOCKED;
}

static enum reason open_token(struct service *service, struct call *call, const struct pin_proof *proof,
                              struct opened *opened)
{
    enum attempt_outcome outcome;
    struct attempt attempt;
    enum reason reason = attempt_reserve(&service->access, &call->token, &call->caller, call->now_ms,
                                         &attempt, &call->failure);

    if (reason != REASON_NONE)
        return reason;
    reason = check_both(service, call, proof, &attempt, opened, &outcome);
    return settle(service, call, &attempt, outcome, reason);
}

/*
 * The PIN alone, where codes are sent: never opens anything. A code is made, stored and handed on in any case; one that
 * follows a wrong PIN is a message that the herald drops.
 */
static enum reason request_code(struct service *service, struct call *call, const struct pin_proof *proof)
{
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    struct access *access = &service->access;
    char code[SENT_CODE_DIGITS + 1] = "";
    bool is_pin_right = false;
    struct attempt attempt;
    enum reason reason =
        attempt_reserve_request(access, &call->token, &call->caller, call->now_ms, &attempt, &call->failure);

    if (reason != REASON_NONE)
        return reason;
    reason = compare_pin(service, &call->token, proof->s, &row, &is_pin_right);
    if (reason == REASON_NONE)
        reason = factor_new_code(access, &call->token, call->caller.principal.id, call->now_ms, code,
                                 &attempt.change);
    reason = settle(service, call, &attempt, reason == REASON_NONE ? ATTEMPT_ASKED : ATTEMPT_NOT_CHECKED,
                    reason == REASON_NONE ? REASON_CODE_SENT_IF_RIGHT : reason);
    if (reason == REASON_CODE_SENT_IF_RIGHT) {
        call->failure.retry_after_ms = SENT_CODE_PAUSE_MS;
        notice_send_code(service, call, code, is_pin_right);
    }
    secret_wipe(code, sizeof(code));
    return reason;
}

enum reason pin_proof_open(struct service *service, struct call *call, const struct pin_proof *proof,
                           struct opened *ret)
{
    CLEANUP(opened_clear) struct opened opened = { 0 };
    enum reason reason = check_uncounted(call, proof);

    if (reason == REASON_NONE)
        reason = factor_way_find(service, call, proof, &opened.way);
    if (reason != REASON_NONE)
        return reason;
    if (!service->custody[call->token.custody])
        return REASON_UNAVAILABLE; /* before the reservation: nothing here could check it */
    reason = opened.way.kind == FACTOR_WAY_REQUEST ? request_code(service, call, proof)
                                                   : open_token(service, call, proof, &opened);
    if (reason != REASON_NONE)
        return reason;
    *ret = opened;
    opened = (struct opened){ 0 };
    return REASON_NONE;
}

enum reason pin_row_name(struct service *service, const struct token_row *token, uint32_t version,
                         struct access_row *ret)
{
    *ret = (struct access_row){
        .token_id = token->id,
        .kind = ACCESS_PIN,
        .version = version,
        .kd_epoch = hsm_epoch_derive(service->access.hsm),
    };
    return random_fill(ret->row_name, sizeof(ret->row_name)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

enum reason pin_row_finish(struct service *service, const struct token_row *token, struct bytes s,
                           struct access_row *row)
{
    enum reason reason = pin_check_value(&service->access, token, row, s, row->check);

    return reason == REASON_NONE ? row_mac_access(&service->access, row) : reason;
}
