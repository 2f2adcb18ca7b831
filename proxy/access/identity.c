/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - from a TLS client certificate's hash to a principal. */
#include "proxy/access/identity.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/access/access.h"

/* The certificate of that hash among its principal's, all of which are believed or none. */
static enum reason find_certificate(struct access *access, const struct principal_row *principal,
                                    const uint8_t hash[HASH_LEN], struct principal_certificate_row *ret)
{
    CLEANUP(free) void *memory = NULL;
    struct principal_certificate_row *rows = NULL;
    size_t count = 0;
    enum reason reason = principal_certificates(access, principal, &rows, &count);

    memory = rows;
    for (size_t i = 0; i < count; i++)
        if (memcmp(rows[i].hash, hash, HASH_LEN) == 0)
            *ret = rows[i];
    return reason;
}

enum reason identity_find(struct access *access, struct bytes certificate_hash, int64_t now_ms,
                          struct caller *ret)
{
    struct caller caller = { 0 };
    enum reason reason;

    *ret = (struct caller){ 0 };
    if (certificate_hash.len != HASH_LEN)
        return REASON_NONE; /* anonymous */
    memcpy(caller.certificate_hash, certificate_hash.data, HASH_LEN);
    memcpy(ret->certificate_hash, certificate_hash.data, HASH_LEN);

    reason = principal_by_certificate(access, caller.certificate_hash, &caller.principal);
    if (reason == REASON_NONE)
        reason = find_certificate(access, &caller.principal, caller.certificate_hash, &caller.certificate);
    if (reason != REASON_NONE)
        return reason == REASON_NOT_FOUND ? REASON_NONE : reason;

    /* Whoever is not good for everything is good for nothing: no half-filled caller gets out. */
    caller.is_known = caller.principal.enabled && !caller.certificate.revoked &&
                      now_ms < caller.certificate.not_after_ms && caller.certificate.role > ROLE_NONE &&
                      caller.certificate.role < ROLES;
    if (caller.is_known)
        *ret = caller;
    return REASON_NONE;
}
