/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_remote.h - a deployment in memory, behind the functions of client/remote.h, for the module's tests.
 *
 * It has one token with an RSA, an EC and an Ed25519 key, and a certificate for the first two; it signs for
 * real, counts what it is asked, and fails as it is told. There is one; fake_reset() begins anew.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "client/remote.h"

#define FAKE_TOKEN "alice"
#define FAKE_PIN   "123456"

enum fake_key { FAKE_RSA, FAKE_EC, FAKE_ED25519, FAKE_KEYS };

struct fake_remote {
    CK_RV snapshot_rv, login_rv, sign_rv; /* CKR_OK: works */
    Privyseal__V1__PinState pin_state;
    const char *granted[4]; /* what remote_list_tokens() tells, up to the first NULL */
    unsigned granted_more;  /* and so many, whose names are numbers */
    unsigned snapshots, logins, logouts, signatures, lists, abandoned; /* asked for */
    bool renewal_is_due;
    int renewal_result;
    unsigned renewals;
    unsigned consents, once, decryptions, derivations, updates, deletions;
    struct remote_new_key last_key; /* label and id are not kept */
    Privyseal__V1__KeyUsage usage[FAKE_KEYS];
    bool always_authenticate[FAKE_KEYS];
    uint8_t id[FAKE_KEYS][KEY_ID_MAX]; /* id_len 0: the beginning of the name */
    size_t id_len[FAKE_KEYS];
    bool is_deleted[FAKE_KEYS];
    struct remote_sign last_sign; /* data and name are not kept */
    pthread_barrier_t *meet;      /* not NULL: every signature waits here, as for a slow server */
    bool is_logged_in;
    EVP_PKEY *key[FAKE_KEYS];
    X509 *certificate[FAKE_KEYS]; /* NULL: none */
    char label[FAKE_KEYS][16];
    unsigned key_count; /* the first so many are on the token */
};

extern struct fake_remote fake;

void fake_reset(void);
void fake_clear(void);
/* The public half, as the token tells it. Owner: the caller, public_key_free(). */
struct public_key *fake_public_key(enum fake_key key);
