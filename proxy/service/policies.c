/* SPDX-License-Identifier: Apache-2.0 */
/* policies.c - a token's policy, asked. */
#include "proxy/service/policies.h"

#include "include/rate.h"
#include "proto/token_policy.h"
#include "proxy/service/message.h"
#include "proxy/service/stage.h"

#define TURN_WAIT_MS 100
#define MAKING_SHARE 10 /* so much longer than a key took to make, nobody else has to wait for this token's */
#define MAKING_DEBT  (UINT64_C(600) * 1000000000 * MAKING_SHARE)

/* ------------------------------------------------------------------------------------------------- asking it */

Privyseal__V1__TokenPolicy *policy_message(const struct token_policy *policy)
{
    ProtobufCMessage *message;

    if (message_new(&privyseal__v1__token_policy__descriptor, &message) < 0)
        return NULL;
    token_policy_to_message(policy, (Privyseal__V1__TokenPolicy *)message);
    return (Privyseal__V1__TokenPolicy *)message;
}

enum reason policy_of_use(const struct token_row *token, enum key_usage usage, CK_MECHANISM_TYPE mechanism)
{
    if (usage != KEY_SIGNS && token->policy.no_decrypt)
        return REASON_POLICY_USAGE;
    return token_policy_allows(&token->policy, mechanism) ? REASON_NONE : REASON_POLICY_MECHANISM;
}

/* Whoever is told to wait comes back when a few more tokens have flowed in, not for each. */
enum reason policy_take_turn(struct service *service, struct call *call)
{
    uint32_t refill_ms = service->token_rate ? 1000 / service->config->token_rate : 0;

    if (!service->token_rate ||
        rate_take(service->token_rate, (uint64_t)call->token.id, stage_now_us() * 1000))
        return REASON_NONE;
    call->failure.retry_after_ms = refill_ms > TURN_WAIT_MS ? refill_ms : TURN_WAIT_MS;
    return REASON_BUSY;
}

/* Counted before the HSM is asked: whoever makes it fail gains nothing by it. */
enum reason policy_count_use(struct service *service, struct call *call)
{
    struct lease *lease = call->lease;
    uint32_t most = lease->token.policy.max_signatures;
    enum reason reason;

    if (most && lease->uses >= most)
        return REASON_POLICY_SPENT;
    reason = policy_take_turn(service, call);
    lease->uses += reason == REASON_NONE;
    return reason;
}

enum reason policy_check_making(struct service *service, struct call *call)
{
    if (rate_owed(service->key_making, (uint64_t)call->token.id, stage_now_us() * 1000) < MAKING_DEBT)
        return REASON_NONE;
    call->sentence = "This token has kept a signer busy with making keys for minutes: try again later.";
    return REASON_LIMIT;
}

void policy_owe_making(struct service *service, const struct call *call, uint64_t spent_us)
{
    rate_owe(service->key_making, (uint64_t)call->token.id, spent_us * 1000 * MAKING_SHARE,
             stage_now_us() * 1000);
}

enum reason policy_take_permit(struct token_row *token)
{
    if (!token->policy.keys_need_permit)
        return REASON_NONE;
    if (token->policy.key_permits == 0)
        return REASON_POLICY_PERMIT;
    token->policy.key_permits--;
    return REASON_NONE;
}

enum reason policy_of_new_key(struct service *service, const struct call *call, enum key_usage usage)
{
    struct token_row token;
    enum reason reason = token_reload(&service->access, call->token.id, &token);

    if (reason != REASON_NONE)
        return reason;
    if (usage != KEY_SIGNS && token.policy.no_decrypt)
        return REASON_POLICY_USAGE;
    return policy_take_permit(&token); /* of a copy: whether there is one */
}
