/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kd_rotation.h - rows under an old epoch of Kd get the newest when their user is there to open them.
 *
 * Nothing else could do it: what they are sealed with besides comes from the PIN. (A seed of an authenticator needs
 * nobody, and goes along.) Ways back into a token (recovery code, quorum) are sealed with what only the user has on
 * paper, and officers in shares: they keep their epoch until they are made anew, or used, which makes them anew.
 */
#pragma once

#include "proxy/service/pin_proof.h"

/*
 * After a PIN was right: reseals the PIN row, the keys and the authenticator of call->token, which becomes the row
 * as it is stored then.
 * A login does not fail because this does: it is logged, and the next one tries again. Costs nothing while there is
 * one epoch.
 */
void kd_rotate(struct service *service, struct call *call, const struct opened *opened, struct bytes s);
