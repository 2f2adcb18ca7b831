/* SPDX-License-Identifier: Apache-2.0 */
/* key_access.c - the one way to a key, whatever is to be done with it. */
#include "proxy/service/key_access.h"

#include <string.h>

#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proto/pack.h"

#define RECORD_DIGEST_MAX 64 /* bytes recorded as they are: every digest there is */

enum reason key_record(struct call *call, const ProtobufCBinaryData *name, const char *request_id)
{
    if (name->len != KEY_NAME_LEN || strlen(request_id) > CLIENT_REQUEST_ID_MAX)
        return REASON_MALFORMED;
    hex_encode(pack_lend(name), call->text.key);
    call->record.key = call->text.key;
    call->record.client_request_id = request_id;
    return REASON_NONE;
}

enum reason key_record_digest(struct call *call, struct bytes data)
{
    CK_MECHANISM_TYPE hash = mechanism_hash_of_digest_info(data);
    size_t len = mechanism_hash_len(hash);
    uint8_t sha256[HASH_LEN];

    if (len > 0 && len <= data.len) {
        data = BYTES(data.data + data.len - len, len); /* its last field. RFC 8017 9.2 */
    } else if (data.len > RECORD_DIGEST_MAX) {
        if (digest_sha256(NULL, data, sha256) < 0)
            return REASON_INTERNAL;
        data = BYTES_OF_ARRAY(sha256);
    }
    hex_encode(data, call->text.digest);
    call->record.digest = call->text.digest;
    return REASON_NONE;
}

/* The row, from wherever it is nearest. */
static enum reason load_key(struct service *service, const struct call *call, const ProtobufCBinaryData *name,
                            struct key_row *room, const struct key_row **ret)
{
    enum reason reason;

    *ret = call->lease ? lease_find_key(call->lease, name->data) : NULL;
    if (*ret)
        return REASON_NONE;
    reason = row_load_key(&service->access, call->token.id, name->data, room);
    *ret = room;
    if (reason == REASON_NONE && call->lease) {
        if (lease_keep_key(call->lease, room) < 0)
            return REASON_INTERNAL;
        *ret = lease_find_key(call->lease, name->data);
    }
    return reason == REASON_NOT_FOUND ? REASON_KEY_UNKNOWN : reason;
}

enum reason key_find(struct service *service, const struct call *call, const ProtobufCBinaryData *name,
                     enum key_usage usage, struct key_row *room, const struct key_row **ret)
{
    enum reason reason = load_key(service, call, name, room, ret);

    if (reason != REASON_NONE)
        return reason;
    if ((*ret)->usage != usage)
        return REASON_KEY_USAGE;
    return (*ret)->expires_ms != 0 && call->now_ms >= (*ret)->expires_ms ? REASON_KEY_EXPIRED : REASON_NONE;
}
