/* SPDX-License-Identifier: Apache-2.0 */
/* enrolment_proof.c - the words for what a new device shows. */
#include "proto/enrolment_proof.h"

#include <string.h>

static const char *const words[ENROLMENT_PROOFS] = {
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE] = "pin",
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE] = "code",
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP] = "totp",
    [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY] = "recovery",
};

const char *enrolment_proof_word(Privyseal__V1__EnrolmentProof kind)
{
    return (unsigned)kind < ENROLMENT_PROOFS ? words[kind] : NULL;
}

bool enrolment_proof_find(const char *word, Privyseal__V1__EnrolmentProof *ret)
{
    for (unsigned i = 0; i < ENROLMENT_PROOFS; i++)
        if (strcmp(words[i], word) == 0) {
            *ret = (Privyseal__V1__EnrolmentProof)i;
            return true;
        }
    return false;
}
