/* SPDX-License-Identifier: Apache-2.0 */
/* enrolment_proof.h - name, PIN and one thing more, decided together: what was wrong, nobody is told. */
#pragma once

#include "proxy/service/enrolment_subject.h"

/* What the sealed message presents; borrowed from it. */
struct enrolment_claim {
    const char *user;
    uint32_t pin_version;
    struct bytes s;
    Privyseal__V1__EnrolmentProof kind;
    struct bytes evidence;
};

/* What was proved: counted, and not yet used up. */
struct enrolment_proved {
    struct enrolment_attempt attempt;
    struct factor_change change; /* of an authenticator: its code's step */
};

/*
 * Counts the attempt, then decides; all that is true of it is in @ret. When REASON_NONE, the attempt is still counted:
 * give it back when the device is enrolled, or could not be. Errors: REASON_ENROLMENT (one answer for whatever is
 * wrong), REASON_PIN_DELAYED (retry_after_ms is in call->failure), REASON_NOT_PERMITTED (this kind of proof is not
 * taken here, from anybody), REASON_MALFORMED, REASON_BUSY, REASON_INTEGRITY, REASON_STORE, REASON_HSM.
 */
MUST_CHECK enum reason enrolment_prove(struct service *service, struct call *call,
                                       const struct enrolment_claim *claim, struct enrolment_subject *ret,
                                       struct enrolment_proved *ret_proved);
/*
 * The evidence is used up, in the transaction under way in which @token and @principal were read: changes @principal,
 * which the caller saves, and saves @token, if it has to. Errors: REASON_ENROLMENT (good no more: used, or replaced, since
 * it was proved), REASON_STORE, REASON_BUSY, REASON_HSM, REASON_INTEGRITY.
 */
MUST_CHECK enum reason enrolment_use_up(struct service *service, const struct enrolment_claim *claim,
                                        const struct enrolment_subject *subject,
                                        const struct enrolment_proved *proved, struct token_row *token,
                                        struct principal_row *principal);
/*
 * The recovery code's row, if @secret is its S_r; whoever @subject is, with the same calls. Errors: REASON_ENROLMENT,
 * REASON_MALFORMED, REASON_NOT_PERMITTED (recovery codes are not taken here), REASON_INTEGRITY, _STORE, _BUSY, _HSM.
 */
MUST_CHECK enum reason enrolment_recovery_code(struct service *service,
                                               const struct enrolment_subject *subject, struct bytes secret,
                                               struct recovery *ret);
