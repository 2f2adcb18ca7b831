/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softhsm_fixture.h - a SoftHSM of one test case's own, set up by hsm_provision(), in a scratch directory.
 *
 *     DIRECTORY/softhsm2.conf  tokens/  tokens-backup/  pin
 */
#pragma once

#include "proto/mechanism.h"
#include "proxy/hsm/custody.h"
#include "proxy/hsm/hsm.h"
#include "tests/support/scratch.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"

struct softhsm_fixture {
    struct scratch scratch;
    char environment[SCRATCH_PATH_MAX + 32];
    char tokens[SCRATCH_PATH_MAX];
    char pin_file[SCRATCH_PATH_MAX];
    struct hsm_config config;
    struct hsm *hsm; /* open after softhsm_open() */
};

extern struct softhsm_fixture fixture;

/* The scratch directory and SoftHSM's configuration; no token yet. */
void softhsm_make(void);
/* ... a provisioned token, and the HSM open. */
void softhsm_setup(void);
void softhsm_teardown(void);
void softhsm_open(void);
void softhsm_close(void);

/* SoftHSM 2.6.1 leaks the curve's name at every use of an Ed25519 key (OSSL::byteString2oid): not this case's fault. */
void softhsm_allow_leaks(void);

/* A digest to sign, different for every @seed. */
struct bytes softhsm_digest(uint8_t seed);
/* Whether @signature over @data verifies with the row's public key. */
bool softhsm_verifies(const struct key_row *key, CK_MECHANISM_TYPE raw,
                      const Privyseal__V1__PssParameters *pss, struct bytes data, struct bytes signature);
/* The raw mechanism that a key of this type signs with. */
CK_MECHANISM_TYPE softhsm_raw(CK_KEY_TYPE type);
/* Lets another user than root read everything and write nothing. */
void softhsm_show_to(uid_t uid);
