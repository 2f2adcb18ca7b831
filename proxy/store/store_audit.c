/* SPDX-License-Identifier: Apache-2.0 */
/* store_audit.c - the heads of the audit logs, and how often each key has signed according to them. */
#include "proxy/store/store.h"

#include <errno.h>
#include <string.h>

#include "proxy/store/row.h"

struct head {
    uint64_t sequence;
    uint8_t hash[HASH_LEN];
};

static const struct field head_fields[] = {
    FIELD(struct head, sequence),
    FIELD(struct head, hash),
};
static const struct row_type head_type = ROW_TYPE("audit head", struct head, head_fields);

struct key_count {
    uint64_t signatures;
    uint64_t sequence;
};

static const struct field key_count_fields[] = {
    FIELD(struct key_count, signatures),
    FIELD(struct key_count, sequence),
};
static const struct row_type key_count_type = ROW_TYPE("key count", struct key_count, key_count_fields);

int store_audit_head_put(struct store *store, uint32_t signer, uint64_t sequence,
                         const uint8_t hash[HASH_LEN])
{
    return row_change(
        store,
        "INSERT INTO audit_heads (signer, sequence, hash) VALUES ($1, $2, $3)"
        " ON CONFLICT (signer) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash"
        " WHERE excluded.sequence > audit_heads.sequence",
        VALUES(value_integer(signer), value_integer((int64_t)sequence), value_blob(BYTES(hash, HASH_LEN))),
        -ESTALE);
}

int store_audit_head_get(struct store *store, uint32_t signer, uint64_t *ret_sequence,
                         uint8_t ret_hash[HASH_LEN])
{
    struct head head = { 0 };
    int r = row_get(store, &head_type, "SELECT sequence, hash FROM audit_heads WHERE signer = $1",
                    VALUES(value_integer(signer)), &head);

    if (r < 0 && r != -ENOENT)
        return r;
    *ret_sequence = head.sequence;
    memcpy(ret_hash, head.hash, HASH_LEN);
    return 0;
}

int store_key_count_put(struct store *store, uint32_t signer, const uint8_t name[KEY_NAME_LEN],
                        uint64_t count, uint64_t sequence)
{
    return row_change(store,
                      "INSERT INTO key_counts (signer, name, signatures, sequence) VALUES ($1, $2, $3, $4)"
                      " ON CONFLICT (signer, name) DO UPDATE"
                      " SET signatures = excluded.signatures, sequence = excluded.sequence",
                      VALUES(value_integer(signer), value_blob(BYTES(name, KEY_NAME_LEN)),
                             value_integer((int64_t)count), value_integer((int64_t)sequence)),
                      -EIO);
}

int store_key_count_get(struct store *store, uint32_t signer, const uint8_t name[KEY_NAME_LEN],
                        uint64_t *ret_count, uint64_t *ret_sequence)
{
    struct key_count count = { 0 };
    int r = row_get(store, &key_count_type,
                    "SELECT signatures, sequence FROM key_counts WHERE signer = $1 AND name = $2",
                    VALUES(value_integer(signer), value_blob(BYTES(name, KEY_NAME_LEN))), &count);

    if (r < 0 && r != -ENOENT)
        return r;
    *ret_count = count.signatures;
    *ret_sequence = count.sequence;
    return 0;
}
