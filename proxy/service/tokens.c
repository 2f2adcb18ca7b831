/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens.c - what a caller may know without a login: which tokens there are, and all that is public about one.
 *
 * The list shows names as the database has them, unchecked: a thousand grants would be a thousand MACs, and nothing is
 * decided by it. Every call about one of them checks that one's grant.
 */
#include "proto/digest.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/policies.h"
#include "proxy/service/refusal.h"
#include "proxy/service/seal_chain.h"
#include "proxy/service/snapshot.h"

enum reason handle_ListTokens(struct service *service, struct call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *reply)
{
    Privyseal__V1__ListTokensResponse *answer = (Privyseal__V1__ListTokensResponse *)reply;
    CLEANUP(free) void *memory = NULL;
    char(*names)[NAME_MAX_LEN + 1] = NULL;
    size_t count = 0;
    int r = store_grant_tokens(service->access.store, call->caller.principal.id, TOKENS_PER_PRINCIPAL_MAX,
                               &names, &count);

    (void)request;
    memory = names;
    if (r < 0)
        return refusal_of_store(r);
    answer->token = message_alloc(count * sizeof(*answer->token));
    if (!answer->token)
        return REASON_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        if (message_set_text(&answer->token[i], names[i]) < 0)
            return REASON_INTERNAL;
        answer->n_token++;
    }
    return REASON_NONE;
}

/* Left out when the caller has it already: listing a known token moves a few hundred bytes. */
static enum reason fill_snapshot(struct service *service, const struct call *call,
                                 const Privyseal__V1__GetTokenRequest *ask,
                                 Privyseal__V1__GetTokenResponse *answer)
{
    CLEANUP(contents_clear) struct contents contents = { 0 };
    CLEANUP(secret_free) struct secret *snapshot = NULL;
    uint8_t hash[HASH_LEN];
    enum reason reason = contents_load(service, call->token.id, &contents);

    if (reason == REASON_NONE)
        reason = snapshot_build(service, &call->token, &contents, &snapshot);
    if (reason != REASON_NONE)
        return reason;
    if (digest_sha256(NULL, secret_bytes(snapshot), hash) < 0)
        return REASON_INTERNAL;
    if (bytes_equal(pack_lend(&ask->known_hash), BYTES_OF_ARRAY(hash)))
        return REASON_NONE;
    return message_set_bytes(&answer->snapshot, secret_bytes(snapshot)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason fill_login(struct service *service, const struct call *call,
                              Privyseal__V1__GetTokenResponse *answer)
{
    const struct service_config *config = service->config;
    uint8_t salt[SALT_LEN];
    uint32_t failures;
    enum reason reason = pin_salt(&service->access, call->token.name, salt);

    if (reason != REASON_NONE)
        return reason;
    answer->argon2_memory_kib = config->argon2_memory_kib;
    answer->argon2_passes = config->argon2_passes;
    answer->argon2_lanes = config->argon2_lanes;
    answer->pin_version = call->token.pin_version;
    answer->first_pin_version = call->token.retired_versions + 1;
    if (deployment_pin_policy(config, &answer->pin_policy) != REASON_NONE)
        return REASON_INTERNAL;
    answer->policy = policy_message(&call->token.policy);
    answer->factor = (Privyseal__V1__SecondFactor)factor_in_force(&call->token);
    answer->factor_missing = factor_is_missing(&call->token);
    if (!answer->policy || message_set_bytes(&answer->salt, BYTES_OF_ARRAY(salt)) < 0)
        return REASON_INTERNAL;
    if (call->token.pin_version == 0) {
        answer->pin_state = PRIVYSEAL__V1__PIN_STATE__PIN_STATE_NOT_SET;
        return REASON_NONE;
    }
    return attempt_state(&service->access, &call->token, &call->caller, call->now_ms, &answer->pin_state,
                         &answer->retry_after_ms, &failures);
}

enum reason handle_GetToken(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__GetTokenRequest *ask = (const Privyseal__V1__GetTokenRequest *)request;
    Privyseal__V1__GetTokenResponse *answer = (Privyseal__V1__GetTokenResponse *)reply;
    enum reason reason = fill_snapshot(service, call, ask, answer);

    if (reason == REASON_NONE)
        reason = fill_login(service, call, answer);
    if (reason == REASON_NONE)
        reason = seal_chain_fill(service, call->now_ms, &answer->challenge, &answer->n_seal_certificates,
                                 &answer->seal_certificates);
    return reason;
}
