/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login.h - what is kept while an application is logged in (S and how to recognise its PIN), and what a signer gave
 * for it (a lease with its session keys). Both are reference-counted, so that a call under way keeps its own.
 */
#pragma once

#include <openssl/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/secret.h"
#include "proto/session_keys.h"

/* Fixed once it has unlocked the token for the first time, which uses up the code. */
struct login {
    atomic_uint references;
    struct secret *code; /* of the second factor, with a NUL; NULL: none was given, or it is used up */
    bool
        needs_ticket; /* a code was asked for: from now on a ticket stands for it, and without one nothing does */
    struct secret *stretched; /* S */
    uint32_t pin_version;
    struct secret *pin_tag; /* a random key, then HMAC-SHA256 of the PIN under it */
};

/*
 * Takes @stretched. The tag recognises the same PIN for a few seconds after a logout; whoever can read it in our
 * locked memory finds S beside it, so it gives nothing away that is not there.
 */
MUST_CHECK int login_new(OSSL_LIB_CTX *libctx, struct secret *stretched, uint32_t pin_version,
                         struct bytes pin, struct login **ret);
struct login *login_ref(struct login *login);
void login_unref(struct login *login);
DEFINE_CLEANUP(login_unref, struct login *);
bool login_is_of_pin(OSSL_LIB_CTX *libctx, const struct login *login, struct bytes pin);

struct lease {
    atomic_uint references;
    struct session_keys keys;
    atomic_ullong sequence; /* the last number used */
    atomic_uint calls;      /* under way */
};

/* Takes @keys' content. */
MUST_CHECK int lease_new(struct session_keys *keys, struct lease **ret);
struct lease *lease_ref(struct lease *lease);
void lease_unref(struct lease *lease);
DEFINE_CLEANUP(lease_unref, struct lease *);
/* A number that no other call of this lease has. From 1. */
uint64_t lease_next_sequence(struct lease *lease);
