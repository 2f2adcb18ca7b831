/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.c - which of the rows that were issued are taken back. */
#include "proxy/service/revocation.h"

#include <string.h>
#include <time.h>

#include "proxy/service/refusal.h"

/* Of the wall, as lists and answers show it. */
static int64_t clock_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

static enum reason revoke_rows(struct access *access, struct issued_row *rows, size_t count,
                               enum crl_reason crl_reason, size_t *ret_changed)
{
    int64_t now_ms = clock_ms();
    enum reason reason = REASON_NONE;

    *ret_changed = 0;
    for (int authority = 0; reason == REASON_NONE && authority < AUTHORITIES; authority++) {
        size_t changed = 0;

        for (size_t i = 0; i < count; i++)
            changed += rows[i].authority == (enum authority)authority;
        if (changed > 0)
            reason =
                issued_revoke(access, (enum authority)authority, rows, count, crl_reason, now_ms, &changed);
        *ret_changed += reason == REASON_NONE ? changed : 0;
    }
    return reason;
}

/* @key_name NULL: of all keys, and of the devices. */
static enum reason revoke_of(struct service *service, const struct token_row *token, const uint8_t *key_name,
                             int crl_reason, size_t *ret_count)
{
    CLEANUP(free) void *memory = NULL;
    struct issued_row *rows = NULL;
    size_t count = 0, kept = 0;
    int r = store_issued_of_token(service->access.store, token->id, &rows, &count);

    memory = rows;
    if (r < 0)
        return refusal_of_store(r);
    for (size_t i = 0; i < count; i++)
        if (!key_name || memcmp(rows[i].key_name, key_name, KEY_NAME_LEN) == 0)
            rows[kept++] = rows[i];
    return revoke_rows(&service->access, rows, kept, (enum crl_reason)crl_reason, ret_count);
}

enum reason revoke_token_certificates(struct service *service, const struct token_row *token, int crl_reason)
{
    size_t changed;

    return revoke_of(service, token, NULL, crl_reason, &changed);
}

enum reason revoke_key_certificates(struct service *service, const struct token_row *token,
                                    const uint8_t key_name[KEY_NAME_LEN], int crl_reason, size_t *ret_count)
{
    return revoke_of(service, token, key_name, crl_reason, ret_count);
}

enum reason revoke_certificate(struct service *service, const uint8_t serial[ISSUED_SERIAL_LEN],
                               int crl_reason, struct issued_row *ret)
{
    struct issued_row row;
    size_t changed = 0;
    enum reason reason = issued_load(&service->access, serial, &row);

    if (reason != REASON_NONE)
        return reason;
    *ret = row;
    reason = revoke_rows(&service->access, &row, 1, (enum crl_reason)crl_reason, &changed);
    return reason == REASON_NONE && changed == 0 ? REASON_ALREADY_EXISTS : reason;
}
