/* SPDX-License-Identifier: Apache-2.0 */
/*
 * creation.h - what custody makes for a first PIN, or for a token that moves: taken back unless the rows that name it
 * are stored.
 */
#pragma once

#include "proxy/service/service.h"

struct creation {
    const struct custody_ops *ops; /* NULL: nothing to take back */
    struct custody *custody;
    struct token_row
        token; /* custody fills in the partition, and what can be done when the PIN is forgotten */
    struct binding binding; /* of a partition that was there */
};

void creation_clear(struct creation *creation);
DEFINE_CLEAR(creation_clear, struct creation);

/*
 * A token of @ret->token.custody that opens to @s; its row, but for its name, into @row. @transport: the PINs of a
 * partition that is bound; NULL: none came. Errors: REASON_UNAVAILABLE (another signer's), REASON_UNBOUND,
 * REASON_TRANSPORT_PIN, REASON_PARTITION, those of custody.
 */
MUST_CHECK enum reason creation_make(struct service *service, struct call *call, struct bytes s,
                                     const Privyseal__V1__TransportPins *transport, struct access_row *row,
                                     struct creation *ret);
/* The rows are stored: it stays. */
void creation_keep(struct creation *creation);
