/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - who may do what: identity, grants, PIN checks and their counting, row MACs, challenges, leases.
 *
 * Everything here is default deny. Everything that decides is read inside the transaction that records it.
 * Threads: none; a signer is one thread.
 */
#pragma once

#include <stdint.h>

#include "proto/context.h"
#include "proto/failure.h"
#include "proxy/access/attempts.h"
#include "proxy/access/believed.h"
#include "proxy/access/challenges.h"
#include "proxy/access/enrolment_attempts.h"
#include "proxy/access/factor.h"
#include "proxy/access/grants.h"
#include "proxy/access/group.h"
#include "proxy/access/identity.h"
#include "proxy/access/issued.h"
#include "proxy/access/lease_window.h"
#include "proxy/access/leases.h"
#include "proxy/access/pin.h"
#include "proxy/access/policy.h"
#include "proxy/access/principal.h"
#include "proxy/access/requests.h"
#include "proxy/access/recovery.h"
#include "proxy/access/row_digest.h"
#include "proxy/access/row_load.h"
#include "proxy/access/row_mac.h"
#include "proxy/access/sequences.h"
#include "proxy/access/ticket.h"
#include "proxy/access/token.h"
#include "proxy/hsm/hsm.h"
#include "proxy/store/store.h"

/* What access works with; the rest starts as zeros. */
struct access {
    const char *realm;
    uint32_t signer;        /* our index: in challenges and leases */
    unsigned factor_window; /* steps that an authenticator's clock may be off, each way */
    struct store *store;
    struct hsm *hsm;
    struct believed believed; /* row_mac.c */
    bool asks_anew;           /* row_mac.c: in strangers' calls, else their time tells who was here of late */
    struct sequences tokens_seen;             /* token.c; by serial number */
    struct sequences principals_seen;         /* principal.c; by name */
    struct sequences groups_seen;             /* group.c; by name */
    struct sequences enrolments_seen;         /* enrolment_attempts.c; by slot */
    uint64_t authority_sequence[AUTHORITIES]; /* issued.c; the highest seen */
    struct factor_decoy factor_decoy;         /* factor.c */
};

/* What it has seen; store and HSM are the caller's. */
void access_clear(struct access *access);
DEFINE_CLEAR(access_clear, struct access);

/* A store's negative errno (or 0) as a reason: -EAGAIN and -ESTALE are REASON_BUSY, all else REASON_STORE. */
MUST_CHECK enum reason access_store_reason(int r);
/* HMAC in the HSM over a finished context. Errors: REASON_HSM, REASON_INTERNAL (out of memory). */
MUST_CHECK enum reason access_mac(struct access *access, enum hsm_mac_key key, uint32_t epoch,
                                  const struct context *context, uint8_t ret[HASH_LEN]);
