/* SPDX-License-Identifier: Apache-2.0 */
/* newcomer.c - refused, added, or met as one who is there already. */
#include "proxy/service/newcomer.h"

#include <string.h>

#include "proto/name.h"
#include "proto/token_policy.h"
#include "proxy/service/activation.h"
#include "proxy/service/partition_home.h"
#include "proxy/service/random.h"
#include "proxy/service/refusal.h"

void newcomer_clear(struct newcomer *newcomer)
{
    secret_free(newcomer->code);
}

/* ------------------------------------------------------------------------------------------ what can be refused */

static enum reason refuse(struct newcomer *newcomer, enum reason reason, const char *why)
{
    newcomer->why = why;
    newcomer->refusal = reason;
    return reason;
}

/* Which also says where the token will live. */
static enum reason check_custody(struct service *service, struct newcomer *newcomer)
{
    const char *why;
    enum reason reason;

    newcomer->token.home = -1;
    switch ((int)newcomer->ask->custody) {
    case TOKEN_WRAPPED:
        return REASON_NONE;
    case TOKEN_PARTITION:
        reason = partition_home(service, &newcomer->token.home, &why);
        return why ? refuse(newcomer, reason, why) : reason;
    default:
        return refuse(newcomer, REASON_MALFORMED, "no such custody");
    }
}

/* The deployment's policy for new tokens, with what is asked for besides. */
static enum reason make_policy(const struct service *service, struct newcomer *newcomer,
                               struct token_policy *ret)
{
    const Privyseal__V1__NewUser *ask = newcomer->ask;
    struct token_policy wanted = { 0 };

    *ret = service->config->policy;
    if (ask->policy && token_policy_of_message(ask->policy, &wanted) < 0)
        return refuse(newcomer, REASON_MALFORMED, "a setting of the policy is out of range");
    for (size_t i = 0; i < ask->n_set; i++)
        if (token_policy_copy(ret, &wanted, ask->set[i]) < 0)
            return refuse(newcomer, REASON_MALFORMED, "no such setting of a policy");
    return REASON_NONE;
}

static enum reason load_groups(struct access *access, struct newcomer *newcomer)
{
    const Privyseal__V1__NewUser *ask = newcomer->ask;

    if (ask->n_group > GROUPS_PER_TOKEN_MAX)
        return refuse(newcomer, REASON_LIMIT, "in too many groups");
    for (size_t i = 0; i < ask->n_group; i++) {
        enum reason reason = group_load(access, ask->group[i], &newcomer->groups[i]);

        if (reason == REASON_NOT_FOUND)
            return refuse(newcomer, reason, "there is no group of that name: add it first");
        if (reason != REASON_NONE)
            return reason;
    }
    return REASON_NONE;
}

static enum reason check(struct service *service, struct newcomer *newcomer)
{
    enum reason reason;

    if (!name_is_valid(bytes_of_text(newcomer->ask->user)))
        return refuse(newcomer, REASON_MALFORMED, "that cannot be a user's name");
    if (newcomer->ask->activation_hours > ACTIVATION_HOURS_MAX)
        return refuse(newcomer, REASON_MALFORMED, "an activation code is good for at most 2160 hours");
    reason = check_custody(service, newcomer);
    if (reason == REASON_NONE)
        reason = make_policy(service, newcomer, &newcomer->token.policy);
    return reason == REASON_NONE ? load_groups(&service->access, newcomer) : reason;
}

/* ------------------------------------------------------------------------------------------------ the new one */

/* A fresh activation code, of which the row holds what only the HSM can compare. */
static enum reason give_code(struct service *service, int64_t now_ms, struct newcomer *newcomer)
{
    struct token_row *token = &newcomer->token;
    enum reason reason =
        activation_until(now_ms, newcomer->ask->activation_hours, &token->activation_until_ms);

    if (reason != REASON_NONE)
        return reason;
    if (secret_random(ACTIVATION_CODE_LEN, &newcomer->code) < 0)
        return REASON_INTERNAL;
    return activation_hmac(service, token->name, secret_bytes(newcomer->code), token->activation);
}

static enum reason fill_token(struct service *service, int64_t now_ms, struct newcomer *newcomer)
{
    const Privyseal__V1__NewUser *ask = newcomer->ask;
    struct token_row *token = &newcomer->token;
    uint8_t serial[SERIAL_LEN / 2];

    if (random_fill(serial, sizeof(serial)) < 0)
        return REASON_INTERNAL;
    token->custody = (enum token_custody)ask->custody;
    token->enabled = true;
    token->version = token->sequence = 1;
    token->created_ms = now_ms;
    strcpy(token->name, ask->user); /* name_is_valid: at most NAME_MAX_LEN */
    hex_encode(BYTES_OF_ARRAY(serial), token->serial);
    return give_code(service, now_ms, newcomer);
}

/*
 * Adding a user lets nobody in again: who was disabled and is not gone (an operator, an officer) has certificates, and
 * enabling those takes whoever may enable.
 */
static enum reason check_name(struct access *access, struct newcomer *newcomer)
{
    struct principal_certificate_row *rows = NULL;
    struct principal_row principal;
    size_t count = 0;
    enum reason reason = principal_load(access, newcomer->ask->user, &principal);

    if (reason == REASON_NOT_FOUND || (reason == REASON_NONE && principal.enabled))
        return REASON_NONE;
    if (reason == REASON_NONE)
        reason = principal_certificates(access, &principal, &rows, &count);
    free(rows);
    return count ? refuse(
                       newcomer, REASON_NOT_PERMITTED,
                       "is the name of somebody who is disabled: enable that one first, or take another name")
                 : reason;
}

/* One whose name was somebody's before is that principal again, with nothing left of it. */
static enum reason find_principal(struct access *access, const char *name, int64_t now_ms,
                                  struct principal_row *ret)
{
    enum reason reason = principal_find(access, name, true, now_ms, ret);

    if (reason != REASON_NONE || ret->enabled)
        return reason;
    ret->enabled = true;
    return principal_save(access, ret);
}

/* The rows of grant and memberships name the token's id; its digests of them, and the MAC over all, come last. */
static enum reason insert(struct access *access, int64_t now_ms, struct newcomer *newcomer)
{
    struct token_row *token = &newcomer->token;
    struct principal_row principal;
    enum reason reason = find_principal(access, token->name, now_ms, &principal);
    bool is_changed;

    if (reason == REASON_NONE)
        reason = refusal_of_store(store_token_insert(access->store, token));
    if (reason == REASON_NONE)
        reason = grant_put(access, token, principal.id, GRANT_ALL);
    for (size_t i = 0; reason == REASON_NONE && i < newcomer->ask->n_group; i++)
        reason = group_member_put(access, &newcomer->groups[i], token, true, &is_changed);
    return reason == REASON_NONE ? token_save(access, token) : reason;
}

static enum reason add(struct service *service, int64_t now_ms, struct newcomer *newcomer)
{
    enum reason reason = check_name(&service->access, newcomer);

    if (reason == REASON_NONE)
        reason = fill_token(service, now_ms, newcomer);
    newcomer->result = PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_ADDED;
    return reason == REASON_NONE ? insert(&service->access, now_ms, newcomer) : reason;
}

/* ---------------------------------------------------------------------------------- one who is there already */

static enum reason compare_groups(struct access *access, const struct token_row *token,
                                  const struct newcomer *newcomer, bool *ret_is_same)
{
    CLEANUP(free) void *memory = NULL;
    struct member_row *rows = NULL;
    size_t count = 0;
    enum reason reason = group_memberships(access, token, &rows, &count);

    memory = rows;
    for (size_t i = 0; i < newcomer->ask->n_group; i++) {
        bool is_in = false;

        for (size_t j = 0; j < count; j++)
            is_in |= rows[j].group_id == newcomer->groups[i].id;
        *ret_is_same &= is_in;
    }
    return reason;
}

/* Whether @token has all that is asked for; what nobody asked about does not matter. */
static enum reason compare(struct access *access, const struct token_row *token,
                           const struct newcomer *newcomer, bool *ret_is_same)
{
    const Privyseal__V1__NewUser *ask = newcomer->ask;

    *ret_is_same = (int)token->custody == (int)ask->custody;
    for (size_t i = 0; i < ask->n_set; i++)
        *ret_is_same &= token_policy_agree(&token->policy, &newcomer->token.policy, ask->set[i]);
    return compare_groups(access, token, newcomer, ret_is_same);
}

/* Another code for one who lost the first, or whose operator lost the list of them. */
static enum reason renew_code(struct service *service, int64_t now_ms, const struct token_row *token,
                              struct newcomer *newcomer)
{
    enum reason reason;

    newcomer->token = *token;
    reason = give_code(service, now_ms, newcomer);
    return reason == REASON_NONE ? token_save(&service->access, &newcomer->token) : reason;
}

static enum reason meet(struct service *service, int64_t now_ms, const struct token_row *token,
                        bool gives_codes, struct newcomer *newcomer)
{
    bool is_same = false;
    enum reason reason = compare(&service->access, token, newcomer, &is_same);

    newcomer->result = is_same ? PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_EXISTS
                               : PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_DIFFERS;
    newcomer->why = is_same ? "is there already" : "is there already, with another custody, policy or groups";
    if (reason != REASON_NONE || !is_same || !gives_codes || token->pin_version != 0)
        return reason;
    return renew_code(service, now_ms, token, newcomer);
}

/* ------------------------------------------------------------------------------------------------ one of them */

static enum reason add_or_meet(struct service *service, int64_t now_ms, bool gives_codes,
                               struct newcomer *newcomer)
{
    struct token_row token;
    enum reason reason = check(service, newcomer);

    if (reason != REASON_NONE)
        return reason;
    reason = token_load(&service->access, newcomer->ask->user, &token);
    if (reason == REASON_NONE)
        return meet(service, now_ms, &token, gives_codes, newcomer);
    return reason == REASON_NOT_PERMITTED ? add(service, now_ms, newcomer) : reason; /* there is none */
}

enum reason newcomer_enrol(struct service *service, int64_t now_ms, bool gives_codes,
                           struct newcomer *newcomer)
{
    enum reason reason = add_or_meet(service, now_ms, gives_codes, newcomer);

    if (reason == REASON_NONE || !newcomer->refusal)
        return reason;
    newcomer->result = PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED;
    return REASON_NONE;
}
