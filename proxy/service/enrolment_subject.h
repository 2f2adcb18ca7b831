/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_subject.h - the user in whose name somebody without a certificate asks, if there is one.
 *
 * Whether there is shows in nothing: the same rows are asked for, the same MACs are made in the HSM, and what is to be
 * told of nobody is made of such a MAC. (A row whose MAC is of an older epoch of Krow costs one call more, until it is
 * next written.)
 */
#pragma once

#include "proxy/service/service.h"

struct enrolment_subject {
    bool is_user; /* enabled, not locked, with a PIN: all below is real. Else some of it is made up. */
    struct token_row token;
    struct principal_row principal;
    struct access_row pin;
};

void enrolment_subject_clear(struct enrolment_subject *subject);
DEFINE_CLEAR(enrolment_subject_clear, struct enrolment_subject);

/* What every anonymous call about @user starts with. Errors: REASON_NOT_PERMITTED (not open), REASON_MALFORMED. */
MUST_CHECK enum reason enrolment_begin(struct service *service, struct call *call, const char *user);
/* Errors: REASON_INTEGRITY, REASON_STORE, REASON_BUSY, REASON_HSM. */
MUST_CHECK enum reason enrolment_subject_load(struct service *service, const char *user,
                                              struct enrolment_subject *ret);
/* The PIN's version, or one that looks like it. One store call, two of the HSM. Errors: as above. */
MUST_CHECK enum reason enrolment_pin_version(struct service *service, const char *user, uint32_t *ret);
