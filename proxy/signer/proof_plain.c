/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof_plain.c - reads that need no login: the front's word for the certificate is enough, as what it could read
 * with a lie it sees pass anyway. There is no key to authenticate an answer with; what matters in it (the snapshot)
 * is confirmed under the session keys after Unlock.
 */
#include "proxy/signer/exchange.h"

#include <errno.h>

#include "proxy/service/refusal.h"

static enum reason open_plain(struct exchange *exchange, struct secret **ret_request)
{
    enum reason reason =
        identity_find(&exchange->service->access, pack_lend(&exchange->envelope->certificate_hash),
                      exchange->call.now_ms, &exchange->call.caller);

    if (reason != REASON_NONE)
        return reason;
    return refusal_of_errno(secret_copy(pack_lend(&exchange->envelope->body), ret_request));
}

static int protect_plain(const struct exchange *exchange, struct bytes reply, struct buffer *ret)
{
    (void)exchange;
    buffer_append(ret, reply);
    return ret->failed ? -ENOMEM : 0;
}

static void no_key(const struct exchange *exchange, struct bytes *ret_key, struct bytes *ret_binding)
{
    (void)exchange;
    *ret_key = *ret_binding = BYTES_NONE;
}

const struct proof_ops proof_plain = { open_plain, protect_plain, no_key };
