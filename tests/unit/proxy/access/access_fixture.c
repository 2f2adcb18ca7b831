/* SPDX-License-Identifier: Apache-2.0 */
/* access_fixture.c - a store in a directory of its own, an HSM that answers, and people and tokens in it. */
#include "tests/unit/proxy/access/access_fixture.h"

#include <check.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

struct fixture fixture;

void fixture_setup(void)
{
    fixture = (struct fixture){ .directory = "/tmp/privyseal-access-XXXXXX",
                                .hsm = { .epoch = 1 },
                                .access = { .realm = "test", .factor_window = 1, .hsm = &fixture.hsm } };
    ck_assert_ptr_nonnull(mkdtemp(fixture.directory));
    snprintf(fixture.url, sizeof(fixture.url), "sqlite:%s/store.db", fixture.directory);
    ck_assert_int_eq(store_migrate(fixture.url), 0);
    ck_assert_int_eq(store_open(fixture.url, &fixture.access.store), 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void fixture_teardown(void)
{
    access_clear(&fixture.access);
    store_close(TAKE(fixture.access.store));
    nftw(fixture.directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

struct access *fixture_open(void)
{
    struct access *access = calloc(1, sizeof(*access));

    ck_assert_ptr_nonnull(access);
    access->realm = fixture.access.realm;
    access->hsm = fixture.access.hsm;
    ck_assert_int_eq(store_open(fixture.url, &access->store), 0);
    return access;
}

void fixture_close(struct access *access)
{
    access_clear(access);
    store_close(access->store);
    free(access);
}

void fixture_break_hsm(void)
{
    fixture.hsm.failure = CKR_DEVICE_ERROR;
    fixture.access.believed = (struct believed){ 0 };
}

struct caller fixture_caller(const char *name, enum role role, uint8_t number)
{
    struct principal_row principal;
    struct principal_certificate_row certificate = { .role = role,
                                                     .not_after_ms = FIXTURE_NOW_MS + 86400000 };
    struct caller caller;

    memset(certificate.hash, number, HASH_LEN);
    ck_assert_int_eq(principal_find(&fixture.access, name, true, FIXTURE_NOW_MS, &principal), REASON_NONE);
    ck_assert_int_eq(principal_add_certificate(&fixture.access, &principal, &certificate), REASON_NONE);
    ck_assert_int_eq(
        identity_find(&fixture.access, BYTES_OF_ARRAY(certificate.hash), FIXTURE_NOW_MS, &caller),
        REASON_NONE);
    return caller;
}

struct token_row fixture_token(const char *name)
{
    struct token_row token = { .home = -1, .enabled = true, .pin_version = 1, .version = 1 };

    snprintf(token.name, sizeof(token.name), "%s", name);
    /* Serial numbers are random in earnest; here the name makes them differ. */
    snprintf(token.serial, sizeof(token.serial), "%016zx", strlen(name) << 8 | (uint8_t)name[0]);
    ck_assert_int_eq(store_token_insert(fixture.access.store, &token), 0);
    ck_assert_int_eq(row_mac_token(&fixture.access, &token), REASON_NONE);
    ck_assert_int_eq(store_token_update(fixture.access.store, &token, token.sequence), 0);
    return token;
}

void fixture_grant(const struct caller *caller, struct token_row *token, unsigned bits)
{
    ck_assert_int_eq(grant_put(&fixture.access, token, caller->principal.id, bits), REASON_NONE);
    ck_assert_int_eq(token_save(&fixture.access, token), REASON_NONE);
}

void fixture_enable(struct caller *caller, bool is_enabled)
{
    caller->principal.enabled = is_enabled;
    ck_assert_int_eq(principal_save(&fixture.access, &caller->principal), REASON_NONE);
}

void fixture_tamper(const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    char *why = NULL;

    snprintf(path, sizeof(path), "%s/store.db", fixture.directory);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, "%s: %s", sql, why);
    sqlite3_close(db);
}
