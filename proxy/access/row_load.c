/* SPDX-License-Identifier: Apache-2.0 */
/* row_load.c - one row each, into a place of its own until it is believed. */
#include "proxy/access/row_load.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

static enum reason reason_of_read(int r)
{
    return r == -ENOENT ? REASON_NOT_FOUND : access_store_reason(r);
}

enum reason row_load_access(struct access *access, int64_t token_id, enum access_kind kind,
                            struct access_row *ret)
{
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    enum reason reason = reason_of_read(store_access_get(access->store, token_id, kind, &row));

    if (reason == REASON_NONE)
        reason = row_check_access(access, &row);
    if (reason == REASON_NONE && (row.token_id != token_id || row.kind != kind))
        reason = REASON_INTEGRITY;
    if (reason != REASON_NONE)
        return reason;
    *ret = row;
    row = (struct access_row){ 0 };
    return REASON_NONE;
}

enum reason row_load_key(struct access *access, int64_t token_id, const uint8_t name[KEY_NAME_LEN],
                         struct key_row *ret)
{
    CLEANUP(key_row_clear) struct key_row row = { 0 };
    enum reason reason = reason_of_read(store_key_get(access->store, token_id, name, &row));

    if (reason == REASON_NONE)
        reason = row_check_key(access, &row);
    if (reason == REASON_NONE && (row.token_id != token_id || memcmp(row.name, name, KEY_NAME_LEN) != 0))
        reason = REASON_INTEGRITY;
    if (reason != REASON_NONE)
        return reason;
    *ret = row;
    row = (struct key_row){ 0 };
    return REASON_NONE;
}

enum reason row_load_certificate(struct access *access, int64_t token_id,
                                 const uint8_t key_name[KEY_NAME_LEN], struct certificate_row *ret)
{
    CLEANUP(certificate_row_clear) struct certificate_row row = { 0 };
    enum reason reason = reason_of_read(store_certificate_get(access->store, token_id, key_name, &row));

    if (reason == REASON_NONE)
        reason = row_check_certificate(access, &row);
    if (reason == REASON_NONE &&
        (row.token_id != token_id || memcmp(row.key_name, key_name, KEY_NAME_LEN) != 0))
        reason = REASON_INTEGRITY;
    if (reason != REASON_NONE)
        return reason;
    *ret = row;
    row = (struct certificate_row){ 0 };
    return REASON_NONE;
}
