/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - one identity's way to its deployment, made when first needed and shared by its tokens.
 *
 * C_Initialize must not fail because a certificate file is missing today, so nothing is opened before a token
 * is looked at. A server that could not be reached is left alone for a few seconds: ten tokens of a dead
 * server cost an application one timeout, not ten, and a browser that polls for presence does not hang.
 * Threads: any; the lock is not held while files are read or the network is waited for.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/config.h"
#include "client/remote.h"

struct link {
    OSSL_LIB_CTX *libctx;                       /* fixed */
    const struct identity_config *identity;     /* fixed */
    const struct deployment_config *deployment; /* fixed; NULL: the configuration names none that exists */
    pthread_mutex_t lock;
    struct remote *remote;         /* guarded by lock until made, then fixed */
    _Atomic int64_t rests_until;   /* clock_now_ms(); before it, presence is not asked for again */
    _Atomic int64_t renewal_until; /* the same; before it, the certificate's age is not looked at again */
};

void link_init(struct link *link, OSSL_LIB_CTX *libctx, const struct client_config *config,
               const struct identity_config *identity);
void link_clear(struct link *link);
/* Lent for as long as the link. Errors: CKR_TOKEN_NOT_PRESENT, with the sentence in @error. */
MUST_CHECK CK_RV link_remote(struct link *link, struct remote **ret, struct remote_error *error);
/* In a forked child: drops the parent's connections without a byte on them. Takes no lock, frees nothing. */
void link_abandon(struct link *link);

/* Whether the last attempt failed so short a time ago that the next may be spared. */
bool link_rests(const struct link *link);
/*
 * @token was just logged in: if the identity's certificate has lived two thirds of its life, it is renewed. At most once an
 * hour, for a second at most, and whatever comes of it is nobody's trouble: `privyseal doctor` tells.
 */
void link_renew(struct link *link, struct remote_token *token);
/* Tells the outcome of a call: CKR_DEVICE_REMOVED makes the link rest, CKR_OK wakes it. */
void link_note(struct link *link, CK_RV rv);
