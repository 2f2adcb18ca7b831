/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_renewal.h - an opened token gets a new PIN: by its old one, by a recovery code, by its officers.
 *
 * Whatever opened it, the same follows: one transaction in which all PIN rows go, and with them what every older PIN and
 * every other device could open; the next PIN version, so that every lease ends.
 */
#pragma once

#include "proxy/service/change.h"
#include "proxy/service/pin_proof.h"

/* What else belongs into the transaction. */
typedef enum reason renewal_also(struct service *service, const struct call *call, struct change *change,
                                 void *arg);

struct pin_renewal {
    const struct opened *opened;
    struct bytes old_s;      /* empty: opened by something else than the PIN */
    struct bytes new_s;      /* STRETCHED_PIN_LEN, for the next version */
    const uint8_t *row_name; /* of the new row, 16 bytes; NULL: a random one */
    renewal_also *also;      /* NULL: nothing */
    void *arg;
};

/*
 * call->token is the token as it was proved; should another PIN have been set since, nothing is done. This signer's
 * leases end here, others' at their next recheck.
 * Errors: REASON_PIN_CHANGED, those of @also, of custody and of the store.
 */
MUST_CHECK enum reason pin_renew(struct service *service, const struct call *call,
                                 const struct pin_renewal *renewal, uint32_t *ret_version);
