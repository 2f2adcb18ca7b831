/* SPDX-License-Identifier: Apache-2.0 */
/* device_info.c - rows into messages. */
#include "proxy/service/device_info.h"

#include <string.h>

#include "proxy/service/message.h"
#include "proxy/service/roles.h"

static bool is_renewed(const struct principal_certificate_row *rows, size_t count,
                       const struct principal_certificate_row *row)
{
    for (size_t i = 0; i < count; i++)
        if (!rows[i].revoked && memcmp(rows[i].replaces, row->hash, HASH_LEN) == 0)
            return true;
    return false;
}

static enum reason make_info(const struct principal_certificate_row *row, struct bytes caller,
                             Privyseal__V1__DeviceInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__DeviceInfo *info;

    if (message_new(&privyseal__v1__device_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__DeviceInfo *)message;
    info->not_after_unix = (uint64_t)row->not_after_ms / 1000;
    info->created_unix = (uint64_t)row->created_ms / 1000;
    info->revoked = row->revoked;
    info->is_caller = bytes_equal(caller, BYTES_OF_ARRAY(row->hash));
    if (message_set_bytes(&info->fingerprint, BYTES_OF_ARRAY(row->hash)) < 0 ||
        message_set_text(&info->role, role_word(row->role)) < 0 ||
        message_set_text(&info->label, row->label) < 0)
        return REASON_INTERNAL;
    *ret = (Privyseal__V1__DeviceInfo *)TAKE(message);
    return REASON_NONE;
}

enum reason device_infos(const struct principal_certificate_row *rows, size_t count, struct bytes caller,
                         size_t *ret_count, Privyseal__V1__DeviceInfo ***ret)
{
    enum reason reason = REASON_NONE;

    *ret = message_alloc(count * sizeof(**ret));
    if (!*ret)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        reason = make_info(&rows[i], caller, &(*ret)[i]);
        if (reason != REASON_NONE)
            break;
        (*ret)[i]->is_renewed = is_renewed(rows, count, &rows[i]);
        (*ret_count)++;
    }
    return reason;
}
