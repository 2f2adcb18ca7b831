/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destroy.h - the end of what a token holds: its keys, their certificates, and every way to its secret.
 *
 * Two steps, since rows and an HSM's partition do not share a transaction: the rows go first, and with them all that
 * could ever open the keys; a partition that cannot be removed afterwards is logged, and opens to nobody.
 */
#pragma once

#include "proxy/service/service.h"

struct destroyed {
    uint32_t keys, certificates;
};

/*
 * Deletes rows inside the caller's change, which commits; @token is then one without PIN, activation code and
 * partition. @ret: what there was. A token whose partition is another signer's is refused, and the call sent on:
 * call->reroute_to. Errors: REASON_UNAVAILABLE (sent on), REASON_STORE, REASON_BUSY.
 */
MUST_CHECK enum reason destroy_contents(struct service *service, struct call *call, struct token_row *token,
                                        struct destroyed *ret);
/* Once that is committed. @token: the row as it was before. Ends its leases here, and its partition. */
void destroy_finish(struct service *service, const struct call *call, const struct token_row *token);
