/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_contract.c - what every backend in store_backends[] promises, one suite for all.
 *
 * Each case runs once per backend, on an empty database of its own. Processes, where a case needs several, are real.
 */
#include "proxy/store/store.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "include/table.h"
#include "proxy/store/backend.h"
#include "proxy/store/schema.h"
#include "tests/support/postgres.h"
#include "tests/support/scratch.h"
#include "tests/support/sqlite_plans.h"

static struct scratch scratch;
static char url[SCRATCH_PATH_MAX + POSTGRES_URL_MAX]; /* of the case's database */

/* ------------------------------------------------------------------------------------------------- the databases */

static void sqlite_url(void)
{
    snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&scratch, "store.db"));
}

static void postgres_url(void)
{
    postgres_make_database(url);
}

/* How a backend gets an empty database. */
static const struct {
    const char *scheme;
    void (*make_url)(void);
} makers[] = {
    { "sqlite", sqlite_url },
    { "postgresql", postgres_url },
};

static void setup(void)
{
    scratch_make(&scratch);
    sqlite_plans_watch();
}

static void teardown(void)
{
    sqlite_plans_check(scratch_path(&scratch, "store.db"));
    scratch_remove(&scratch);
}

/* @backend: a row of store_backends[]. */
static void choose_backend(int backend)
{
    for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
        if (strcmp(makers[i].scheme, store_backends[backend].scheme) == 0) {
            makers[i].make_url();
            return;
        }
    ck_abort_msg("no test database for backend %s", store_backends[backend].scheme);
}

static struct store *open_again(void)
{
    struct store *store = NULL;

    ck_assert_int_eq(store_open(url, &store), 0);
    return store;
}

static struct store *open_new(int backend)
{
    choose_backend(backend);
    ck_assert_int_eq(store_migrate(url), 0);
    return open_again();
}

/* ----------------------------------------------------------------------------------------------------- contents */

/* What somebody might call himself to break a statement, a log or a screen: 32 bytes of it. */
#define HOSTILE_NAME  "Zo\xc3\xab'); DROP TABLE tokens;--\"$1?"
#define HOSTILE_LABEL "'\"`;--\\ %s $1 ?1 {id} \xe2\x80\xae\xf0\x9f\x94\x91"

static void fill(uint8_t *bytes, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(first + i * 37);
}

static struct buffer filled_buffer(size_t len, uint8_t first)
{
    struct buffer buffer = { 0 };

    for (size_t i = 0; i < len; i++)
        buffer_append_u8(&buffer, (uint8_t)(first + i * 37));
    ck_assert(!buffer.failed);
    return buffer;
}

static struct token_row simple_token(const char *name)
{
    struct token_row row = { .home = -1, .enabled = true, .sequence = 1 };

    ck_assert_uint_le(strlen(name), NAME_MAX_LEN);
    strcpy(row.name, name);
    snprintf(row.serial, sizeof(row.serial), "%016zx", strlen(name) * 256 + (uint8_t)name[0]);
    return row;
}

static int64_t add_token(struct store *store, const char *name)
{
    struct token_row row = simple_token(name);

    ck_assert_int_eq(store_token_insert(store, &row), 0);
    return row.id;
}

static int64_t add_principal(struct store *store, const char *name)
{
    struct principal_row row = { .enabled = true, .created_ms = 1 };

    strcpy(row.name, name);
    ck_assert_int_eq(store_principal_insert(store, &row), 0);
    return row.id;
}

static struct key_row key_of(int64_t token_id, uint8_t first)
{
    struct key_row row = {
        .token_id = token_id, .key_type = 3, .bits = 256, .created_ms = 5, .expires_ms = 6
    };

    fill(row.name, sizeof(row.name), first);
    row.cka_id = filled_buffer(KEY_ID_LEN, first);
    row.spki = filled_buffer(91, first);
    row.sealed = filled_buffer(144, (uint8_t)(first + 1));
    return row;
}

static void add_key(struct store *store, int64_t token_id, uint8_t first)
{
    CLEANUP(key_row_clear) struct key_row row = key_of(token_id, first);

    ck_assert_int_eq(store_key_insert(store, &row), 0);
}

static void ck_assert_tokens_equal(const struct token_row *a, const struct token_row *b)
{
    ck_assert_int_eq(a->id, b->id);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->serial, b->serial);
    ck_assert_int_eq(a->custody, b->custody);
    ck_assert_int_eq(a->home, b->home);
    ck_assert_str_eq(a->partition, b->partition);
    ck_assert_int_eq(a->enabled, b->enabled);
    ck_assert_int_eq(a->locked, b->locked);
    ck_assert_uint_eq(a->pin_version, b->pin_version);
    ck_assert_uint_eq(a->version, b->version);
    ck_assert_uint_eq(a->sequence, b->sequence);
    ck_assert_int_eq(a->created_ms, b->created_ms);
    ck_assert_mem_eq(a->activation, b->activation, HASH_LEN);
    ck_assert_int_eq(a->activation_until_ms, b->activation_until_ms);
    ck_assert_uint_eq(a->failures_total, b->failures_total);
    ck_assert_uint_eq(a->failures_version, b->failures_version);
    ck_assert_int_eq(a->failed_ms, b->failed_ms);
    ck_assert_mem_eq(a->attempts, b->attempts, HASH_LEN);
    ck_assert_mem_eq(a->grants, b->grants, HASH_LEN);
    ck_assert_mem_eq(a->memberships, b->memberships, HASH_LEN);
    ck_assert_uint_eq(a->policy.second_factor, b->policy.second_factor);
    ck_assert_int_eq(a->policy.device_secret, b->policy.device_secret);
    ck_assert_int_eq(a->policy.always_authenticate, b->policy.always_authenticate);
    ck_assert_uint_eq(a->policy.idle_ms, b->policy.idle_ms);
    ck_assert_uint_eq(a->policy.max_signatures, b->policy.max_signatures);
    ck_assert_uint_eq(a->policy.mechanisms, b->policy.mechanisms);
    ck_assert_int_eq(a->policy.no_decrypt, b->policy.no_decrypt);
    ck_assert_int_eq(a->policy.keys_need_permit, b->policy.keys_need_permit);
    ck_assert_uint_eq(a->policy.key_permits, b->policy.key_permits);
    ck_assert_mem_eq(a->mac, b->mac, HASH_LEN);
}

/* ------------------------------------------------------------------------------------------------------- tokens */

START_TEST(token_of_hostile_words_and_extreme_numbers_comes_back_unchanged)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row = {
        .name = HOSTILE_NAME,
        .serial = "00ff'\"%;--$1?{id",
        .custody = TOKEN_PARTITION,
        .home = -1,
        .partition = "",
        .locked = true,
        .pin_version = UINT32_MAX,
        .version = UINT64_MAX,
        .sequence = (uint64_t)INT64_MAX + 1,
        .created_ms = INT64_MIN,
        .activation_until_ms = INT64_MAX,
        .failures_total = UINT32_MAX,
        .failed_ms = -1,
        .policy = { FACTOR_SENT, true, false, UINT32_MAX, 1, UINT32_MAX - 1, true, true, 2 },
    };
    struct token_row by_name, by_id;

    ck_assert_uint_eq(strlen(row.name), NAME_MAX_LEN);
    fill(row.activation, HASH_LEN, 0); /* begins with a zero byte */
    fill(row.attempts, HASH_LEN, 99);
    fill(row.grants, HASH_LEN, 98);
    fill(row.memberships, HASH_LEN, 97);
    memset(row.mac, 0xff, HASH_LEN);
    ck_assert_int_eq(store_token_insert(store, &row), 0);
    ck_assert_int_gt(row.id, 0);
    ck_assert_int_eq(store_token_by_name(store, HOSTILE_NAME, &by_name), 0);
    ck_assert_tokens_equal(&by_name, &row);
    ck_assert_int_eq(store_token_by_id(store, row.id, &by_id), 0);
    ck_assert_tokens_equal(&by_id, &row);
}
END_TEST

START_TEST(unknown_token_is_not_found)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row;

    add_token(store, "alice");
    ck_assert_int_eq(store_token_by_name(store, "alic", &row), -ENOENT);
    ck_assert_int_eq(store_token_by_name(store, "Alice", &row), -ENOENT);
    ck_assert_int_eq(store_token_by_name(store, "' OR '1'='1", &row), -ENOENT);
    ck_assert_int_eq(store_token_by_name(store, "", &row), -ENOENT);
    ck_assert_int_eq(store_token_by_id(store, 999, &row), -ENOENT);
}
END_TEST

START_TEST(token_with_a_name_that_is_taken_is_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row = simple_token("alice");
    uint64_t tokens, keys;

    add_token(store, "alice");
    strcpy(row.serial, "another");
    ck_assert_int_eq(store_token_insert(store, &row), -EEXIST);
    ck_assert_int_eq(store_count(store, &tokens, &keys), 0);
    ck_assert_uint_eq(tokens, 1);
    ck_assert_uint_eq(keys, 0);
}
END_TEST

START_TEST(tokens_are_counted_by_their_homes)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    static const struct {
        const char *name;
        int home;
    } rows[] = { { "a", -1 }, { "b", 0 }, { "c", 2 }, { "d", 2 }, { "e", 7 } };
    uint64_t users[4] = { 9, 9, 9, 9 };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct token_row row = simple_token(rows[i].name);

        row.home = rows[i].home;
        ck_assert_int_eq(store_token_insert(store, &row), 0);
    }
    ck_assert_int_eq(store_token_homes(store, users, ARRAY_SIZE(users)), 0);
    ck_assert_uint_eq(users[0], 1);
    ck_assert_uint_eq(users[1], 0);
    ck_assert_uint_eq(users[2], 2);
    ck_assert_uint_eq(users[3], 0);
}
END_TEST

START_TEST(token_is_written_over_the_sequence_that_was_read)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row = simple_token("alice"), read;

    ck_assert_int_eq(store_token_insert(store, &row), 0);
    row.custody = TOKEN_PARTITION;
    row.home = 2;
    strcpy(row.partition, "0123456789abcdef");
    row.enabled = false;
    row.locked = true;
    row.pin_version = 7;
    row.version = 8;
    row.sequence = 2;
    row.activation_until_ms = 9;
    row.failures_total = 10;
    row.failures_version = 7;
    row.failed_ms = 11;
    fill(row.activation, HASH_LEN, 1);
    fill(row.attempts, HASH_LEN, 2);
    fill(row.grants, HASH_LEN, 1);
    fill(row.mac, HASH_LEN, 3);
    ck_assert_int_eq(store_token_update(store, &row, 1), 0);
    ck_assert_int_eq(store_token_by_id(store, row.id, &read), 0);
    ck_assert_tokens_equal(&read, &row);
}
END_TEST

START_TEST(token_written_over_an_old_sequence_is_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row = simple_token("alice"), read;

    ck_assert_int_eq(store_token_insert(store, &row), 0);
    row.sequence = 2;
    ck_assert_int_eq(store_token_update(store, &row, 1), 0);
    row.locked = true;
    row.sequence = 3;
    ck_assert_int_eq(store_token_update(store, &row, 1), -ESTALE);
    ck_assert_int_eq(store_token_by_id(store, row.id, &read), 0);
    ck_assert_uint_eq(read.sequence, 2);
    ck_assert(!read.locked);
}
END_TEST

START_TEST(token_cannot_change_its_name)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row = simple_token("alice"), read;

    ck_assert_int_eq(store_token_insert(store, &row), 0);
    strcpy(row.name, "mallory");
    ck_assert_int_eq(store_token_update(store, &row, 1), -ESTALE);
    ck_assert_int_eq(store_token_by_name(store, "alice", &read), 0);
    ck_assert_int_eq(store_token_by_name(store, "mallory", &read), -ENOENT);
}
END_TEST

START_TEST(tokens_are_listed_by_the_bytes_of_their_names_page_by_page)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    const char *const names[] = { "Bob", "a", "b", "\xc3\xa9mile" }; /* as bytes sort, not as people do */
    struct token_row *rows;
    size_t count;

    add_token(store, names[3]);
    add_token(store, names[1]);
    add_token(store, names[0]);
    add_token(store, names[2]);
    ck_assert_int_eq(store_token_list(store, "", 3, &rows, &count), 0);
    ck_assert_uint_eq(count, 3);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(rows[i].name, names[i]);
    free(rows);
    ck_assert_int_eq(store_token_list(store, names[2], 3, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(rows[0].name, names[3]);
    free(rows);
    ck_assert_int_eq(store_token_list(store, names[3], 3, &rows, &count), 0);
    ck_assert_uint_eq(count, 0);
    free(rows);
}
END_TEST

/* -------------------------------------------------------------------------------------------------- access rows */

START_TEST(access_row_comes_back_unchanged_with_and_without_a_sealed_secret)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t token_id = add_token(store, "alice");
    const size_t lengths[] = { 0, 60, 65536 };

    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        CLEANUP(access_row_clear)
        struct access_row row = {
            .token_id = token_id, .kind = ACCESS_QUORUM, .version = UINT32_MAX, .kd_epoch = 3
        };
        CLEANUP(access_row_clear) struct access_row read = { 0 };

        fill(row.row_name, sizeof(row.row_name), 0);
        fill(row.nonce, sizeof(row.nonce), 1);
        fill(row.check, sizeof(row.check), 2);
        fill(row.mac, sizeof(row.mac), 3);
        row.sealed = filled_buffer(lengths[i], 4);
        ck_assert_int_eq(store_access_insert(store, &row), 0);
        ck_assert_int_eq(store_access_get(store, token_id, ACCESS_QUORUM, &read), 0);
        ck_assert_int_eq(read.id, row.id);
        ck_assert_int_eq(read.token_id, token_id);
        ck_assert_int_eq(read.kind, ACCESS_QUORUM);
        ck_assert_uint_eq(read.version, UINT32_MAX);
        ck_assert_uint_eq(read.kd_epoch, 3);
        ck_assert_mem_eq(read.row_name, row.row_name, sizeof(row.row_name));
        ck_assert_mem_eq(read.nonce, row.nonce, sizeof(row.nonce));
        ck_assert_mem_eq(read.check, row.check, sizeof(row.check));
        ck_assert_mem_eq(read.mac, row.mac, sizeof(row.mac));
        ck_assert(bytes_equal(buffer_bytes(&read.sealed), buffer_bytes(&row.sealed)));
        ck_assert_int_eq(store_access_delete(store, token_id, ACCESS_QUORUM), 0);
    }
}
END_TEST

START_TEST(token_has_one_access_row_of_a_kind)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct access_row row = { .token_id = add_token(store, "alice"), .kind = ACCESS_PIN }, read;

    ck_assert_int_eq(store_access_insert(store, &row), 0);
    ck_assert_int_eq(store_access_insert(store, &row), -EEXIST);
    ck_assert_int_eq(store_access_get(store, row.token_id, ACCESS_RECOVERY, &read), -ENOENT);
    ck_assert_int_eq(store_access_delete(store, row.token_id, ACCESS_PIN), 0);
    ck_assert_int_eq(store_access_get(store, row.token_id, ACCESS_PIN, &read), -ENOENT);
    ck_assert_int_eq(store_access_delete(store, row.token_id, ACCESS_PIN), 0);
}
END_TEST

/* A quorum of two shares for @token_id. */
static struct quorum_row insert_quorum(struct store *store, int64_t token_id)
{
    struct quorum_row quorum = { .token_id = token_id, .needed = 2 };
    struct share_row share = { .token_id = token_id, .name = "olga" };
    uint8_t sealed[] = { 1, 2, 3 };

    memset(quorum.name, 7, sizeof(quorum.name));
    ck_assert_int_eq(store_quorum_insert(store, &quorum), 0);
    buffer_append(&share.sealed, BYTES_OF_ARRAY(sealed));
    for (share.number = 2; share.number > 0; share.number--)
        ck_assert_int_eq(store_share_insert(store, &share), 0);
    buffer_clear(&share.sealed);
    return quorum;
}

START_TEST(quorum_and_its_shares_come_back_as_written_and_go_together)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t token_id = add_token(store, "a");
    struct quorum_row quorum = insert_quorum(store, token_id), found;
    struct share_row *shares = NULL;
    size_t count = 0;

    ck_assert_int_eq(store_quorum_insert(store, &quorum), -EEXIST);
    quorum.until_ms = INT64_MAX;
    memset(quorum.request, 9, sizeof(quorum.request));
    ck_assert_int_eq(store_quorum_update(store, &quorum), 0);
    ck_assert_int_eq(store_quorum_get(store, token_id, &found), 0);
    ck_assert_mem_eq(found.name, quorum.name, sizeof(found.name));
    ck_assert_mem_eq(found.request, quorum.request, sizeof(found.request));
    ck_assert_uint_eq(found.needed, 2);
    ck_assert_int_eq(found.until_ms, INT64_MAX);
    ck_assert_int_eq(store_share_list(store, token_id, &shares, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(shares[0].number, 1); /* by number, not by age */
    shares[0].given_by = 5;
    buffer_append(&shares[0].given, bytes_of_text("given"));
    ck_assert_int_eq(store_share_update(store, &shares[0]), 0);
    share_rows_free(shares, count);
    ck_assert_int_eq(store_share_list(store, token_id, &shares, &count), 0);
    ck_assert_int_eq(shares[0].given_by, 5);
    ck_assert_uint_eq(shares[0].given.len, 5);
    share_rows_free(shares, count);
    ck_assert_int_eq(store_quorum_delete(store, token_id), 0);
    ck_assert_int_eq(store_quorum_get(store, token_id, &found), -ENOENT);
    ck_assert_int_eq(store_share_list(store, token_id, &shares, &count), 0);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(quorums_with_a_request_are_listed_page_by_page)
{
    static const char *const names[] = { "a", "b", "c" };
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct quorum_row *rows = NULL, quorum;
    size_t count = 0;

    for (int i = 0; i < 3; i++) {
        quorum = insert_quorum(store, add_token(store, names[i]));
        quorum.until_ms = i == 1 ? 0 : 1000;
        ck_assert_int_eq(store_quorum_update(store, &quorum), 0);
    }
    ck_assert_int_eq(store_quorum_list(store, 0, 1, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    quorum = rows[0];
    free(rows);
    ck_assert_int_eq(store_quorum_list(store, quorum.id, 5, &rows, &count), 0);
    ck_assert_uint_eq(count, 1); /* the second has no request */
    free(rows);
}
END_TEST

START_TEST(rows_of_a_token_that_is_not_there_are_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(key_row_clear) struct key_row key = key_of(999, 1);
    int64_t principal = add_principal(store, "alice");

    ck_assert_int_eq(store_access_insert(store, &(struct access_row){ .token_id = 999 }), -ENOENT);
    ck_assert_int_eq(store_key_insert(store, &key), -ENOENT);
    ck_assert_int_eq(store_grant_put(store, principal, 999, GRANT_SEE), -ENOENT);
    ck_assert_int_eq(
        store_attempt_insert(store, &(struct attempt_row){ .token_id = 999, .principal_id = principal }),
        -ENOENT);
}
END_TEST

/* ----------------------------------------------------------------------------------------- keys and certificates */

START_TEST(key_comes_back_unchanged)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(key_row_clear) struct key_row row = key_of(add_token(store, "alice"), 200);
    CLEANUP(key_row_clear) struct key_row read = { 0 };

    strcpy(row.label, HOSTILE_LABEL);
    row.usage = KEY_DERIVES;
    row.always_authenticate = true;
    row.key_type = UINT64_MAX; /* CKK_VENDOR_DEFINED and above fit */
    row.kd_epoch = 1;
    row.kw_epoch = 2;
    fill(row.nonce, sizeof(row.nonce), 7);
    fill(row.mac, sizeof(row.mac), 8);
    ck_assert_int_eq(store_key_insert(store, &row), 0);
    ck_assert_int_eq(store_key_get(store, row.token_id, row.name, &read), 0);
    ck_assert_int_eq(read.id, row.id);
    ck_assert_int_eq(read.token_id, row.token_id);
    ck_assert_mem_eq(read.name, row.name, KEY_NAME_LEN);
    ck_assert_str_eq(read.label, HOSTILE_LABEL);
    ck_assert(bytes_equal(buffer_bytes(&read.cka_id), buffer_bytes(&row.cka_id)));
    ck_assert_uint_eq(read.usage, KEY_DERIVES);
    ck_assert(read.always_authenticate);
    ck_assert_uint_eq(read.key_type, UINT64_MAX);
    ck_assert_uint_eq(read.bits, 256);
    ck_assert(bytes_equal(buffer_bytes(&read.spki), buffer_bytes(&row.spki)));
    ck_assert_uint_eq(read.kd_epoch, 1);
    ck_assert_uint_eq(read.kw_epoch, 2);
    ck_assert_mem_eq(read.nonce, row.nonce, sizeof(row.nonce));
    ck_assert(bytes_equal(buffer_bytes(&read.sealed), buffer_bytes(&row.sealed)));
    ck_assert_int_eq(read.created_ms, 5);
    ck_assert_int_eq(read.expires_ms, 6);
    ck_assert_mem_eq(read.mac, row.mac, sizeof(row.mac));
}
END_TEST

START_TEST(keys_are_listed_oldest_first_and_only_to_their_token)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t alice = add_token(store, "alice"), bob = add_token(store, "bob");
    struct key_row *rows, read;
    uint8_t name[KEY_NAME_LEN];
    size_t count;

    add_key(store, alice, 9);
    add_key(store, bob, 5);
    add_key(store, alice, 1);
    ck_assert_int_eq(store_key_list(store, alice, &rows, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(rows[0].name[0], 9);
    ck_assert_uint_eq(rows[1].name[0], 1);
    key_rows_free(rows, count);
    fill(name, sizeof(name), 5);
    ck_assert_int_eq(store_key_get(store, alice, name, &read), -ENOENT);
}
END_TEST

START_TEST(key_that_a_token_has_is_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(key_row_clear) struct key_row row = key_of(add_token(store, "alice"), 1);

    ck_assert_int_eq(store_key_insert(store, &row), 0);
    ck_assert_int_eq(store_key_insert(store, &row), -EEXIST);
}
END_TEST

START_TEST(id_that_another_key_of_the_token_has_is_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t alice = add_token(store, "alice");
    CLEANUP(key_row_clear) struct key_row first = key_of(alice, 1);
    CLEANUP(key_row_clear) struct key_row second = key_of(alice, 2);
    CLEANUP(key_row_clear) struct key_row bobs = key_of(add_token(store, "bob"), 1);

    ck_assert_int_eq(store_key_insert(store, &first), 0);
    ck_assert_int_eq(store_key_insert(store, &second), 0);
    ck_assert_int_eq(store_key_insert(store, &bobs), 0); /* ids are a token's own */
    memcpy(second.cka_id.data, first.cka_id.data, KEY_ID_LEN);
    ck_assert_int_eq(store_key_update(store, &second), -EEXIST);
}
END_TEST

START_TEST(renamed_key_keeps_all_but_its_names)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(key_row_clear) struct key_row row = key_of(add_token(store, "alice"), 1);
    CLEANUP(key_row_clear) struct key_row read = { 0 };

    ck_assert_int_eq(store_key_insert(store, &row), 0);
    strcpy(row.label, HOSTILE_LABEL);
    row.cka_id.data[0] ^= 1;
    fill(row.mac, sizeof(row.mac), 8);
    row.bits = 384; /* is not written */
    ck_assert_int_eq(store_key_update(store, &row), 0);
    ck_assert_int_eq(store_key_get(store, row.token_id, row.name, &read), 0);
    ck_assert_str_eq(read.label, HOSTILE_LABEL);
    ck_assert(bytes_equal(buffer_bytes(&read.cka_id), buffer_bytes(&row.cka_id)));
    ck_assert_mem_eq(read.mac, row.mac, sizeof(row.mac));
    ck_assert_uint_eq(read.bits, 256);
    row.id = 999;
    ck_assert_int_eq(store_key_update(store, &row), -ENOENT);
}
END_TEST

START_TEST(deleted_key_takes_its_certificate_along)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t alice = add_token(store, "alice");
    struct certificate_row certificate = { .token_id = alice, .label = "c" }, read;
    struct certificate_row *rows;
    size_t count;

    add_key(store, alice, 1);
    fill(certificate.key_name, KEY_NAME_LEN, 1);
    certificate.der = filled_buffer(10, 1);
    ck_assert_int_eq(store_certificate_put(store, &certificate), 0);
    ck_assert_int_eq(store_certificate_get(store, alice, certificate.key_name, &read), 0);
    ck_assert_str_eq(read.label, "c");
    certificate_row_clear(&read);
    ck_assert_int_eq(store_key_delete(store, alice, certificate.key_name), 0);
    ck_assert_int_eq(store_certificate_list(store, alice, &rows, &count), 0);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(store_key_delete(store, alice, certificate.key_name), -ENOENT);
    ck_assert_int_eq(store_certificate_delete(store, alice, certificate.key_name), -ENOENT);
    buffer_clear(&certificate.der);
}
END_TEST

START_TEST(newer_certificate_replaces_the_older_one_of_its_key)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct certificate_row row = { .token_id = add_token(store, "alice"), .label = "old", .created_ms = 1 };
    struct certificate_row *rows;
    size_t count;

    fill(row.key_name, KEY_NAME_LEN, 1);
    add_key(store, row.token_id, 1);
    for (int i = 0; i < 2; i++) {
        CLEANUP(buffer_clear) struct buffer der = filled_buffer(CERTIFICATE_MAX, (uint8_t)i);

        row.der = der;
        fill(row.mac, HASH_LEN, (uint8_t)i);
        ck_assert_int_eq(store_certificate_put(store, &row), 0);
        strcpy(row.label, HOSTILE_LABEL);
        row.created_ms = 2;
    }
    ck_assert_int_eq(store_certificate_list(store, row.token_id, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(rows[0].label, HOSTILE_LABEL);
    ck_assert_int_eq(rows[0].created_ms, 2);
    ck_assert_uint_eq(rows[0].der.len, CERTIFICATE_MAX);
    ck_assert_uint_eq(rows[0].der.data[0], 1);
    ck_assert_mem_eq(rows[0].mac, row.mac, HASH_LEN);
    certificate_rows_free(rows, count);
}
END_TEST

START_TEST(certificate_without_its_key_is_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct certificate_row row = { .token_id = add_token(store, "alice") };

    add_key(store, add_token(store, "bob"), 0);
    fill(row.key_name, KEY_NAME_LEN, 0);
    ck_assert_int_eq(store_certificate_put(store, &row), -ENOENT);
}
END_TEST

/* ---------------------------------------------------------------------------------------------------- principals */

START_TEST(principal_is_found_by_its_certificate)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct principal_certificate_row row = { .role = ROLE_AUDITOR,
                                             .not_after_ms = INT64_MAX,
                                             .revoked = true };
    struct principal_certificate_row *rows;
    struct principal_row principal;
    size_t count;

    row.principal_id = add_principal(store, HOSTILE_NAME);
    fill(row.hash, HASH_LEN, 0);
    ck_assert_int_eq(store_principal_add_certificate(store, &row), 0);
    ck_assert_int_eq(store_principal_by_certificate(store, row.hash, &principal), 0);
    ck_assert_str_eq(principal.name, HOSTILE_NAME);
    ck_assert_int_eq(principal.id, row.principal_id);
    ck_assert(principal.enabled);
    ck_assert_int_eq(store_principal_certificates(store, principal.id, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_mem_eq(rows[0].hash, row.hash, HASH_LEN);
    ck_assert_int_eq(rows[0].role, ROLE_AUDITOR);
    ck_assert_int_eq(rows[0].not_after_ms, INT64_MAX);
    ck_assert(rows[0].revoked);
    free(rows);
}
END_TEST

START_TEST(unknown_certificate_is_nobody)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct principal_certificate_row row = { .principal_id = add_principal(store, "alice") };
    struct principal_row principal;

    ck_assert_int_eq(store_principal_add_certificate(store, &row), 0);
    row.hash[HASH_LEN - 1] = 1;
    ck_assert_int_eq(store_principal_by_certificate(store, row.hash, &principal), -ENOENT);
}
END_TEST

START_TEST(certificate_belongs_to_one_principal)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct principal_certificate_row row = { .principal_id = add_principal(store, "alice") };
    struct principal_certificate_row *rows;
    size_t count;

    ck_assert_int_eq(store_principal_add_certificate(store, &row), 0);
    row.principal_id = add_principal(store, "bob");
    ck_assert_int_eq(store_principal_add_certificate(store, &row), -EEXIST);
    ck_assert_int_eq(store_principal_certificates(store, row.principal_id, &rows, &count), 0);
    ck_assert_uint_eq(count, 0);
    free(rows);
}
END_TEST

START_TEST(dead_certificates_are_forgotten_once_they_are_old)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    static const struct principal_certificate_row rows[] = {
        { .hash = { 1 }, .created_ms = 10, .not_after_ms = 1000 },                  /* good */
        { .hash = { 2 }, .created_ms = 10, .not_after_ms = 1001, .revoked = true }, /* old and dead ... */
        { .hash = { 3 }, .created_ms = 10, .not_after_ms = 99 },                    /* ... this one, too */
        { .hash = { 4 }, .created_ms = 100, .not_after_ms = 1002, .revoked = true },
        { .hash = { 5 }, .created_ms = 0, .not_after_ms = 1003, .revoked = true }, /* nobody knows how old */
    };
    static const uint8_t left[] = { 1, 4, 5 };
    int64_t alice = add_principal(store, "alice"), bob = add_principal(store, "bob");
    struct principal_certificate_row *found, row, of_bob = rows[1];
    size_t count;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        row = rows[i];
        row.principal_id = alice;
        ck_assert_int_eq(store_principal_add_certificate(store, &row), 0);
    }
    of_bob.principal_id = bob;
    of_bob.hash[1] = 1;
    ck_assert_int_eq(store_principal_add_certificate(store, &of_bob), 0);
    ck_assert_int_eq(store_principal_forget_dead(store, alice, 100), 0);
    ck_assert_int_eq(store_principal_forget_dead(store, alice, 100), 0);
    ck_assert_int_eq(store_principal_certificates(store, alice, &found, &count), 0);
    ck_assert_uint_eq(count, ARRAY_SIZE(left));
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(found[i].hash[0], left[i]);
    free(found);
    ck_assert_int_eq(store_principal_certificates(store, bob, &found, &count), 0);
    ck_assert_uint_eq(count, 1);
    free(found);
}
END_TEST

START_TEST(principal_has_one_name_and_changes_by_compare_and_set)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct principal_row row = { .name = "alice" }, read;
    int64_t id = add_principal(store, "alice");

    ck_assert_int_eq(store_principal_insert(store, &row), -EEXIST);
    ck_assert_int_eq(store_principal_by_name(store, "alice", &row), 0);
    ck_assert_int_eq(row.id, id);
    row.enabled = false;
    row.sequence = UINT64_MAX;
    fill(row.certificates, HASH_LEN, 1);
    fill(row.mac, HASH_LEN, 2);
    ck_assert_int_eq(store_principal_update(store, &row, 1), -ESTALE);
    ck_assert_int_eq(store_principal_update(store, &row, 0), 0);
    ck_assert_int_eq(store_principal_by_name(store, "alice", &read), 0);
    ck_assert(!read.enabled);
    ck_assert_uint_eq(read.sequence, UINT64_MAX);
    ck_assert_mem_eq(read.certificates, row.certificates, HASH_LEN);
    ck_assert_mem_eq(read.mac, row.mac, HASH_LEN);
    row.id++;
    ck_assert_int_eq(store_principal_update(store, &row, UINT64_MAX), -ESTALE);
    ck_assert_int_eq(store_principal_by_name(store, "bob", &row), -ENOENT);
}
END_TEST

/* ------------------------------------------------------------------------------------------- groups, searches */

static int64_t add_group(struct store *store, const char *name)
{
    struct group_row row = { .created_ms = 1, .sequence = 1 };

    strcpy(row.name, name);
    ck_assert_int_eq(store_group_insert(store, &row), 0);
    return row.id;
}

static void join(struct store *store, int64_t group, int64_t token)
{
    struct member_row row = { .group_id = group, .token_id = token };

    ck_assert_int_eq(store_member_insert(store, &row), 0);
    ck_assert_int_gt(row.id, 0);
}

START_TEST(group_changes_by_compare_and_set_and_goes_with_its_grants)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t group = add_group(store, "payroll"), principal = add_principal(store, "server");
    struct group_row row, again = { 0 };
    struct group_grant_row *grants;
    size_t count;

    ck_assert_int_eq(store_group_by_name(store, "payroll", &row), 0);
    ck_assert_int_eq(row.id, group);
    strcpy(again.name, "payroll");
    ck_assert_int_eq(store_group_insert(store, &again), -EEXIST);
    ck_assert_int_eq(store_group_grant_put(store, principal, group, GRANT_SEE), 0);
    ck_assert_int_eq(store_group_grant_put(store, principal, group, GRANT_ALL), 0);
    ck_assert_int_eq(store_group_grant_list(store, group, &grants, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(grants[0].bits, GRANT_ALL);
    free(grants);
    row.sequence = 2;
    fill(row.grants, HASH_LEN, 5);
    ck_assert_int_eq(store_group_update(store, &row, 2), -ESTALE);
    ck_assert_int_eq(store_group_update(store, &row, 1), 0);
    ck_assert_int_eq(store_group_by_id(store, group, &again), 0);
    ck_assert_mem_eq(again.grants, row.grants, HASH_LEN);
    ck_assert_int_eq(store_group_delete(store, group, 1), -ESTALE);
    ck_assert_int_eq(store_group_delete(store, group, 2), 0);
    ck_assert_int_eq(store_group_by_name(store, "payroll", &row), -ENOENT);
}
END_TEST

START_TEST(tokens_of_a_group_are_seen_once_and_after_those_granted)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t principal = add_principal(store, "server"), zoe = add_token(store, "zoe"),
            ann = add_token(store, "ann");
    int64_t bob = add_token(store, "bob"), one = add_group(store, "one"), two = add_group(store, "two");
    char(*names)[NAME_MAX_LEN + 1];
    struct member_row *members;
    size_t count;

    join(store, one, zoe);
    join(store, one, ann);
    join(store, two, zoe);
    ck_assert_int_eq(store_grant_put(store, principal, bob, GRANT_SEE), 0);
    ck_assert_int_eq(store_grant_put(store, principal, ann, GRANT_SEE), 0);
    ck_assert_int_eq(store_group_grant_put(store, principal, one, GRANT_SEE), 0);
    ck_assert_int_eq(store_group_grant_put(store, principal, two, GRANT_SEE), 0);
    ck_assert_int_eq(store_grant_tokens(store, principal, 10, &names, &count), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(names[0], "bob");
    ck_assert_str_eq(names[1], "ann");
    ck_assert_str_eq(names[2], "zoe");
    free(names);
    ck_assert_int_eq(store_member_list(store, zoe, &members, &count), 0);
    ck_assert_uint_eq(count, 2);
    free(members);
    ck_assert_int_eq(store_member_delete(store, one, zoe), 0);
    ck_assert_int_eq(store_member_delete(store, one, zoe), -ENOENT);
    ck_assert_int_eq(store_member_names(store, one, "", 10, &names, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(names[0], "ann");
    free(names);
}
END_TEST

START_TEST(every_search_finds_what_all_its_words_say)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t group = add_group(store, "group");

    /* Sixteen tokens, one for each combination of four facts. */
    for (unsigned facts = 0; facts < 16; facts++) {
        struct token_row row = simple_token((char[]){ (char)('a' + facts), '\0' });

        row.locked = facts & 1;
        row.enabled = !(facts & 2);
        row.pin_version = facts & 4 ? 0 : 1;
        ck_assert_int_eq(store_token_insert(store, &row), 0);
        if (facts & 8)
            join(store, group, row.id);
    }
    for (unsigned wanted = 0; wanted < 16; wanted++) {
        const struct token_filter filter = { wanted & 1, wanted & 2, wanted & 4, wanted & 8 ? group : 0 };
        struct token_row *rows;
        size_t count, expected = 0;

        ck_assert_int_eq(store_token_search(store, "", 100, &filter, &rows, &count), 0);
        for (unsigned facts = 0; facts < 16; facts++)
            expected += (facts & wanted) == wanted;
        ck_assert_uint_eq(count, expected);
        for (size_t i = 0; i < count; i++)
            ck_assert_uint_eq((unsigned)(rows[i].name[0] - 'a') & wanted, wanted);
        free(rows);
    }
}
END_TEST

START_TEST(deleted_token_takes_along_all_that_is_its_own)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t token = add_token(store, "alice"), principal = add_principal(store, "alice");
    struct token_row row;

    join(store, add_group(store, "group"), token);
    ck_assert_int_eq(store_grant_put(store, principal, token, GRANT_ALL), 0);
    ck_assert_int_eq(store_token_by_id(store, token, &row), 0);
    ck_assert_int_eq(store_token_delete(store, token, row.sequence + 1), -ESTALE);
    ck_assert_int_eq(store_token_delete(store, token, row.sequence), 0);
    ck_assert_int_eq(store_token_by_name(store, "alice", &row), -ENOENT);
    ck_assert_int_ne(add_token(store, "alice"), token);
}
END_TEST

START_TEST(nothing_is_granted_until_it_is)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t principal = add_principal(store, "alice"), token = add_token(store, "alice");
    struct grant_row *rows;
    size_t count;

    ck_assert_int_eq(store_grant_list(store, token, &rows, &count), 0);
    ck_assert_uint_eq(count, 0);
    free(rows);
    ck_assert_int_eq(store_grant_put(store, principal, token, GRANT_SEE | GRANT_SIGN), 0);
    ck_assert_int_eq(store_grant_put(store, add_principal(store, "bob"), token, 0), 0);
    ck_assert_int_eq(store_grant_put(store, principal, token, GRANT_SEE), 0); /* stays the oldest */
    ck_assert_int_eq(store_grant_list(store, token, &rows, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(rows[0].principal_id, principal);
    ck_assert_int_eq(rows[0].token_id, token);
    ck_assert_uint_eq(rows[0].bits, GRANT_SEE);
    ck_assert_uint_eq(rows[1].bits, 0);
    free(rows);
}
END_TEST

/* ------------------------------------------------------------------------------------------------------ requests */

static struct request_row add_request(struct store *store, int64_t principal_id, uint8_t first)
{
    struct request_row row = { .principal_id = principal_id, .created_ms = 1, .expires_ms = INT64_MAX };

    fill(row.name, sizeof(row.name), first);
    fill(row.certificate, HASH_LEN, first);
    strcpy(row.method, "AddUser");
    buffer_append(&row.body, BYTES("a\0body", 6));
    ck_assert_int_eq(store_request_insert(store, &row), 0);
    return row;
}

START_TEST(request_comes_back_and_is_decided)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(request_row_clear) struct request_row row = add_request(store, add_principal(store, "op"), 1);
    struct request_row *rows;
    size_t count;

    row.state = REQUEST_REJECTED;
    strcpy(row.decided_by, HOSTILE_NAME);
    ck_assert_int_eq(store_request_set(store, &row), 0);
    ck_assert_int_eq(store_request_list(store, row.principal_id, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_mem_eq(rows[0].name, row.name, sizeof(row.name));
    ck_assert_mem_eq(rows[0].certificate, row.certificate, HASH_LEN);
    ck_assert_str_eq(rows[0].method, "AddUser");
    ck_assert(bytes_equal(buffer_bytes(&rows[0].body), BYTES("a\0body", 6)));
    ck_assert_int_eq(rows[0].expires_ms, INT64_MAX);
    ck_assert_int_eq(rows[0].state, REQUEST_REJECTED);
    ck_assert_str_eq(rows[0].decided_by, HOSTILE_NAME);
    request_rows_free(rows, count);
    ck_assert_int_eq(store_request_delete(store, row.id), 0);
    ck_assert_int_eq(store_request_delete(store, row.id), -ENOENT);
    ck_assert_int_eq(store_request_set(store, &row), -ENOENT);
}
END_TEST

START_TEST(request_has_one_owner_and_owners_are_listed_once)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t zoe = add_principal(store, "zoe"), ann = add_principal(store, "ann");
    CLEANUP(request_row_clear) struct request_row first = add_request(store, zoe, 1);
    CLEANUP(request_row_clear) struct request_row second = add_request(store, zoe, 20);
    CLEANUP(request_row_clear) struct request_row third = add_request(store, ann, 40);
    char name[NAME_MAX_LEN + 1], (*names)[NAME_MAX_LEN + 1];
    size_t count;

    ck_assert_int_eq(store_request_insert(store, &second), -EEXIST);
    ck_assert_int_eq(store_request_owner(store, third.name, name), 0);
    ck_assert_str_eq(name, "ann");
    third.name[0] ^= 1;
    ck_assert_int_eq(store_request_owner(store, third.name, name), -ENOENT);
    ck_assert_int_eq(store_request_owners(store, &names, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(names[0], "ann");
    ck_assert_str_eq(names[1], "zoe");
    free(names);
    (void)first;
}
END_TEST

START_TEST(principals_of_a_role_are_listed_once)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct principal_certificate_row row = { .principal_id = add_principal(store, "op"),
                                             .role = ROLE_OPERATOR };
    char(*names)[NAME_MAX_LEN + 1];
    size_t count;

    for (uint8_t i = 0; i < 3; i++) {
        fill(row.hash, HASH_LEN, i);
        row.role = i < 2 ? ROLE_OPERATOR : ROLE_DEVICE;
        ck_assert_int_eq(store_principal_add_certificate(store, &row), 0);
    }
    ck_assert_int_eq(store_principals_of_role(store, ROLE_OPERATOR, &names, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(names[0], "op");
    free(names);
    ck_assert_int_eq(store_principals_of_role(store, ROLE_OFFICER, &names, &count), 0);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(granted_tokens_are_named_oldest_grant_first)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t principal = add_principal(store, "alice"), other = add_principal(store, "bob");
    const char *const names[] = { "z", "hidden", "a", "other", "m" };
    char(*granted)[NAME_MAX_LEN + 1];
    size_t count;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        int64_t token = add_token(store, names[i]);

        ck_assert_int_eq(store_grant_put(store, i == 3 ? other : principal, token, GRANT_SEE | GRANT_SIGN),
                         0);
        if (i == 1) /* taken back */
            ck_assert_int_eq(store_grant_put(store, principal, token, 0), 0);
    }
    ck_assert_int_eq(store_grant_tokens(store, principal, 10, &granted, &count), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(granted[0], "z");
    ck_assert_str_eq(granted[1], "a");
    ck_assert_str_eq(granted[2], "m");
    free(granted);
    ck_assert_int_eq(store_grant_tokens(store, principal, 2, &granted, &count), 0);
    ck_assert_uint_eq(count, 2);
    free(granted);
}
END_TEST

/* ------------------------------------------------------------------------------------------------------ attempts */

static void ck_assert_attempts(struct store *store, int64_t token, size_t expected)
{
    struct attempt_row *rows;
    size_t count;

    ck_assert_int_eq(store_attempt_list(store, token, &rows, &count), 0);
    ck_assert_uint_eq(count, expected);
    free(rows);
}

START_TEST(attempt_becomes_a_failure)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct attempt_row row = { .token_id = add_token(store, "alice"),
                               .principal_id = add_principal(store, "alice"),
                               .state = ATTEMPT_RESERVED,
                               .at_ms = 1234567890123 };
    struct attempt_row *rows;
    size_t count;

    ck_assert_int_eq(store_attempt_insert(store, &row), 0);
    row.state = ATTEMPT_FAILED;
    row.at_ms++;
    ck_assert_int_eq(store_attempt_set(store, &row), 0);
    ck_assert_int_eq(store_attempt_list(store, row.token_id, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(rows[0].id, row.id);
    ck_assert_int_eq(rows[0].token_id, row.token_id);
    ck_assert_int_eq(rows[0].principal_id, row.principal_id);
    ck_assert_int_eq(rows[0].state, ATTEMPT_FAILED);
    ck_assert_int_eq(rows[0].at_ms, 1234567890124);
    free(rows);
    row.principal_id++;
    ck_assert_int_eq(store_attempt_set(store, &row), -ENOENT);
}
END_TEST

START_TEST(id_of_a_deleted_attempt_is_never_given_again)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct attempt_row row = { .token_id = add_token(store, "alice"),
                               .principal_id = add_principal(store, "alice") };
    int64_t first;

    ck_assert_int_eq(store_attempt_insert(store, &row), 0);
    first = row.id;
    ck_assert_int_eq(store_attempt_delete(store, first), 0);
    ck_assert_int_eq(store_attempt_delete(store, first), 0);
    ck_assert_int_eq(store_attempt_insert(store, &row), 0);
    ck_assert_int_gt(row.id, first);
    ck_assert_int_eq(store_attempt_delete(store, first), 0);
    ck_assert_attempts(store, row.token_id, 1);
}
END_TEST

START_TEST(attempts_are_cleared_of_one_principal_or_of_all)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    int64_t token = add_token(store, "alice"), other_token = add_token(store, "bob");
    int64_t alice = add_principal(store, "alice"), bob = add_principal(store, "bob");
    const struct attempt_row rows[] = {
        { .token_id = token, .principal_id = alice },
        { .token_id = token, .principal_id = bob },
        { .token_id = token, .principal_id = alice },
        { .token_id = other_token, .principal_id = alice },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct attempt_row row = rows[i];

        ck_assert_int_eq(store_attempt_insert(store, &row), 0);
    }
    ck_assert_int_eq(store_attempt_clear(store, token, alice), 0);
    ck_assert_attempts(store, token, 1);
    ck_assert_attempts(store, other_token, 1);
    ck_assert_int_eq(store_attempt_clear(store, token, 0), 0);
    ck_assert_attempts(store, token, 0);
    ck_assert_attempts(store, other_token, 1);
}
END_TEST

/* --------------------------------------------------------------------------------------------- second factors */

START_TEST(factor_comes_back_as_it_was_and_as_it_was_changed)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(factor_row_clear)
    struct factor_row row = { .token_id = add_token(store, "alice"), .kind = FACTOR_TOTP };
    struct factor_row *rows = NULL;
    size_t count = 0;

    fill(row.row_name, sizeof(row.row_name), 1);
    fill(row.nonce, sizeof(row.nonce), 2);
    buffer_append_text(&row.sealed, "sealed");
    row.created_ms = 5;
    ck_assert_int_eq(store_factor_insert(store, &row), 0);
    ck_assert_int_eq(store_factor_insert(store, &row), -EEXIST);
    row.kd_epoch = 3;
    row.confirmed = true;
    row.last_step = UINT64_MAX;
    fill(row.code, sizeof(row.code), 4);
    row.code_until_ms = 6;
    row.sent_ms = 7;
    ck_assert_int_eq(store_factor_update(store, &row), 0);
    ck_assert_int_eq(store_factor_list(store, row.token_id, &rows, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(rows->kd_epoch, 3);
    ck_assert(rows->confirmed && rows->last_step == UINT64_MAX);
    ck_assert(rows->code_until_ms == 6 && rows->sent_ms == 7 && rows->created_ms == 5);
    ck_assert_mem_eq(rows->code, row.code, sizeof(row.code));
    ck_assert_mem_eq(rows->row_name, row.row_name, sizeof(row.row_name));
    ck_assert(bytes_equal(buffer_bytes(&rows->sealed), buffer_bytes(&row.sealed)));
    factor_rows_free(rows, count);
}
END_TEST

START_TEST(factor_that_is_gone_is_not_changed)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct factor_row row = { .token_id = add_token(store, "alice"), .kind = FACTOR_SENT };
    struct factor_row *rows = NULL;
    size_t count = 1;

    ck_assert_int_eq(store_factor_insert(store, &row), 0);
    ck_assert_int_eq(store_factor_delete(store, row.token_id, FACTOR_TOTP), 0); /* another kind */
    ck_assert_int_eq(store_factor_update(store, &row), 0);
    ck_assert_int_eq(store_factor_delete(store, row.token_id, FACTOR_SENT), 0);
    ck_assert_int_eq(store_factor_delete(store, row.token_id, FACTOR_SENT), 0);
    ck_assert_int_eq(store_factor_update(store, &row), -ENOENT);
    ck_assert_int_eq(store_factor_list(store, row.token_id, &rows, &count), 0);
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* --------------------------------------------------------------------------------------------------- audit heads */

START_TEST(attempts_at_enrolment_change_by_compare_and_set)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct enrolment_row row = { .slot = 65535, .failures = 7, .failed_ms = INT64_MAX, .sequence = 1 }, read;

    fill(row.mac, sizeof(row.mac), 9);
    ck_assert_int_eq(store_enrolment_get(store, row.slot, &read), -ENOENT);
    ck_assert_int_eq(store_enrolment_put(store, &row, 0), 0);
    ck_assert_int_eq(store_enrolment_get(store, row.slot, &read), 0);
    ck_assert_mem_eq(&read, &row, sizeof(row));
    ck_assert_int_eq(store_enrolment_put(store, &row, 0), -ESTALE);
    row.sequence = 2;
    ck_assert_int_eq(store_enrolment_put(store, &row, 1), 0);
    ck_assert_int_eq(store_enrolment_put(store, &row, 1), -ESTALE);
    ck_assert_int_eq(store_enrolment_get(store, 0, &read), -ENOENT);
}
END_TEST

START_TEST(certificate_of_a_principal_is_revoked_and_keeps_the_rest)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct principal_certificate_row row = { .principal_id = add_principal(store, "alice"),
                                             .role = ROLE_DEVICE,
                                             .not_after_ms = 5,
                                             .label = "a phone",
                                             .created_ms = 4 };
    CLEANUP(free) void *memory = NULL;
    struct principal_certificate_row *rows;
    size_t count;

    fill(row.hash, sizeof(row.hash), 1);
    fill(row.replaces, sizeof(row.replaces), 2);
    ck_assert_int_eq(store_principal_add_certificate(store, &row), 0);
    row.revoked = true;
    memset(row.replaces, 0, sizeof(row.replaces));
    ck_assert_int_eq(store_principal_update_certificate(store, &row), 0);
    ck_assert_int_eq(store_principal_certificates(store, row.principal_id, &rows, &count), 0);
    memory = rows;
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(rows[0].label, "a phone");
    ck_assert_int_eq(rows[0].created_ms, 4);
    ck_assert(rows[0].revoked);
    ck_assert_mem_eq(rows[0].replaces, row.replaces, sizeof(row.replaces));
    row.hash[0] ^= 1;
    ck_assert_int_eq(store_principal_update_certificate(store, &row), -ENOENT);
}
END_TEST

START_TEST(audit_head_never_goes_back)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    const struct log_name log = { "web1", 3 }, other = { "web2", 3 };
    uint8_t zero[HASH_LEN] = { 0 }, hash[HASH_LEN], read[HASH_LEN];
    uint64_t sequence = 99;

    fill(hash, HASH_LEN, 0);
    ck_assert_int_eq(store_audit_head_get(store, &log, &sequence, read), 0);
    ck_assert_uint_eq(sequence, 0);
    ck_assert_mem_eq(read, zero, HASH_LEN);
    ck_assert_int_eq(store_audit_head_put(store, &log, 10, hash), 0);
    ck_assert_int_eq(store_audit_head_put(store, &log, 10, zero), -ESTALE);
    ck_assert_int_eq(store_audit_head_put(store, &log, 9, zero), -ESTALE);
    ck_assert_int_eq(store_audit_head_get(store, &log, &sequence, read), 0);
    ck_assert_uint_eq(sequence, 10);
    ck_assert_mem_eq(read, hash, HASH_LEN);
    ck_assert_int_eq(store_audit_head_get(store, &other, &sequence, read), 0);
    ck_assert_uint_eq(sequence, 0);
}
END_TEST

START_TEST(heads_of_all_logs_of_all_proxies_are_listed_in_order)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    const struct log_name logs[] = { { "web1", 0 }, { "web1", 10 }, { "web2", 1 } };
    CLEANUP(free) void *memory = NULL;
    struct audit_head *heads = NULL;
    uint8_t hash[HASH_LEN];
    size_t count = 99;

    fill(hash, HASH_LEN, 0);
    ck_assert_int_eq(store_audit_head_list(store, &heads, &count), 0);
    ck_assert_uint_eq(count, 0);
    for (size_t i = ARRAY_SIZE(logs); i-- > 0;)
        ck_assert_int_eq(store_audit_head_put(store, &logs[i], 5 + i, hash), 0);
    ck_assert_int_eq(store_audit_head_list(store, &heads, &count), 0);
    memory = heads;
    ck_assert_uint_eq(count, ARRAY_SIZE(logs));
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(heads[i].log.proxy, logs[i].proxy);
        ck_assert_uint_eq(heads[i].log.signer, logs[i].signer);
        ck_assert_uint_eq(heads[i].sequence, 5 + i);
        ck_assert_mem_eq(heads[i].hash, hash, HASH_LEN);
    }
}
END_TEST

START_TEST(signer_is_seen_as_it_was_last)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(free) void *memory = NULL;
    struct sighting *rows = NULL,
                    seen = { .who = { "web1", 3 },
                             .state = SIGHTING_SERVES,
                             .hsm = "hsm.b",
                             .seen_ms = 1000 },
                    other = { .who = { "web1", 2 }, .state = SIGHTING_SERVES, .hsm = "hsm", .seen_ms = 5000 };
    size_t count = 99;

    ck_assert_int_eq(store_sighting_put(store, &seen), 0);
    ck_assert_int_eq(store_sighting_put(store, &other), 0);
    seen.state = SIGHTING_FAILED;
    strcpy(seen.note, "no such token");
    seen.seen_ms = 2000;
    seen.leases = 7;
    ck_assert_int_eq(store_sighting_put(store, &seen), 0);
    ck_assert_int_eq(store_sighting_list(store, 2000, 9, &rows, &count), 0);
    memory = rows;
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(rows[0].who.signer, 2);
    ck_assert_uint_eq(rows[1].who.signer, 3);
    ck_assert_uint_eq(rows[1].state, SIGHTING_FAILED);
    ck_assert_str_eq(rows[1].hsm, "hsm.b");
    ck_assert_str_eq(rows[1].note, "no such token");
    ck_assert_int_eq(rows[1].seen_ms, 2000);
    ck_assert_uint_eq(rows[1].leases, 7);
}
END_TEST

START_TEST(signer_that_is_long_gone_is_forgotten)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    CLEANUP(free) void *memory = NULL;
    struct sighting *rows = NULL, seen = { .who = { "web1", 3 }, .seen_ms = 1000 };
    size_t count = 99;

    ck_assert_int_eq(store_sighting_put(store, &seen), 0);
    ck_assert_int_eq(store_sighting_forget(store, 1000), 0);
    ck_assert_int_eq(store_sighting_list(store, 0, 9, &rows, &count), 0);
    memory = rows;
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(store_sighting_forget(store, 1001), 0);
    ck_assert_int_eq(store_sighting_list(store, 0, 9, &rows, &count), 0);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(key_is_counted_in_each_log_by_itself)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    const struct log_name log = { "web1", 0 }, other = { "web2", 0 };
    uint8_t name[KEY_NAME_LEN];
    uint64_t count = 99, sequence = 99;

    fill(name, KEY_NAME_LEN, 0);
    ck_assert_int_eq(store_key_count_put(store, &log, name, 5, 50), 0);
    ck_assert_int_eq(store_key_count_put(store, &log, name, 6, 60), 0);
    ck_assert_int_eq(store_key_count_get(store, &log, name, &count, &sequence), 0);
    ck_assert_uint_eq(count, 6);
    ck_assert_uint_eq(sequence, 60);
    ck_assert_int_eq(store_key_count_get(store, &other, name, &count, &sequence), 0);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(sequence, 0);
}
END_TEST

/* -------------------------------------------------------------------------------------------------- transactions */

START_TEST(transaction_rolled_back_leaves_nothing)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row;

    store_rollback(store); /* none: does nothing */
    ck_assert_int_eq(store_begin(store), 0);
    add_token(store, "alice");
    ck_assert_int_eq(store_token_by_name(store, "alice", &row), 0);
    store_rollback(store);
    ck_assert_int_eq(store_token_by_name(store, "alice", &row), -ENOENT);
    ck_assert_int_eq(store_begin(store), 0);
    add_token(store, "bob");
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(store_token_by_name(store, "bob", &row), 0);
}
END_TEST

START_TEST(transaction_goes_on_after_a_refused_insert)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row = simple_token("alice");

    ck_assert_int_eq(store_begin(store), 0);
    add_token(store, "alice");
    ck_assert_int_eq(store_token_insert(store, &row), -EEXIST);
    add_token(store, "bob");
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(store_token_by_name(store, "bob", &row), 0);
    ck_assert_int_eq(store_token_by_name(store, "alice", &row), 0);
}
END_TEST

START_TEST(open_transaction_is_seen_by_its_own_connection_only)
{
    CLEANUP(store_close) struct store *writer = open_new(_i);
    CLEANUP(store_close) struct store *reader = open_again();
    struct token_row row;

    ck_assert_int_eq(store_begin(writer), 0);
    add_token(writer, "alice");
    ck_assert_int_eq(store_token_by_name(reader, "alice", &row), -ENOENT);
    ck_assert_int_eq(store_commit(writer), 0);
    ck_assert_int_eq(store_token_by_name(reader, "alice", &row), 0);
}
END_TEST

START_TEST(connection_closed_inside_a_transaction_leaves_nothing)
{
    struct store *first = open_new(_i);
    CLEANUP(store_close) struct store *second = NULL;
    struct token_row row;

    ck_assert_int_eq(store_begin(first), 0);
    add_token(first, "alice");
    store_close(first);
    second = open_again();
    ck_assert_int_eq(store_token_by_name(second, "alice", &row), -ENOENT);
    ck_assert_int_eq(store_begin(second), 0); /* and no lock */
}
END_TEST

static int begin_and_read(struct store *store)
{
    struct token_row row;
    int r = store_begin(store);

    return r == 0 ? store_token_by_name(store, "alice", &row) : r;
}

START_TEST(writer_that_waits_beyond_its_patience_is_told_to_try_again)
{
    CLEANUP(store_close) struct store *first = open_new(_i);
    CLEANUP(store_close) struct store *second = open_again();

    struct token_row row;

    add_token(first, "alice");
    ck_assert_int_eq(store_begin(first), 0);
    ck_assert_int_eq(store_token_by_name(first, "alice", &row), 0);
    /* At its beginning, or when it wants the same row. */
    ck_assert_int_eq(begin_and_read(second), -EAGAIN);
    store_rollback(second);
    store_rollback(first);
    ck_assert_int_eq(begin_and_read(second), 0);
}
END_TEST

/* In a child: adds one to the sequence of "alice" @times times, read and written in one transaction. */
static int count_up(int times)
{
    CLEANUP(store_close) struct store *store = NULL;

    if (store_open(url, &store) < 0)
        return 1;
    for (int i = 0; i < times; i++) {
        struct token_row row;
        uint64_t old;

        if (store_begin(store) < 0 || store_token_by_name(store, "alice", &row) < 0)
            return 2;
        old = row.sequence++;
        if (store_token_update(store, &row, old) < 0 || store_commit(store) < 0)
            return 3;
    }
    return 0;
}

START_TEST(processes_that_write_at_once_lose_nothing)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row;
    pid_t children[4];

    add_token(store, "alice");
    for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(count_up(25));
    }
    for (size_t i = 0; i < ARRAY_SIZE(children); i++)
        ck_assert_int_eq(scratch_wait(children[i]), 0);
    ck_assert_int_eq(store_token_by_name(store, "alice", &row), 0);
    ck_assert_uint_eq(row.sequence, 1 + 100);
}
END_TEST

/* In a child: writes "first", commits if @commits, and is killed with the transaction in hand. */
static void write_and_die(bool commits)
{
    struct token_row row = simple_token("first");
    struct store *store = NULL;

    if (store_open(url, &store) < 0 || store_begin(store) < 0 || store_token_insert(store, &row) < 0)
        _exit(1);
    if (commits && store_commit(store) < 0)
        _exit(1);
    kill(getpid(), SIGKILL);
}

static void run_and_kill(bool commits)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        write_and_die(commits);
    status = scratch_wait(child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}

START_TEST(process_killed_inside_a_transaction_leaves_nothing)
{
    struct store *store = open_new(_i);
    struct token_row row;

    store_close(store);
    run_and_kill(false);
    store = open_again();
    ck_assert_int_eq(store_token_by_name(store, "first", &row), -ENOENT);
    add_token(store, "second"); /* and no lock */
    store_close(store);
}
END_TEST

START_TEST(process_killed_after_its_commit_leaves_all_of_it)
{
    struct store *store = open_new(_i);
    struct token_row row;

    store_close(store);
    run_and_kill(true);
    store = open_again();
    ck_assert_int_eq(store_token_by_name(store, "first", &row), 0);
    store_close(store);
}
END_TEST

/* -------------------------------------------------------------------------------------------------------- schema */

START_TEST(migrating_again_changes_nothing)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    struct token_row row;
    unsigned version;

    add_token(store, "alice");
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(store_token_by_name(store, "alice", &row), 0);
    ck_assert_int_eq(store_schema_version(store, &version), 0);
    ck_assert_uint_eq(version, schema_current.version);
}
END_TEST

START_TEST(database_that_was_never_migrated_is_refused)
{
    struct store *store = NULL;

    int r;

    choose_backend(_i);
    r = store_open(url, &store);
    ck_assert(r == -ENOENT || r == -EPROTO); /* no database, or none of ours */
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(newer_schema_is_refused_and_left_alone)
{
    struct store *store = open_new(_i), *refused = NULL;
    unsigned version;

    ck_assert_int_eq(store->ops->execute(store, "UPDATE schema_version SET version = 999"), 0);
    ck_assert_int_eq(store_schema_version(store, &version), -EPROTO);
    ck_assert_int_eq(store_open(url, &refused), -EPROTO);
    ck_assert_ptr_null(refused);
    ck_assert_int_eq(store_migrate(url), -EPROTO);
    ck_assert_int_eq(schema_read_version(store, &version), 0);
    ck_assert_uint_eq(version, 999);
    store_close(store);
}
END_TEST

/* Whoever has it open takes it for moved. */
START_TEST(schema_without_a_table_is_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    uint64_t tokens, keys;

    ck_assert_int_eq(store->ops->execute(store, "DROP TABLE certificates; DROP TABLE keys"), 0);
    ck_assert_int_eq(store_count(store, &tokens, &keys), -EAGAIN);
    ck_assert(store_has_left(store));
}
END_TEST

START_TEST(row_that_does_not_fit_its_fields_is_refused)
{
    CLEANUP(store_close) struct store *store = open_new(_i);
    const char *const damages[] = {
        "UPDATE tokens SET pin_version = -1",
        "UPDATE tokens SET pin_version = 4294967296",
        "UPDATE tokens SET pin_version = 0, locked = 2",
        "UPDATE tokens SET locked = 0, partition = 'longer than a serial number'",
        "UPDATE tokens SET partition = '', mac = (SELECT sealed FROM access_rows)",
    };
    struct access_row empty = { .token_id = add_token(store, "alice") };
    struct token_row row;

    ck_assert_int_eq(store_access_insert(store, &empty), 0);
    for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
        ck_assert_int_eq(store_token_by_name(store, "alice", &row), 0);
        ck_assert_int_eq(store_begin(store), 0);
        ck_assert_int_eq(store->ops->execute(store, damages[i]), 0);
        ck_assert_int_eq(store_token_by_name(store, "alice", &row), -EUCLEAN);
        store_rollback(store);
    }
}
END_TEST

START_TEST(url_of_no_backend_is_refused)
{
    const char *const urls[] = { "", "sqlite", ":", ":x", "oracle:x", "SQLITE:x", "sqlit:x", "sqlitee:x" };
    struct store *store = NULL;

    (void)_i;
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        ck_assert_int_eq(store_open(urls[i], &store), -EINVAL);
        ck_assert_int_eq(store_migrate(urls[i]), -EINVAL);
        ck_assert_ptr_null(store);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        token_of_hostile_words_and_extreme_numbers_comes_back_unchanged,
        unknown_token_is_not_found,
        token_with_a_name_that_is_taken_is_refused,
        tokens_are_counted_by_their_homes,
        token_is_written_over_the_sequence_that_was_read,
        token_written_over_an_old_sequence_is_refused,
        token_cannot_change_its_name,
        tokens_are_listed_by_the_bytes_of_their_names_page_by_page,
        access_row_comes_back_unchanged_with_and_without_a_sealed_secret,
        token_has_one_access_row_of_a_kind,
        quorum_and_its_shares_come_back_as_written_and_go_together,
        quorums_with_a_request_are_listed_page_by_page,
        rows_of_a_token_that_is_not_there_are_refused,
        key_comes_back_unchanged,
        keys_are_listed_oldest_first_and_only_to_their_token,
        key_that_a_token_has_is_refused,
        id_that_another_key_of_the_token_has_is_refused,
        renamed_key_keeps_all_but_its_names,
        deleted_key_takes_its_certificate_along,
        newer_certificate_replaces_the_older_one_of_its_key,
        certificate_without_its_key_is_refused,
        principal_is_found_by_its_certificate,
        unknown_certificate_is_nobody,
        certificate_belongs_to_one_principal,
        dead_certificates_are_forgotten_once_they_are_old,
        principals_of_a_role_are_listed_once,
        request_comes_back_and_is_decided,
        request_has_one_owner_and_owners_are_listed_once,
        principal_has_one_name_and_changes_by_compare_and_set,
        nothing_is_granted_until_it_is,
        group_changes_by_compare_and_set_and_goes_with_its_grants,
        tokens_of_a_group_are_seen_once_and_after_those_granted,
        every_search_finds_what_all_its_words_say,
        deleted_token_takes_along_all_that_is_its_own,
        granted_tokens_are_named_oldest_grant_first,
        attempt_becomes_a_failure,
        id_of_a_deleted_attempt_is_never_given_again,
        attempts_are_cleared_of_one_principal_or_of_all,
        factor_comes_back_as_it_was_and_as_it_was_changed,
        factor_that_is_gone_is_not_changed,
        attempts_at_enrolment_change_by_compare_and_set,
        certificate_of_a_principal_is_revoked_and_keeps_the_rest,
        audit_head_never_goes_back,
        heads_of_all_logs_of_all_proxies_are_listed_in_order,
        signer_is_seen_as_it_was_last,
        signer_that_is_long_gone_is_forgotten,
        key_is_counted_in_each_log_by_itself,
        transaction_rolled_back_leaves_nothing,
        transaction_goes_on_after_a_refused_insert,
        open_transaction_is_seen_by_its_own_connection_only,
        connection_closed_inside_a_transaction_leaves_nothing,
        writer_that_waits_beyond_its_patience_is_told_to_try_again,
        processes_that_write_at_once_lose_nothing,
        process_killed_inside_a_transaction_leaves_nothing,
        process_killed_after_its_commit_leaves_all_of_it,
        migrating_again_changes_nothing,
        database_that_was_never_migrated_is_refused,
        newer_schema_is_refused_and_left_alone,
        schema_without_a_table_is_refused,
        row_that_does_not_fit_its_fields_is_refused,
        url_of_no_backend_is_refused,
    };
    TCase *tcase = tcase_create("contract");
    Suite *suite = suite_create("store contract");
    SRunner *runner = srunner_create(suite);
    int backends = 0, failed;

    while (store_backends[backends].scheme)
        backends++;
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        tcase_add_loop_test(tcase, cases[i], 0, backends);
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    postgres_start();
    srunner_run_all(runner, CK_SILENT);
    postgres_stop();
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
