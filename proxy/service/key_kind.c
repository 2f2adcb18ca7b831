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
    unsigned uses;
};

#define USE(usage) (1U << (usage))
#define RSA_USES   (USE(KEY_SIGNS) | USE(KEY_DECRYPTS))
#define EC_USES    (USE(KEY_SIGNS) | USE(KEY_DERIVES))

static const struct key_kind key_kinds[] = {
    { CKK_RSA, 2048, RSA_USES },
    { CKK_RSA, 3072, RSA_USES },
    { CKK_RSA, 4096, RSA_USES },
    { CKK_EC, 256, EC_USES },
    { CKK_EC, 384, EC_USES },
    { CKK_EC, 521, EC_USES },
    { CKK_EC_EDWARDS, 255, USE(KEY_SIGNS) },
};

static bool can_hold(const struct service *service, enum token_custody custody, const struct key_kind *kind)
{
    return service->custody[custody] &&
           custody_kinds[custody]->can_hold(service->custody[custody], kind->type, kind->bits);
}

enum reason key_kind_check(const struct service *service, enum token_custody custody, CK_KEY_TYPE type,
                           unsigned bits, Privyseal__V1__KeyUsage usage)
{
    enum reason reason = REASON_KEY_TYPE;
    const struct key_kind *kind;

    for (EACH_ROW(kind, key_kinds)) {
        if (kind->type != type)
            continue;
        if ((unsigned)usage > KEY_DERIVES || !(kind->uses & USE(usage)))
            return REASON_KEY_USAGE;
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
