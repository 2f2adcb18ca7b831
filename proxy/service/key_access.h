/* SPDX-License-Identifier: Apache-2.0 */
/* key_access.h - from the name in a request to a key row that may be believed, and used for this. */
#pragma once

#include "proxy/service/service.h"

/* Notes key and client's request id in the record. @name is checked here. Errors: REASON_MALFORMED. */
MUST_CHECK enum reason key_record(struct call *call, const ProtobufCBinaryData *name, const char *request_id);
/*
 * Notes what the key is used on: the digest an auditor compares with a document, out of its DigestInfo; of longer data
 * the SHA-256. Errors: REASON_INTERNAL.
 */
MUST_CHECK enum reason key_record_digest(struct call *call, struct bytes data);
/*
 * The token's key of that name, its row's MAC checked, its time not over, made for @usage. Under a lease the row is
 * read at the first use alone, and lent by the lease; otherwise it stands in @room, which the caller clears.
 * Errors: REASON_KEY_UNKNOWN, REASON_KEY_EXPIRED, REASON_KEY_USAGE, REASON_INTEGRITY, REASON_STORE, REASON_HSM.
 */
MUST_CHECK enum reason key_find(struct service *service, const struct call *call,
                                const ProtobufCBinaryData *name, enum key_usage usage, struct key_row *room,
                                const struct key_row **ret);
