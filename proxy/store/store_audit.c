/* SPDX-License-Identifier: Apache-2.0 */
/* store_audit.c - the heads of the audit logs, and how often each key has signed according to them. */
#include "proxy/store/store.h"

#include <errno.h>
#include <string.h>

#include "proxy/store/row.h"

static const struct field head_fields[] = {
    FIELD(struct audit_head, log.proxy),
    FIELD(struct audit_head, log.signer),
    FIELD(struct audit_head, sequence),
    FIELD(struct audit_head, hash),
};
static const struct row_type head_type = ROW_TYPE("audit head", struct audit_head, head_fields);

struct key_count {
    uint64_t signatures;
    uint64_t sequence;
};

static const struct field key_count_fields[] = {
    FIELD(struct key_count, signatures),
    FIELD(struct key_count, sequence),
};
static const struct row_type key_count_type = ROW_TYPE("key count", struct key_count, key_count_fields);

int store_audit_head_put(struct store *store, const struct log_name *log, uint64_t sequence,
                         const uint8_t hash[HASH_LEN])
{
    return row_change(
        store,
        "INSERT INTO audit_heads (proxy, signer, sequence, hash) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (proxy, signer) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash"
        " WHERE excluded.sequence > audit_heads.sequence",
        VALUES(value_text(log->proxy), value_integer(log->signer), value_integer((int64_t)sequence),
               value_blob(BYTES(hash, HASH_LEN))),
        -ESTALE);
}

int store_audit_head_get(struct store *store, const struct log_name *log, uint64_t *ret_sequence,
                         uint8_t ret_hash[HASH_LEN])
{
    struct audit_head head = { 0 };
    int r = row_get(store, &head_type,
                    "SELECT proxy, signer, sequence, hash FROM audit_heads WHERE proxy = $1 AND signer = $2",
                    VALUES(value_text(log->proxy), value_integer(log->signer)), &head);

    if (r < 0 && r != -ENOENT)
        return r;
    *ret_sequence = head.sequence;
    memcpy(ret_hash, head.hash, HASH_LEN);
    return 0;
}

int store_audit_head_list(struct store *store, struct audit_head **ret_heads, size_t *ret_count)
{
    void *rows = NULL;
    int r = row_list(store, &head_type,
                     "SELECT proxy, signer, sequence, hash FROM audit_heads ORDER BY proxy, signer",
                     VALUES_NONE, &rows, ret_count);

    if (r == 0)
        *ret_heads = rows;
    return r;
}

int store_key_count_put(struct store *store, const struct log_name *log, const uint8_t name[KEY_NAME_LEN],
                        uint64_t count, uint64_t sequence)
{
    return row_change(store,
                      "INSERT INTO key_counts (proxy, signer, name, signatures, sequence)"
                      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (proxy, signer, name) DO UPDATE"
                      " SET signatures = excluded.signatures, sequence = excluded.sequence",
                      VALUES(value_text(log->proxy), value_integer(log->signer),
                             value_blob(BYTES(name, KEY_NAME_LEN)), value_integer((int64_t)count),
                             value_integer((int64_t)sequence)),
                      -EIO);
}

int store_key_count_get(struct store *store, const struct log_name *log, const uint8_t name[KEY_NAME_LEN],
                        uint64_t *ret_count, uint64_t *ret_sequence)
{
    struct key_count count = { 0 };
    int r = row_get(
        store, &key_count_type,
        "SELECT signatures, sequence FROM key_counts WHERE proxy = $1 AND signer = $2 AND name = $3",
        VALUES(value_text(log->proxy), value_integer(log->signer), value_blob(BYTES(name, KEY_NAME_LEN))),
        &count);

    if (r < 0 && r != -ENOENT)
        return r;
    *ret_count = count.signatures;
    *ret_sequence = count.sequence;
    return 0;
}
