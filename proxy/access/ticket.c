/* SPDX-License-Identifier: Apache-2.0 */
/* ticket.c - made and checked by the HSM. */
#include "proxy/access/ticket.h"

#include <string.h>

#include "proxy/access/access.h"
#include "proxy/access/factor.h"

static enum reason ticket_mac(struct access *access, const struct token_row *token,
                              const uint8_t certificate[HASH_LEN], int64_t ends_ms, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 ticket");

    context_text(&context, access->realm);
    context_text(&context, token->serial);
    context_bytes(&context, BYTES(certificate, HASH_LEN));
    context_number(&context, factor_in_force(token));
    context_number(&context, token->pin_version);
    context_number(&context, token->factor_version);
    context_number(&context, (uint64_t)ends_ms);
    return access_mac(access, HSM_ROW, hsm_epoch_mac(access->hsm, HSM_ROW), &context, ret);
}

enum reason ticket_make(struct access *access, const struct token_row *token,
                        const uint8_t certificate[HASH_LEN], int64_t ends_ms, uint8_t ret[TICKET_LEN])
{
    for (unsigned i = 0; i < 8; i++)
        ret[i] = (uint8_t)((uint64_t)ends_ms >> (56 - 8 * i));
    return ticket_mac(access, token, certificate, ends_ms, ret + 8);
}

enum reason ticket_check(struct access *access, const struct token_row *token,
                         const uint8_t certificate[HASH_LEN], struct bytes ticket, int64_t now_ms,
                         int64_t *ret_ends_ms)
{
    struct reader reader = reader_of(ticket);
    int64_t ends_ms = (int64_t)reader_u64(&reader);
    struct bytes stored = reader_run(&reader, HASH_LEN);
    uint8_t mac[HASH_LEN];
    enum reason reason;

    if (!reader_done(&reader) || ends_ms <= now_ms)
        return REASON_CODE_REQUIRED;
    reason = ticket_mac(access, token, certificate, ends_ms, mac);
    if (reason == REASON_NONE && !secret_equal(BYTES_OF_ARRAY(mac), stored))
        reason = REASON_CODE_REQUIRED;
    if (reason == REASON_NONE)
        *ret_ends_ms = ends_ms;
    return reason;
}
