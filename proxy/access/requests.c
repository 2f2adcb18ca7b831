/* SPDX-License-Identifier: Apache-2.0 */
/* requests.c - the rows of a requester, all of them or none. */
#include "proxy/access/requests.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

void requests_clear(struct requests *requests)
{
    request_rows_free(requests->rows, requests->count);
    *requests = (struct requests){ 0 };
}

static enum reason list(struct access *access, const struct principal_row *requester, struct requests *ret,
                        uint8_t ret_digest[HASH_LEN])
{
    int r = store_request_list(access->store, requester->id, &ret->rows, &ret->count);

    return r < 0 ? access_store_reason(r) : row_digest_requests(ret->rows, ret->count, ret_digest);
}

enum reason requests_load(struct access *access, const char *requester, struct requests *ret)
{
    CLEANUP(requests_clear) struct requests requests = { 0 };
    uint8_t digest[HASH_LEN];
    enum reason reason = principal_load(access, requester, &requests.requester);

    if (reason == REASON_NONE)
        reason = list(access, &requests.requester, &requests, digest);
    if (reason != REASON_NONE)
        return reason;
    if (memcmp(digest, requests.requester.requests, HASH_LEN) != 0)
        return REASON_INTEGRITY;
    *ret = requests;
    requests = (struct requests){ 0 };
    return REASON_NONE;
}

struct request_row *requests_find(struct requests *requests, const uint8_t name[APPROVAL_ID_LEN])
{
    for (size_t i = 0; i < requests->count; i++)
        if (memcmp(requests->rows[i].name, name, APPROVAL_ID_LEN) == 0)
            return &requests->rows[i];
    return NULL;
}

bool request_is_open(const struct request_row *row, int64_t now_ms)
{
    return row->state == REQUEST_OPEN && now_ms < row->expires_ms;
}

/* The requester's row gets the digest of what is stored now. What was loaded was believed before. */
static enum reason save(struct access *access, struct principal_row *requester)
{
    CLEANUP(requests_clear) struct requests now = { 0 };
    enum reason reason = list(access, requester, &now, requester->requests);

    return reason == REASON_NONE ? principal_save(access, requester) : reason;
}

/* Makes room for one more. The oldest come first; those that wait are never given up for it. */
static enum reason make_room(struct access *access, const struct requests *requests, int64_t now_ms)
{
    size_t left = requests->count, open = 0;

    for (size_t i = 0; i < requests->count; i++) {
        bool is_open = request_is_open(&requests->rows[i], now_ms);

        open += is_open;
        if (is_open || left < REQUESTS_KEPT_MAX)
            continue;
        if (store_request_delete(access->store, requests->rows[i].id) < 0)
            return REASON_STORE;
        left--;
    }
    return open < REQUESTS_OPEN_MAX ? REASON_NONE : REASON_LIMIT;
}

enum reason requests_add(struct access *access, struct requests *requests, struct request_row *row)
{
    enum reason reason = make_room(access, requests, row->created_ms);
    int r;

    if (reason != REASON_NONE)
        return reason;
    row->principal_id = requests->requester.id;
    r = store_request_insert(access->store, row);
    if (r < 0)
        return r == -EEXIST ? REASON_ALREADY_EXISTS : access_store_reason(r);
    return save(access, &requests->requester);
}

enum reason requests_decide(struct access *access, struct requests *requests, const struct request_row *row)
{
    enum reason reason = access_store_reason(store_request_set(access->store, row));

    return reason == REASON_NONE ? save(access, &requests->requester) : reason;
}
