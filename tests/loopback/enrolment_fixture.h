/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_fixture.h - alice with a token, and strangers who want to be a device of hers.
 *
 * A stranger is a remote whose envelopes carry no certificate, as the front makes them on the enrolment listener. The
 * linker puts counters before the calls to HSM and store (--wrap), so that a test sees whether one answer costs another's.
 */
#pragma once

#include "proto/enrolment_proof.h"
#include "tests/loopback/deployment.h"

/* What was called since somebody wrote zeros here. */
struct enrolment_calls {
    unsigned macs, opens, gets, lists, changes, begins, commits;
};
extern struct enrolment_calls enrolment_calls;

extern struct remote *alice_remote;
extern struct remote_token *alice_token;
void enrolment_setup(void);
void enrolment_teardown(void);
/* What the deployment takes beside name and PIN: ENROLMENT_BIT()s. */
void enrolment_take(unsigned proofs);
/* nora is a user who has not set a PIN yet. */
void enrolment_add_nora(void);
void enrolment_disable_alice(void);

/* The code that alice's device shows. */
extern uint8_t device_code[DEVICE_CODE_LEN];
#define CODE BYTES_OF_ARRAY(device_code)
CK_RV enrolment_make_code(struct bytes device_secret);

/* Whose certificate this remote has does not matter: it is taken off. */
struct remote *enrolment_stranger(void);
/* A request for a certificate of @key. */
void enrolment_request(EVP_PKEY *key, struct buffer *ret);
/* One attempt in @user's name. @ret: somebody with the certificate; NULL: it is not looked at. */
enum reason enrolment_try(Privyseal__V1__EnrolmentProof proof, const char *user, struct bytes pin,
                          struct bytes code, struct person *ret);
void enrolment_person_free(struct person *person);
/* alice's token, from the device of @person. */
CK_RV enrolment_login_as(const struct person *person, struct bytes pin);
