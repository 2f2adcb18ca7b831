/* SPDX-License-Identifier: Apache-2.0 */
/* principal.c - a principal's row and its certificates read, believed and written. */
#include "proxy/access/principal.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

#define DEAD_KEPT_MS INT64_C(7776000000) /* 90 days */

/* @r is how reading @row went; @is_it: whether it is the one that was asked for (row_load.h). */
static enum reason principal_believe(struct access *access, int r, bool is_it,
                                     const struct principal_row *row, struct principal_row *ret)
{
    enum reason reason;

    if (r == -ENOENT)
        return REASON_NOT_FOUND;
    if (r < 0)
        return access_store_reason(r);
    reason = row_check_principal(access, row);
    if (reason != REASON_NONE)
        return reason;
    if (!is_it || !sequences_remember(&access->principals_seen, row->name, row->sequence))
        return REASON_INTEGRITY;
    *ret = *row;
    return REASON_NONE;
}

enum reason principal_load(struct access *access, const char *name, struct principal_row *ret)
{
    struct principal_row row;
    int r = store_principal_by_name(access->store, name, &row);

    return principal_believe(access, r, r == 0 && strcmp(row.name, name) == 0, &row, ret);
}

enum reason principal_by_certificate(struct access *access, const uint8_t hash[HASH_LEN],
                                     struct principal_row *ret)
{
    struct principal_row row;
    int r = store_principal_by_certificate(access->store, hash, &row);

    return principal_believe(access, r, true, &row, ret); /* its certificates tell (identity.c) */
}

/* -------------------------------------------------------------------------------------------- certificates */

static enum reason list_certificates(struct access *access, int64_t principal_id,
                                     struct principal_certificate_row **ret_rows, size_t *ret_count,
                                     uint8_t ret_digest[HASH_LEN])
{
    int r = store_principal_certificates(access->store, principal_id, ret_rows, ret_count);

    return r < 0 ? access_store_reason(r) : row_digest_certificates(*ret_rows, *ret_count, ret_digest);
}

enum reason principal_certificates(struct access *access, const struct principal_row *row,
                                   struct principal_certificate_row **ret_rows, size_t *ret_count)
{
    struct principal_certificate_row *rows = NULL;
    CLEANUP(free) void *memory = NULL;
    uint8_t digest[HASH_LEN];
    size_t count = 0;
    enum reason reason = list_certificates(access, row->id, &rows, &count, digest);

    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    if (memcmp(digest, row->certificates, HASH_LEN) != 0)
        return REASON_INTEGRITY;
    *ret_rows = TAKE(memory);
    *ret_count = count;
    return REASON_NONE;
}

/* The digest of what is stored now. What is not true already does not become so: @row was believed before. */
static enum reason digest_certificates(struct access *access, struct principal_row *row)
{
    struct principal_certificate_row *rows = NULL;
    size_t count = 0;
    enum reason reason = list_certificates(access, row->id, &rows, &count, row->certificates);

    free(rows);
    return reason;
}

/* ------------------------------------------------------------------------------------------------- writing */

enum reason principal_save(struct access *access, struct principal_row *row)
{
    struct principal_row next = *row;
    enum reason reason;

    next.sequence++;
    reason = row_mac_principal(access, &next);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_principal_update(access->store, &next, row->sequence));
    if (reason == REASON_NONE)
        *row = next;
    return reason;
}

static enum reason principal_add(struct access *access, const char *name, int64_t now_ms,
                                 struct principal_row *ret)
{
    struct principal_row row = { .enabled = true, .created_ms = now_ms };
    enum reason reason;

    strcpy(row.name, name); /* a valid name: at most NAME_MAX_LEN */
    reason = access_store_reason(store_principal_insert(access->store, &row));
    if (reason == REASON_NONE)
        reason = principal_save(access, &row); /* its MAC is over its id */
    if (reason == REASON_NONE)
        *ret = row;
    return reason;
}

enum reason principal_find(struct access *access, const char *name, bool may_add, int64_t now_ms,
                           struct principal_row *ret)
{
    enum reason reason = principal_load(access, name, ret);

    return reason == REASON_NOT_FOUND && may_add ? principal_add(access, name, now_ms, ret) : reason;
}

/* Errors: REASON_INTEGRITY (those that are there are not to be believed). */
static enum reason check_certificates(struct access *access, const struct principal_row *row)
{
    struct principal_certificate_row *rows = NULL;
    size_t count;
    enum reason reason = principal_certificates(access, row, &rows, &count);

    free(rows);
    return reason;
}

/* Every call of a principal reads all its rows: those that nobody asks about any more make way when one is added. */
static enum reason forget_dead(struct access *access, const struct principal_row *row, int64_t now_ms)
{
    return now_ms ? access_store_reason(
                        store_principal_forget_dead(access->store, row->id, now_ms - DEAD_KEPT_MS))
                  : REASON_NONE;
}

enum reason principal_add_certificate(struct access *access, struct principal_row *row,
                                      struct principal_certificate_row *certificate)
{
    enum reason reason = check_certificates(access, row);
    int r;

    if (reason == REASON_NONE)
        reason = forget_dead(access, row, certificate->created_ms);
    if (reason != REASON_NONE)
        return reason;
    certificate->principal_id = row->id;
    r = store_principal_add_certificate(access->store, certificate);
    if (r < 0)
        return r == -EEXIST ? REASON_ALREADY_EXISTS : access_store_reason(r);
    reason = digest_certificates(access, row);
    return reason == REASON_NONE ? principal_save(access, row) : reason;
}

enum reason principal_change_certificate(struct access *access, struct principal_row *row,
                                         const struct principal_certificate_row *certificate)
{
    enum reason reason = check_certificates(access, row);
    int r;

    if (reason != REASON_NONE)
        return reason;
    r = store_principal_update_certificate(access->store, certificate);
    if (r < 0)
        return r == -ENOENT ? REASON_NOT_FOUND : access_store_reason(r);
    reason = digest_certificates(access, row);
    return reason == REASON_NONE ? principal_save(access, row) : reason;
}

enum reason principal_end(struct access *access, struct principal_row *row, size_t *ret_count)
{
    struct principal_certificate_row *rows = NULL;
    enum reason reason = principal_certificates(access, row, &rows, ret_count);

    free(rows);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_principal_forget_certificates(access->store, row->id));
    if (reason != REASON_NONE)
        return reason;
    memset(row->certificates, 0, sizeof(row->certificates));
    memset(row->device_code, 0, sizeof(row->device_code));
    row->device_code_until_ms = 0;
    row->enabled = false;
    return principal_save(access, row);
}
