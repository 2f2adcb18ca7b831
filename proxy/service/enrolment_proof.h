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

/*
 * Counts the attempt, then decides; all that is true of it is in @ret. When REASON_NONE, the attempt is still counted:
 * give it back when the device is enrolled, or could not be. Errors: REASON_ENROLMENT (one answer for whatever is
 * wrong), REASON_PIN_DELAYED (retry_after_ms is in call->failure), REASON_NOT_PERMITTED (this kind of proof is not
 * taken here, from anybody), REASON_MALFORMED, REASON_BUSY, REASON_INTEGRITY, REASON_STORE, REASON_HSM.
 */
MUST_CHECK enum reason enrolment_prove(struct service *service, struct call *call,
                                       const struct enrolment_claim *claim, struct enrolment_subject *ret,
                                       struct enrolment_attempt *ret_attempt);
/* The evidence is used up: changes what the caller then saves. */
void enrolment_use_up(const struct enrolment_claim *claim, struct principal_row *principal);
