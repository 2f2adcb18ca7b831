/* SPDX-License-Identifier: Apache-2.0 */
/* store_token.c - tokens: one row each, changed by compare-and-set. */
#include "proxy/store/store.h"

#include <errno.h>
#include <string.h>

#include "proxy/store/row.h"

#define TOKEN_COLUMNS                                                                                        \
    "id, name, serial, custody, home, partition, enabled, locked, pin_version, version, sequence, "          \
    "created_ms, activation, activation_until_ms, failures_total, failures_version, failed_ms, attempts, "   \
    "grants, memberships, second_factor, device_secret, always_authenticate, idle_ms, max_signatures, "      \
    "mechanisms, "                                                                                           \
    "no_decrypt, keys_need_permit, key_permits, recovery_bits, recovery, retired_versions, "                 \
    "recovery_failures, "                                                                                    \
    "recovery_failed_ms, factor, factor_version, factors, mac"

static const struct field token_fields[] = {
    FIELD(struct token_row, id),
    FIELD(struct token_row, name),
    FIELD(struct token_row, serial),
    FIELD(struct token_row, custody),
    FIELD(struct token_row, home),
    FIELD(struct token_row, partition),
    FIELD(struct token_row, enabled),
    FIELD(struct token_row, locked),
    FIELD(struct token_row, pin_version),
    FIELD(struct token_row, version),
    FIELD(struct token_row, sequence),
    FIELD(struct token_row, created_ms),
    FIELD(struct token_row, activation),
    FIELD(struct token_row, activation_until_ms),
    FIELD(struct token_row, failures_total),
    FIELD(struct token_row, failures_version),
    FIELD(struct token_row, failed_ms),
    FIELD(struct token_row, attempts),
    FIELD(struct token_row, grants),
    FIELD(struct token_row, memberships),
    FIELD(struct token_row, policy.second_factor),
    FIELD(struct token_row, policy.device_secret),
    FIELD(struct token_row, policy.always_authenticate),
    FIELD(struct token_row, policy.idle_ms),
    FIELD(struct token_row, policy.max_signatures),
    FIELD(struct token_row, policy.mechanisms),
    FIELD(struct token_row, policy.no_decrypt),
    FIELD(struct token_row, policy.keys_need_permit),
    FIELD(struct token_row, policy.key_permits),
    FIELD(struct token_row, recovery_bits),
    FIELD(struct token_row, recovery),
    FIELD(struct token_row, retired_versions),
    FIELD(struct token_row, recovery_failures),
    FIELD(struct token_row, recovery_failed_ms),
    FIELD(struct token_row, factor),
    FIELD(struct token_row, factor_version),
    FIELD(struct token_row, factors),
    FIELD(struct token_row, mac),
};
static const struct row_type token_type = ROW_TYPE("token", struct token_row, token_fields);

int store_token_insert(struct store *store, struct token_row *row)
{
    return row_insert(
        store, &token_type,
        "INSERT INTO tokens (name, serial, custody, home, partition, enabled, locked,"
        " pin_version, version, sequence, created_ms, activation, activation_until_ms,"
        " failures_total, failures_version, failed_ms, attempts, grants, memberships, second_factor,"
        " device_secret, always_authenticate, idle_ms, max_signatures, mechanisms, no_decrypt,"
        " keys_need_permit, key_permits, recovery_bits, recovery, retired_versions, recovery_failures,"
        " recovery_failed_ms, factor, factor_version, factors, mac)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
        " $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31,"
        " $32, $33, $34, $35, $36, $37) RETURNING id",
        row);
}

int store_token_by_name(struct store *store, const char *name, struct token_row *ret)
{
    return row_get(store, &token_type, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE name = $1" ROW_LOCK,
                   VALUES(value_text(name)), ret);
}

int store_token_by_id(struct store *store, int64_t id, struct token_row *ret)
{
    return row_get(store, &token_type, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id = $1" ROW_LOCK,
                   VALUES(value_integer(id)), ret);
}

/* What a token is born with (name, serial, created) cannot change: a row that differs there is not found. */
int store_token_update(struct store *store, const struct token_row *row, uint64_t old_sequence)
{
    struct value room[ROW_FIELDS_MAX];
    struct values values = row_values(&token_type, row, 0, room);

    room[values.count++] = value_integer((int64_t)old_sequence);
    return row_change(
        store,
        "UPDATE tokens SET custody = $4, home = $5, partition = $6, enabled = $7, locked = $8,"
        " pin_version = $9, version = $10, sequence = $11, activation = $13,"
        " activation_until_ms = $14, failures_total = $15, failures_version = $16,"
        " failed_ms = $17, attempts = $18, grants = $19, memberships = $20,"
        " second_factor = $21, device_secret = $22, always_authenticate = $23, idle_ms = $24,"
        " max_signatures = $25, mechanisms = $26, no_decrypt = $27, keys_need_permit = $28,"
        " key_permits = $29, recovery_bits = $30, recovery = $31,"
        " retired_versions = $32, recovery_failures = $33, recovery_failed_ms = $34, factor = $35,"
        " factor_version = $36, factors = $37, mac = $38"
        " WHERE id = $1 AND name = $2 AND serial = $3 AND created_ms = $12 AND sequence = $39",
        values, -ESTALE);
}

int store_token_list(struct store *store, const char *after, unsigned limit, struct token_row **ret_rows,
                     size_t *ret_count)
{
    return store_token_search(store, after, limit, &(struct token_filter){ 0 }, ret_rows, ret_count);
}

/* The clauses are as the partial indexes have them. */
#define SEARCH(clauses)                                                                                      \
    "SELECT " TOKEN_COLUMNS " FROM tokens WHERE name > $1" clauses " ORDER BY name LIMIT $2"
#define LOCKED   " AND locked = 1"
#define DISABLED " AND enabled = 0"
#define NO_PIN   " AND pin_version = 0"
#define IN_GROUP " AND id IN (SELECT token_id FROM group_members WHERE group_id = $3)"

enum { BIT_LOCKED = 1, BIT_DISABLED = 2, BIT_NO_PIN = 4, BIT_IN_GROUP = 8 };

/* A backend knows a statement by its address: so each combination is one of its own. */
static const char *const searches[] = {
    SEARCH(""),
    SEARCH(LOCKED),
    SEARCH(DISABLED),
    SEARCH(LOCKED DISABLED),
    SEARCH(NO_PIN),
    SEARCH(LOCKED NO_PIN),
    SEARCH(DISABLED NO_PIN),
    SEARCH(LOCKED DISABLED NO_PIN),
    SEARCH(IN_GROUP),
    SEARCH(LOCKED IN_GROUP),
    SEARCH(DISABLED IN_GROUP),
    SEARCH(LOCKED DISABLED IN_GROUP),
    SEARCH(NO_PIN IN_GROUP),
    SEARCH(LOCKED NO_PIN IN_GROUP),
    SEARCH(DISABLED NO_PIN IN_GROUP),
    SEARCH(LOCKED DISABLED NO_PIN IN_GROUP),
};

int store_token_search(struct store *store, const char *after, unsigned limit,
                       const struct token_filter *filter, struct token_row **ret_rows, size_t *ret_count)
{
    const struct value parameters[] = { value_text(after), value_integer(limit),
                                        value_integer(filter->group_id) };
    size_t index = (filter->is_locked ? BIT_LOCKED : 0) | (filter->is_disabled ? BIT_DISABLED : 0) |
                   (filter->has_no_pin ? BIT_NO_PIN : 0) | (filter->group_id ? BIT_IN_GROUP : 0);

    return row_list(store, &token_type, searches[index],
                    (struct values){ parameters, filter->group_id ? 3 : 2 }, (void **)ret_rows, ret_count);
}

struct home {
    int number;
    uint64_t tokens;
};

static const struct field home_fields[] = {
    FIELD(struct home, number),
    FIELD(struct home, tokens),
};
static const struct row_type home_type = ROW_TYPE("home", struct home, home_fields);

int store_token_homes(struct store *store, uint64_t *ret, size_t count)
{
    CLEANUP(free) void *memory = NULL;
    struct home *homes = NULL;
    size_t found = 0;
    int r = row_list(store, &home_type, "SELECT home, count(*) FROM tokens WHERE home >= 0 GROUP BY home",
                     VALUES_NONE, (void **)&homes, &found);

    memory = homes;
    if (r < 0)
        return r;
    memset(ret, 0, count * sizeof(*ret));
    for (size_t i = 0; i < found; i++)
        if (homes[i].number >= 0 && (size_t)homes[i].number < count)
            ret[homes[i].number] = homes[i].tokens;
    return 0;
}

struct counts {
    uint64_t tokens, keys;
};

static const struct field counts_fields[] = {
    FIELD(struct counts, tokens),
    FIELD(struct counts, keys),
};
static const struct row_type counts_type = ROW_TYPE("counts", struct counts, counts_fields);

int store_count(struct store *store, uint64_t *ret_tokens, uint64_t *ret_keys)
{
    struct counts counts;
    int r = row_get(store, &counts_type,
                    "SELECT (SELECT count(*) FROM (SELECT id FROM tokens LIMIT $1) AS counted),"
                    " (SELECT count(*) FROM (SELECT id FROM keys LIMIT $1) AS counted)",
                    VALUES(value_integer(STORE_COUNT_MOST)), &counts);

    if (r < 0)
        return r;
    *ret_tokens = counts.tokens;
    *ret_keys = counts.keys;
    return 0;
}
