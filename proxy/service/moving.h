/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moving.h - a token of wrapped custody goes on as a partition.
 *
 * Keys cannot move: a wrapped one is never extractable again, and a partition takes none from outside. So the token
 * moves, with a change of PIN: from then on the HSM itself checks S and new keys are born in the partition, while the
 * keys of before stay what they are until their user deletes them. An operator gives the token its home first.
 */
#pragma once

#include "proxy/service/change.h"

/* A partition that is made, and taken back unless the rows that name it are stored. */
struct moving {
    struct custody *custody; /* NULL: nothing to take back */
    struct token_row token;
};

void moving_undo(struct moving *moving);
DEFINE_CLEAR(moving_undo, struct moving);

/*
 * Makes the partition of call->token, whose user PIN will be made of @new_s.
 * Errors: REASON_MOVE (it has no home, is one already, or has ways of recovery), REASON_UNAVAILABLE (another signer's),
 * those of custody.
 */
MUST_CHECK enum reason moving_begin(struct service *service, const struct call *call, struct bytes new_s,
                                    struct moving *moving);
/* In the transaction that stores the new PIN (renewal_also; @arg: the moving). */
MUST_CHECK enum reason moving_store(struct service *service, const struct call *call, struct change *change,
                                    void *arg);
