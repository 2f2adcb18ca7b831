/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - from a TLS client certificate's hash to a principal. */
#include "proxy/access/identity.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

enum reason identity_find(struct access *access, struct bytes certificate_hash, struct caller *ret)
{
    struct caller caller = { 0 };
    int r;

    *ret = (struct caller){ 0 };
    if (certificate_hash.len != HASH_LEN)
        return REASON_NONE; /* anonymous */
    memcpy(caller.certificate_hash, certificate_hash.data, HASH_LEN);
    memcpy(ret->certificate_hash, certificate_hash.data, HASH_LEN);

    r = store_principal_by_certificate(access->store, caller.certificate_hash, &caller.principal,
                                       &caller.certificate);
    if (r == -ENOENT)
        return REASON_NONE;
    if (r < 0)
        return access_store_reason(r);

    /* Whoever is not good for everything is good for nothing: no half-filled caller gets out. */
    caller.is_known = caller.principal.enabled && !caller.certificate.revoked &&
                      caller.certificate.role > ROLE_NONE && caller.certificate.role < ROLES;
    if (caller.is_known)
        *ret = caller;
    return REASON_NONE;
}
