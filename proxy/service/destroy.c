/* SPDX-License-Identifier: Apache-2.0 */
/* destroy.c - rows in the transaction, leases and partition after it. */
#include "proxy/service/destroy.h"

#include <string.h>

#include "proxy/service/named_token.h"
#include "proxy/service/refusal.h"

/* Counted by rows, believed or not: what cannot be believed is to go as well. */
static enum reason count_contents(struct store *store, int64_t token_id, struct destroyed *ret)
{
    struct certificate_row *certificates = NULL;
    struct key_row *keys = NULL;
    size_t key_count = 0, certificate_count = 0;
    int r = store_key_list(store, token_id, &keys, &key_count);

    if (r == 0)
        r = store_certificate_list(store, token_id, &certificates, &certificate_count);
    key_rows_free(keys, key_count);
    certificate_rows_free(certificates, certificate_count);
    *ret = (struct destroyed){ (uint32_t)key_count, (uint32_t)certificate_count };
    return refusal_of_store(r);
}

static bool is_elsewhere(const struct service *service, const struct token_row *token)
{
    int signer = token_signer(service->config, token);

    return signer >= 0 && signer != (int)service->config->signer;
}

enum reason destroy_contents(struct service *service, struct call *call, struct token_row *token,
                             struct destroyed *ret)
{
    struct store *store = service->access.store;
    enum reason reason;

    if (is_elsewhere(service, token)) {
        call->reroute_to = token_signer(service->config, token);
        return REASON_UNAVAILABLE;
    }
    reason = count_contents(store, token->id, ret);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_token_empty(store, token->id));
    if (reason != REASON_NONE)
        return reason;
    memset(token->activation, 0, sizeof(token->activation));
    memset(token->partition, 0, sizeof(token->partition));
    memset(token->recovery, 0, sizeof(token->recovery)); /* the digest of no ways */
    token->recovery_bits = 0;
    token->activation_until_ms = 0;
    if (token->pin_version > 0)
        token->retired_versions = token->pin_version; /* an old PIN row that is put back has one of these */
    token->pin_version = 0;
    return REASON_NONE;
}

void destroy_finish(struct service *service, const struct call *call, const struct token_row *token)
{
    leases_sweep(service->leases, call->now_ms, token->id);
    if (token->partition[0])
        custody_kinds[token->custody]->undo(service->custody[token->custody], token);
}
