/* SPDX-License-Identifier: Apache-2.0 */
/* access.c - what the files of this folder share: a store's error as a reason, and HMACs by the HSM. */
#include "proxy/access/access.h"

#include <errno.h>

#include "include/table.h"

void access_clear(struct access *access)
{
    sequences_clear(&access->tokens_seen);
    sequences_clear(&access->principals_seen);
    sequences_clear(&access->groups_seen);
    sequences_clear(&access->enrolments_seen);
}

enum reason access_store_reason(int r)
{
    static const struct {
        int error;
        enum reason reason;
    } rows[] = {
        { 0, REASON_NONE },
        { -EAGAIN, REASON_BUSY },
        { -ESTALE, REASON_BUSY },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].error == r)
            return rows[i].reason;
    return REASON_STORE;
}

enum reason access_mac(struct access *access, enum hsm_mac_key key, uint32_t epoch,
                       const struct context *context, uint8_t ret[HASH_LEN])
{
    struct bytes input;

    if (context_end(context, &input) < 0)
        return REASON_INTERNAL;
    return hsm_mac(access->hsm, key, epoch, input, ret) == CKR_OK ? REASON_NONE : REASON_HSM;
}
