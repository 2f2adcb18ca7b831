/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_signer.h - a channel with a small honest signer at its end, and a network between that does as it is told.
 *
 * The signer knows one token ("anna" of realm "example") with one key, proves and checks what a real one does with
 * the same functions of proto/, and counts what it did. The script says what the network or a hostile front does to
 * the next calls of a method.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/channel.h"
#include "client/config.h"
#include "client/stretch.h"
#include "include/secret.h"
#include "proto/limits.h"
#include "proto/session_keys.h"
#include "tests/unit/client/throwaway_ca.h"

enum fake_event {
    FAKE_HONEST,       /* the request arrives, and the answer */
    FAKE_UNREACHABLE,  /* nothing arrives */
    FAKE_LOSE_REPLY,   /* the request arrives, the answer does not */
    FAKE_BUSY,         /* the front says BUSY, with 30 ms */
    FAKE_FORGE_PIN,    /* a front says PIN_INCORRECT, which it cannot prove */
    FAKE_FORGE_LOCKED, /* PIN_LOCKED likewise */
    FAKE_SIGNER_DIES,  /* all leases are gone before the request arrives */
    FAKE_ALTER_REPLY,  /* a front flips a bit of the answer */
};

#define FAKE_SCRIPT_MAX 64
#define FAKE_LEASES_MAX 32
#define FAKE_TRIES      10

struct fake_lease {
    struct session_keys keys;
    uint64_t last_sequence;
    uint8_t last_hash[HASH_LEN];
    struct buffer last_reply;
};

struct fake_signer {
    struct channel channel; /* first */
    pthread_mutex_t lock;
    char directory[64]; /* ca.pem lives there */
    struct deployment_config deployment;
    struct throwaway root, issuer, seal;
    uint8_t seal_private[32];

    enum fake_event script[METHODS][FAKE_SCRIPT_MAX];
    unsigned scripted[METHODS];
    unsigned calls[METHODS];    /* that a client made */
    unsigned executed[METHODS]; /* that changed or signed something */

    struct stretch_cost cost;
    uint8_t salt[SALT_LEN];
    uint32_t pin_version;
    struct secret *stretched;
    unsigned failures;
    uint64_t challenges, challenges_used; /* numbers; older than the last 16 are stale */
    uint32_t open_challenges;             /* bit per each of the last 32 */
    uint64_t version;                     /* of the token */
    const char *key_label, *served_label; /* what is so, what the front serves (NULL: the same) */
    bool serves_wrong_name, serves_foreign_chain;
    struct fake_lease leases[FAKE_LEASES_MAX];
    unsigned lease_count, leases_made;
    char request_id[CLIENT_REQUEST_ID_MAX + 1]; /* of the last signature */
    unsigned request_ids_seen;                  /* different ones */
};

struct fake_signer *fake_signer_new(void);
/* The channel's free; removes the directory. */
void fake_signer_free(struct fake_signer *fake);
/* Gives the token a PIN behind everybody's back: the version grows. */
void fake_signer_set_pin(struct fake_signer *fake, const char *pin);
/* The next calls of @method that have no event yet meet this one. */
void fake_signer_script(struct fake_signer *fake, enum method_id method, enum fake_event event);
