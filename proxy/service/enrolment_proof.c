/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_proof.c - the kinds of proof, and the one road that all of them take.
 *
 * A code of 128 bits is not guessed. So who presents the right one is counted by the code, not by the name: strangers
 * who guess in somebody's name delay strangers, not the user who stands there with a code. Six digits are guessed, so
 * an authenticator's are counted by the name.
 */
#include "proxy/service/enrolment_proof.h"

#include <string.h>

#include "include/table.h"
#include "proto/enrolment_proof.h"
#include "proxy/service/device_codes.h"

/* What a kind finds out. */
struct finding {
    bool is_right;
    bool is_beyond_guessing;   /* right, and nobody comes upon it by trying */
    uint8_t counter[HASH_LEN]; /* by which it is counted then */
    struct factor_change change;
};

/* Makes the same calls to store and HSM whatever it finds. */
typedef enum reason check_fn(struct service *service, const struct enrolment_subject *subject,
                             struct bytes evidence, int64_t now_ms, struct finding *ret);
/* As enrolment_use_up(). */
typedef enum reason use_up_fn(struct service *service, const struct enrolment_subject *subject,
                              const struct enrolment_proved *proved, struct token_row *token,
                              struct principal_row *principal);

/* ------------------------------------------------------------------------------------------------------- nothing */

static enum reason check_nothing(struct service *service, const struct enrolment_subject *subject,
                                 struct bytes evidence, int64_t now_ms, struct finding *ret)
{
    (void)service;
    (void)subject;
    (void)now_ms;
    ret->is_right = evidence.len == 0;
    return REASON_NONE;
}

static enum reason use_up_nothing(struct service *service, const struct enrolment_subject *subject,
                                  const struct enrolment_proved *proved, struct token_row *token,
                                  struct principal_row *principal)
{
    (void)service;
    (void)subject;
    (void)proved;
    (void)token;
    (void)principal;
    return REASON_NONE;
}

/* -------------------------------------------------------------------------------------------------- device codes */

static enum reason check_code(struct service *service, const struct enrolment_subject *subject,
                              struct bytes evidence, int64_t now_ms, struct finding *ret)
{
    enum reason reason = device_code_check(service, &subject->principal, evidence, now_ms, &ret->is_right);

    memcpy(ret->counter, subject->principal.device_code, HASH_LEN);
    ret->is_beyond_guessing = ret->is_right;
    return reason;
}

static enum reason use_up_code(struct service *service, const struct enrolment_subject *subject,
                               const struct enrolment_proved *proved, struct token_row *token,
                               struct principal_row *principal)
{
    (void)service;
    (void)proved;
    (void)token;
    if (memcmp(principal->device_code, subject->principal.device_code, HASH_LEN) != 0)
        return REASON_ENROLMENT;
    device_code_forget(principal);
    return REASON_NONE;
}

/* ------------------------------------------------------------------------------------------------ authenticators */

static enum reason check_totp(struct service *service, const struct enrolment_subject *subject,
                              struct bytes evidence, int64_t now_ms, struct finding *ret)
{
    if (!factor_code_is_valid(evidence))
        return REASON_MALFORMED;
    return factor_check_alike(&service->access, &subject->token, evidence, now_ms, &ret->is_right,
                              &ret->change);
}

static enum reason use_up_totp(struct service *service, const struct enrolment_subject *subject,
                               const struct enrolment_proved *proved, struct token_row *token,
                               struct principal_row *principal)
{
    enum reason reason = factor_apply(&service->access, token, &proved->change);

    (void)subject;
    (void)principal;
    if (reason == REASON_PIN_INCORRECT)
        return REASON_ENROLMENT;
    return reason == REASON_NONE ? token_save(&service->access, token) : reason;
}

/* ------------------------------------------------------------------------------------------------ recovery codes */

static enum reason check_recovery_row(struct service *service, const struct enrolment_subject *subject,
                                      struct bytes secret, struct recovery *ret, bool *ret_is_right)
{
    uint8_t value[HASH_LEN];
    enum reason reason = secret.len == STRETCHED_PIN_LEN ? REASON_NONE : REASON_MALFORMED;

    if (reason == REASON_NONE)
        reason = recovery_load_alike(&service->access, &subject->token, ret);
    if (reason != REASON_NONE)
        return reason;
    ret->code.kind = ACCESS_RECOVERY; /* where there is none, too */
    reason = pin_check_value(&service->access, &subject->token, &ret->code, secret, value);
    *ret_is_right = reason == REASON_NONE && ret->has_code &&
                    secret_equal(BYTES_OF_ARRAY(value), BYTES_OF_ARRAY(ret->code.check));
    return reason;
}

static enum reason check_recovery(struct service *service, const struct enrolment_subject *subject,
                                  struct bytes evidence, int64_t now_ms, struct finding *ret)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = check_recovery_row(service, subject, evidence, &recovery, &ret->is_right);

    (void)now_ms;
    memcpy(ret->counter, recovery.code.check, HASH_LEN);
    ret->is_beyond_guessing = ret->is_right;
    return reason;
}

/* It stays good: its user keeps it, and only an open token could be given another. */
static enum reason use_up_recovery(struct service *service, const struct enrolment_subject *subject,
                                   const struct enrolment_proved *proved, struct token_row *token,
                                   struct principal_row *principal)
{
    (void)service;
    (void)proved;
    (void)principal;
    return memcmp(token->recovery, subject->token.recovery, HASH_LEN) == 0 ? REASON_NONE : REASON_ENROLMENT;
}

/* ----------------------------------------------------------------------------------------------------- the table */

static const struct proof_kind {
    check_fn *check;
    use_up_fn *use_up;
} proof_kinds[ENROLMENT_PROOFS] = {
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE] = { check_nothing, use_up_nothing },
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE] = { check_code, use_up_code },
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP] = { check_totp, use_up_totp },
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY] = { check_recovery, use_up_recovery },
};

static bool is_taken(const struct service *service, Privyseal__V1__EnrolmentProof kind)
{
    return service->config->enrolment.proofs & ENROLMENT_BIT(kind);
}

/* ------------------------------------------------------------------------------------------------------ the road */

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
                            struct enrolment_subject *ret, struct enrolment_proved *ret_proved)
{
    struct finding finding = { 0 };
    bool is_right_pin = false;
    enum reason reason;

    if ((unsigned)claim->kind >= ENROLMENT_PROOFS || claim->s.len != STRETCHED_PIN_LEN)
        return REASON_MALFORMED;
    if (!is_taken(service, claim->kind)) {
        call->sentence = "this deployment takes no such proof beside name and PIN: see [enrolment] proof in "
                         "privyseald.conf(5)";
        return REASON_NOT_PERMITTED;
    }
    reason = enrolment_subject_load(service, claim->user, ret);
    if (reason == REASON_NONE)
        reason = proof_kinds[claim->kind].check(service, ret, claim->evidence, call->now_ms, &finding);
    if (reason == REASON_NONE)
        reason = count_attempt(service, call, claim->user, &finding, &ret_proved->attempt);
    if (reason == REASON_NONE)
        reason = check_pin(service, claim, ret, &is_right_pin);
    if (reason != REASON_NONE)
        return reason;
    ret_proved->change = finding.change;
    return ret->is_user && finding.is_right && is_right_pin ? REASON_NONE : REASON_ENROLMENT;
}

enum reason enrolment_use_up(struct service *service, const struct enrolment_claim *claim,
                             const struct enrolment_subject *subject, const struct enrolment_proved *proved,
                             struct token_row *token, struct principal_row *principal)
{
    return proof_kinds[claim->kind].use_up(service, subject, proved, token, principal);
}

enum reason enrolment_recovery_code(struct service *service, const struct enrolment_subject *subject,
                                    struct bytes secret, struct recovery *ret)
{
    bool is_right = false;
    enum reason reason;

    if (!is_taken(service, PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY))
        return REASON_NOT_PERMITTED;
    reason = check_recovery_row(service, subject, secret, ret, &is_right);
    if (reason != REASON_NONE)
        return reason;
    return is_right && subject->is_user ? REASON_NONE : REASON_ENROLMENT;
}
