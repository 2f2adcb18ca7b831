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
#include "proxy/service/creation.h"

/*
 * Makes or binds the partition of call->token, whose user PIN will be made of the new S.
 * Errors: REASON_MOVE (it has no home, is one already, or has ways of recovery), those of creation_make().
 */
MUST_CHECK enum reason moving_begin(struct service *service, struct call *call,
                                    const Privyseal__V1__ChangePinRequest *ask, struct creation *moving);
/* In the transaction that stores the new PIN (renewal_also; @arg: the creation). */
MUST_CHECK enum reason moving_store(struct service *service, const struct call *call, struct change *change,
                                    void *arg);
