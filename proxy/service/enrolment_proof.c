/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_proof.c - the kinds of proof, and the one road that all of them take.
 *
 * A code of 128 bits is not guessed. So who presents the right one is counted by the code, not by the name: strangers
 * who guess in somebody's name delay strangers, not the user who stands there with a code.
 */
#include "proxy/service/enrolment_proof.h"

#include <string.h>

#include "include/table.h"
#include "proxy/service/device_codes.h"

/* What a kind finds out. */
struct finding {
    bool is_right;
    bool is_beyond_guessing;   /* right, and nobody comes upon it by trying */
    uint8_t counter[HASH_LEN]; /* by which it is counted then */
};

struct proof_kind {
    Privyseal__V1__EnrolmentProof kind;
    bool (*is_taken)(const struct enrolment_config *config);
    /* Makes the same calls whatever it finds. */
    enum reason (*check)(struct service *service, const struct enrolment_subject *subject,
                         struct bytes evidence, int64_t now_ms, struct finding *ret);
    void (*use_up)(struct principal_row *principal); /* NULL: nothing to do */
};

static bool is_pin_alone(const struct enrolment_config *config)
{
    return config->is_pin_alone;
}

static enum reason check_nothing(struct service *service, const struct enrolment_subject *subject,
                                 struct bytes evidence, int64_t now_ms, struct finding *ret)
{
    (void)service;
    (void)subject;
    (void)now_ms;
    ret->is_right = evidence.len == 0;
    return REASON_NONE;
}

static bool is_always_taken(const struct enrolment_config *config)
{
    (void)config;
    return true;
}

static enum reason check_code(struct service *service, const struct enrolment_subject *subject,
                              struct bytes evidence, int64_t now_ms, struct finding *ret)
{
    enum reason reason = device_code_check(service, &subject->principal, evidence, now_ms, &ret->is_right);

    memcpy(ret->counter, subject->principal.device_code, HASH_LEN);
    ret->is_beyond_guessing = ret->is_right;
    return reason;
}

static const struct proof_kind proof_kinds[] = {
    { PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE, is_pin_alone, check_nothing, NULL },
    { PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE, is_always_taken, check_code, device_code_forget },
};

static const struct proof_kind *find_kind(Privyseal__V1__EnrolmentProof kind)
{
    const struct proof_kind *row;

    for (EACH_ROW(row, proof_kinds))
        if (row->kind == kind)
            return row;
    return NULL;
}

/* The name's counter, whoever's name it is. */
static enum reason counter_of_name(struct service *service, const char *user, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 enrolment attempts");

    context_text(&context, service->config->realm);
    context_text(&context, user);
    return access_mac(&service->access, HSM_CHECK, PIN_KEY_EPOCH, &context, ret);
}

static enum reason check_pin(struct service *service, const struct enrolment_claim *claim,
                             const struct enrolment_subject *subject, bool *ret_is_right)
{
    uint8_t value[HASH_LEN];
    enum reason reason = pin_check_value(&service->access, &subject->token, &subject->pin, claim->s, value);

    *ret_is_right = reason == REASON_NONE &&
                    secret_equal(BYTES_OF_ARRAY(value), BYTES_OF_ARRAY(subject->pin.check)) &&
                    claim->pin_version == subject->token.pin_version;
    return reason;
}

static enum reason count_attempt(struct service *service, struct call *call, const char *user,
                                 const struct finding *finding, struct enrolment_attempt *ret)
{
    uint8_t counter[HASH_LEN];
    enum reason reason = counter_of_name(service, user, counter);

    if (reason != REASON_NONE)
        return reason;
    return enrolment_attempt_take(&service->access, finding->is_beyond_guessing ? finding->counter : counter,
                                  call->now_ms, ret, &call->failure);
}

enum reason enrolment_prove(struct service *service, struct call *call, const struct enrolment_claim *claim,
                            struct enrolment_subject *ret, struct enrolment_attempt *ret_attempt)
{
    const struct proof_kind *kind = find_kind(claim->kind);
    struct finding finding = { 0 };
    bool is_right_pin = false;
    enum reason reason;

    if (!kind || claim->s.len != STRETCHED_PIN_LEN)
        return REASON_MALFORMED;
    if (!kind->is_taken(&service->config->enrolment)) {
        call->sentence =
            "this deployment wants more than name and PIN: a code, of another device or an operator";
        return REASON_NOT_PERMITTED;
    }
    reason = enrolment_subject_load(service, claim->user, ret);
    if (reason == REASON_NONE)
        reason = kind->check(service, ret, claim->evidence, call->now_ms, &finding);
    if (reason == REASON_NONE)
        reason = count_attempt(service, call, claim->user, &finding, ret_attempt);
    if (reason == REASON_NONE)
        reason = check_pin(service, claim, ret, &is_right_pin);
    if (reason != REASON_NONE)
        return reason;
    return ret->is_user && finding.is_right && is_right_pin ? REASON_NONE : REASON_ENROLMENT;
}

void enrolment_use_up(const struct enrolment_claim *claim, struct principal_row *principal)
{
    const struct proof_kind *kind = find_kind(claim->kind);

    if (kind && kind->use_up)
        kind->use_up(principal);
}
