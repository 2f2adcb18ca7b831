/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_proof.h - what a device without a certificate shows beside name and PIN, as words.
 *
 * The daemon's configuration ([enrolment] proof), the command line, notices and the log are written in these words; what
 * each takes stands in proxy/service/enrolment_proof.c.
 */
#pragma once

#include <stdbool.h>

#include "include/cleanup.h"
#include "proto/privyseal.pb-c.h"

#define ENROLMENT_PROOFS    4
#define ENROLMENT_BIT(kind) (1U << (kind))

/* "totp"; NULL: there is no such kind. */
const char *enrolment_proof_word(Privyseal__V1__EnrolmentProof kind);
/* False: no kind is called so. */
MUST_CHECK bool enrolment_proof_find(const char *word, Privyseal__V1__EnrolmentProof *ret);
