/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_proof.c - reserve, compare, authorise, settle.
 *
 * The comparison is with HMAC(Kcheck, row | S): it tells a wrong PIN from a broken HSM, and keeps a wrong S away from
 * an HSM that counts for itself.
 */
#include "proxy/service/pin_proof.h"

#include <errno.h>

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
    int r = store_access_get(service->access.store, token->id, ACCESS_PIN, ret);
    enum reason reason;

    if (r == -ENOENT)
        return REASON_INTEGRITY; /* the token's row, under its MAC, says that there is one */
    if (r < 0)
        return refusal_of_store(r);
    reason = row_check_access(&service->access, ret);
    if (reason != REASON_NONE)
        return reason;
    if (ret->version > token->pin_version)
        return REASON_PIN_CHANGED; /* just now, by another signer */
    if (ret->version < token->pin_version || ret->token_id != token->id)
        return REASON_INTEGRITY; /* a row that was once ours, put back */
    return REASON_NONE;
}

/* The check itself, between reservation and settlement: says in @ret_outcome what becomes of the attempt. */
static enum reason check_pin(struct service *service, const struct token_row *token, struct bytes s,
                             struct opened *ret, enum attempt_outcome *ret_outcome)
{
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    const struct custody_ops *custody = custody_kinds[token->custody];
    uint8_t value[HASH_LEN];
    enum reason reason;
    CK_RV rv;

    *ret_outcome = ATTEMPT_NOT_CHECKED;
    reason = load_row(service, token, &row);
    if (reason == REASON_NONE)
        reason = pin_check_value(&service->access, token, &row, s, value);
    if (reason != REASON_NONE)
        return reason;
    if (!secret_equal(BYTES_OF_ARRAY(value), BYTES_OF_ARRAY(row.check))) {
        *ret_outcome = ATTEMPT_WRONG;
        return REASON_PIN_INCORRECT;
    }
    rv = custody->authorise(service->custody[token->custody], token, &row, s, &ret->token);
    if (rv != CKR_OK)
        return refusal_of_rv(rv);
    ret->custody = custody;
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

    if (reason != REASON_NONE || outcome != ATTEMPT_WRONG)
        return reason != REASON_NONE ? reason : checked;
    call->failure.tries_left = tries_left;
    if (!call->token.locked)
        return checked;
    leases_sweep(service->leases, call->now_ms, call->token.id);
    notice_tell(service, call, "pin.locked", call->token.name);
    return REASON_PIN_LOCKED;
}

enum reason pin_proof_open(struct service *service, struct call *call, const struct pin_proof *proof,
                           struct opened *ret)
{
    CLEANUP(opened_clear) struct opened opened = { 0 };
    enum attempt_outcome outcome;
    struct attempt attempt;
    enum reason reason = check_uncounted(call, proof);

    if (reason != REASON_NONE)
        return reason;
    if (!service->custody[call->token.custody])
        return REASON_UNAVAILABLE; /* before the reservation: nothing here could check it */
    reason = attempt_reserve(&service->access, &call->token, &call->caller, call->now_ms, &attempt,
                             &call->failure);
    if (reason != REASON_NONE)
        return reason;
    reason = check_pin(service, &call->token, proof->s, &opened, &outcome);
    reason = settle(service, call, &attempt, outcome, reason);
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
