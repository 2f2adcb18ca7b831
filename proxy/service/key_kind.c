/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_kind.c - sizes are a choice of this project, not of PKCS#11: nothing weaker, nothing exotic.
 */
#include "proxy/service/key_kind.h"

#include "include/table.h"

#ifndef CKK_EC_EDWARDS
#define CKK_EC_EDWARDS 0x00000040UL /* PKCS#11 v3.0 6.3.5 */
#endif

struct key_kind {
    CK_KEY_TYPE type;
    unsigned bits;
};

static const struct key_kind key_kinds[] = {
    { CKK_RSA, 2048 }, { CKK_RSA, 3072 }, { CKK_RSA, 4096 },       { CKK_EC, 256 },
    { CKK_EC, 384 },   { CKK_EC, 521 },   { CKK_EC_EDWARDS, 255 },
};

static bool can_hold(const struct service *service, enum token_custody custody, const struct key_kind *kind)
{
    return service->custody[custody] &&
           custody_kinds[custody]->can_hold(service->custody[custody], kind->type, kind->bits);
}

enum reason key_kind_check(const struct service *service, enum token_custody custody, CK_KEY_TYPE type,
                           unsigned bits)
{
    enum reason reason = REASON_KEY_TYPE;
    const struct key_kind *kind;

    for (EACH_ROW(kind, key_kinds)) {
        if (kind->type != type)
            continue;
        if (kind->bits == bits)
            return can_hold(service, custody, kind) ? REASON_NONE : REASON_KEY_TYPE;
        reason = REASON_KEY_SIZE;
    }
    return reason;
}

bool key_kind_is_held(const struct service *service, enum token_custody custody, CK_KEY_TYPE type)
{
    const struct key_kind *kind;

    for (EACH_ROW(kind, key_kinds))
        if (kind->type == type && can_hold(service, custody, kind))
            return true;
    return false;
}
