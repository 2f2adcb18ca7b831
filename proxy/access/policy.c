/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - the table of permissions; a permission without a row is nobody's. */
#include "proxy/access/policy.h"

#include "include/table.h"
#include "proxy/access/access.h"

#define ROLE_BIT(role)  (1U << (role))
#define ROLES_USERS     (ROLE_BIT(ROLE_DEVICE) | ROLE_BIT(ROLE_APPLICATION))
#define ROLES_WATCHERS  (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR))
#define ROLES_APPROVERS (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_OFFICER))
#define ROLES_EVERYBODY (ROLES_USERS | ROLES_WATCHERS | ROLES_APPROVERS)

struct policy {
    unsigned roles;        /* ROLE_BIT()s of those who may; none: nobody */
    unsigned grant_bits;   /* all of them are needed; 0: not about a token */
    bool is_token_enabled; /* the token must not be disabled */
    bool is_for_anybody;   /* with or without a certificate that is known */
};

/* How each permission's caller is proved stands in methods.def; what it must hold, here. */
static const struct policy policies[] = {
    [PERM_NOBODY] = { 0, 0, false },
    [PERM_ANYBODY] = { 0, 0, false, true },
    [PERM_ENROL] = { 0, 0, false }, /* no role has it: the dispatcher lets it through without a caller */
    [PERM_KNOWN] = { ROLES_EVERYBODY, 0, false },
    [PERM_SEE_TOKENS] = { ROLES_EVERYBODY, 0, false }, /* the answer is filtered by grant */
    [PERM_SEE_TOKEN] = { ROLES_USERS, GRANT_SEE, false },
    [PERM_USE_TOKEN] = { ROLES_USERS, GRANT_SEE, true },
    [PERM_USE_KEY] = { ROLES_USERS, GRANT_SEE | GRANT_SIGN, true },
    [PERM_MAKE_KEY] = { ROLES_USERS, GRANT_SEE | GRANT_MAKE_KEYS, true },
    [PERM_WATCH] = { ROLES_WATCHERS, 0, false },
    [PERM_OPERATE] = { ROLE_BIT(ROLE_OPERATOR), 0, false },
    [PERM_APPROVE] = { ROLES_APPROVERS, 0, false },
    [PERM_CONTRIBUTE] = { ROLE_BIT(ROLE_OFFICER), 0, false },
};

static const struct policy *policy_find(enum permission permission)
{
    return (size_t)permission < ARRAY_SIZE(policies) ? &policies[permission] : &policies[PERM_NOBODY];
}

bool policy_allows(enum permission permission, enum role role, unsigned grant_bits)
{
    const struct policy *policy = policy_find(permission);

    return role > ROLE_NONE && role < ROLES && (policy->roles & ROLE_BIT(role)) &&
           (policy->grant_bits & grant_bits) == policy->grant_bits;
}

enum reason policy_check(struct access *access, const struct caller *caller, enum permission permission,
                         const struct token_row *token)
{
    const struct policy *policy = policy_find(permission);
    enum reason reason = REASON_NONE;
    unsigned bits = 0;

    if (policy->is_for_anybody)
        return REASON_NONE;
    if (!caller->is_known)
        return REASON_NOT_PERMITTED;
    if (token)
        reason = grant_get(access, token, caller->principal.id, &bits);
    if (reason != REASON_NONE)
        return reason;
    if (!policy_allows(permission, caller->certificate.role, bits))
        return REASON_NOT_PERMITTED;
    if (policy->is_token_enabled && !token->enabled)
        return REASON_DISABLED;
    return REASON_NONE;
}
