/* SPDX-License-Identifier: Apache-2.0 */
/* key_access.c - the one way to a key, whatever is to be done with it. */
#include "proxy/service/key_access.h"

#include <errno.h>
#include <string.h>

#include "proto/pack.h"
#include "proxy/service/refusal.h"

enum reason key_record(struct call *call, const ProtobufCBinaryData *name, const char *request_id)
{
    if (name->len != KEY_NAME_LEN || strlen(request_id) > CLIENT_REQUEST_ID_MAX)
        return REASON_MALFORMED;
    hex_encode(pack_lend(name), call->text.key);
    call->record.key = call->text.key;
    call->record.client_request_id = request_id;
    return REASON_NONE;
}

enum reason key_find(struct service *service, const struct call *call, const ProtobufCBinaryData *name,
                     enum key_usage usage, struct key_row *ret)
{
    int r = store_key_get(service->access.store, call->token.id, name->data, ret);
    enum reason reason;

    if (r == -ENOENT)
        return REASON_KEY_UNKNOWN;
    if (r < 0)
        return refusal_of_store(r);
    reason = row_check_key(&service->access, ret);
    if (reason != REASON_NONE)
        return reason;
    if (ret->usage != usage)
        return REASON_KEY_USAGE;
    return ret->expires_ms != 0 && call->now_ms >= ret->expires_ms ? REASON_KEY_EXPIRED : REASON_NONE;
}
