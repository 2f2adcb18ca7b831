/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scale_bench [ROUNDS SIZE...] - what a signer takes for GetToken, ListTokens and Unlock, by how many users there are.
 *
 * A signer in this process over a real SoftHSM and one SQLite store for each SIZE: 1,000 real tokens, each with a PIN
 * (its S is made up: nothing is stretched here) and granted to one client by a group, in the middle of synthetic rows,
 * which are copies of a real one's under other names and ids: nobody reads them, but every index holds them. The sizes
 * take turns within each round, so that what else this machine does meets all of them alike.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sqlite3.h>

#include "include/table.h"
#include "proto/pack.h"
#include "proto/seal.h"
#include "proxy/access/access.h"
#include "tests/loopback/deployment.h"

#define REAL_TOKENS 1000
#define WORLDS_MAX  8
#define ROUNDS_MAX  10000

static const uint8_t raw_s[STRETCHED_PIN_LEN] = "a secret that nobody stretched";
static const uint8_t client_secret[CLIENT_SECRET_LEN] = "and another, for the session";

enum question { GET_TOKEN, LIST_TOKENS, UNLOCK, QUESTIONS };
static const enum method_id methods[] = { METHOD_GetToken, METHOD_ListTokens, METHOD_Unlock };

/* A store of one size. */
struct world {
    unsigned size;
    char path[160];
    struct store *store;
    double fill_s;
    double us[QUESTIONS][ROUNDS_MAX];
};

/* What the command line says. */
static unsigned rounds = 200;
static char *sizes_default[] = { "1000", "100000" }, **sizes = sizes_default;

static struct world worlds[WORLDS_MAX];
static size_t world_count;

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Every signer works on this store now; what it remembers is of another. */
static void enter(struct world *world)
{
    for (size_t i = 0; i < SIGNERS; i++) {
        struct access *access = &deployment.service[i].access;

        access->store = world->store;
        access_clear(access);
    }
}

/* ---------------------------------------------------------------------------------------------- real tokens */

static ProtobufCMessage *operate(enum method_id method, const ProtobufCMessage *request)
{
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv = deployment_operate(&deployment.operator_, method, request, &reply, &error);

    ck_assert_msg(rv == CKR_OK, "%s: 0x%lx %s", method_by_id(method)->name, rv, error.detail);
    return reply;
}

static void operate_only(enum method_id method, const ProtobufCMessage *request)
{
    protobuf_c_message_free_unpacked(operate(method, request), NULL);
}

/* Names lie among the synthetic ones in every index by name. */
static void real_name(unsigned number, char ret[NAME_MAX_LEN + 1])
{
    snprintf(ret, NAME_MAX_LEN + 1, "%08x r", number * 2654435761U);
}

static void seal_for_alice(enum method_id id, const ProtobufCMessage *request, struct buffer *ret)
{
    const struct seal_epoch *epoch = &deployment.service[SIGNER_WRAPPED].seal[0];
    CLEANUP(seal_call_clear) struct seal_call call = { 0 };
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    uint8_t challenge[CHALLENGE_LEN];

    ck_assert_int_eq(pack_append(request, &packed), 0);
    ck_assert_int_eq(
        challenge_make(deployment.service[SIGNER_WRAPPED].challenges, (int64_t)time(NULL) * 1000, challenge),
        0);
    ck_assert_int_eq(seal_request(NULL, REALM, method_by_id(id), BYTES_OF_ARRAY(epoch->public_key),
                                  BYTES_OF_ARRAY(challenge), buffer_bytes(&packed), &call, ret),
                     0);
}

/* Sends it as alice's device. Microseconds that the signer took. */
static double send(enum method_id id, struct bytes body)
{
    CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };
    double began = now_us(), ended;

    deployment_carry(method_by_id(id), deployment.alice.certificate_hash, body, &reply);
    ended = now_us();
    ck_assert_msg(reply.status == GRPC_OK, "%s: status %d", method_by_id(id)->name, reply.status);
    return ended - began;
}

static void set_pin(const char *token, const ProtobufCBinaryData *code)
{
    Privyseal__V1__SetPinRequest request = PRIVYSEAL__V1__SET_PIN_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer body = { 0 };

    request.token = (char *)token;
    request.activation_code = *code;
    request.stretched_pin = pack_borrow(BYTES_OF_ARRAY(raw_s));
    request.certificate_hash = pack_borrow(BYTES_OF_ARRAY(deployment.alice.certificate_hash));
    seal_for_alice(METHOD_SetPin, &request.base, &body);
    (void)send(METHOD_SetPin, buffer_bytes(&body));
}

static void add_batch(unsigned first, unsigned count)
{
    Privyseal__V1__AddUsersRequest request = PRIVYSEAL__V1__ADD_USERS_REQUEST__INIT;
    Privyseal__V1__NewUser users[NEW_USERS_MAX], *pointers[NEW_USERS_MAX];
    char names[NEW_USERS_MAX][NAME_MAX_LEN + 1], *groups[] = { "all" };
    Privyseal__V1__AddUsersResponse *answer;

    for (unsigned i = 0; i < count; i++) {
        privyseal__v1__new_user__init(&users[i]);
        real_name(first + i, names[i]);
        users[i].user = names[i];
        users[i].group = groups;
        users[i].n_group = 1;
        pointers[i] = &users[i];
    }
    request.user = pointers;
    request.n_user = count;
    answer = (Privyseal__V1__AddUsersResponse *)operate(METHOD_AddUsers, &request.base);
    for (unsigned i = 0; i < count; i++)
        set_pin(names[i], &answer->user[i]->activation_code);
    privyseal__v1__add_users_response__free_unpacked(answer, NULL);
}

static void add_real(void)
{
    Privyseal__V1__AddGroupRequest group = PRIVYSEAL__V1__ADD_GROUP_REQUEST__INIT;
    Privyseal__V1__SetGrantRequest grant = PRIVYSEAL__V1__SET_GRANT_REQUEST__INIT;
    uint8_t code[ACTIVATION_CODE_LEN];

    deployment_add_user("alice", &deployment.alice, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    group.group = "all";
    operate_only(METHOD_AddGroup, &group.base);
    grant.group = "all";
    grant.principal = "alice";
    grant.bits = GRANT_SEE | GRANT_SIGN;
    operate_only(METHOD_SetGrant, &grant.base);
    for (unsigned done = 0; done < REAL_TOKENS; done += NEW_USERS_MAX)
        add_batch(done, REAL_TOKENS - done < NEW_USERS_MAX ? REAL_TOKENS - done : NEW_USERS_MAX);
}

/* ------------------------------------------------------------------------------------------- synthetic rows */

static void execute(sqlite3 *db, const char *sql)
{
    char *why = NULL;

    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, "%s\n%s", why, sql);
}

/* What of a table's columns is made anew for each copy; all others are the template's. */
struct copied {
    const char *table, *columns, *values, *from;
};

#define N  "n.n"
#define ID "(10000000 + " N ")"

/* In the order in which they refer to each other. */
static const struct copied copies[] = {
    { "principals", "id, name", ID ", printf('%08x s', (" N " * 2654435761) & 4294967295)", "principals" },
    { "tokens", "id, name, serial",
      ID ", printf('%08x s', (" N " * 2654435761) & 4294967295), printf('%016x', " N ")", "tokens" },
    { "grants", "id, principal_id, token_id", ID ", " ID ", " ID, "grants" },
    { "access_rows", "id, token_id, row_name", ID ", " ID ", randomblob(16)", "access_rows" },
    { "principal_certificates", "hash, principal_id", "randomblob(32), " ID, "principal_certificates" },
};

static bool is_made(const struct copied *copy, const char *column)
{
    size_t len = strlen(column);

    for (const char *at = copy->columns; (at = strstr(at, column)); at += len)
        if ((at == copy->columns || at[-1] == ' ') && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

/* ", other, columns" */
static void other_columns(sqlite3 *db, const struct copied *copy, char *ret, size_t size)
{
    sqlite3_stmt *info;
    char sql[128];
    size_t len = 0;

    snprintf(sql, sizeof(sql), "SELECT name FROM pragma_table_info('%s')", copy->table);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &info, NULL), SQLITE_OK);
    *ret = '\0';
    while (sqlite3_step(info) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(info, 0);

        if (!is_made(copy, column))
            len += (size_t)snprintf(ret + len, size - len, ", %s", column);
    }
    sqlite3_finalize(info);
}

/* Rows number @first to @last of each table. */
static void add_synthetic(const char *path, unsigned first, unsigned last)
{
    const struct copied *copy;
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    execute(db, "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN");
    for (EACH_ROW(copy, copies)) {
        char others[1024], sql[4096];

        other_columns(db, copy, others, sizeof(others));
        snprintf(sql, sizeof(sql),
                 "WITH RECURSIVE n(n) AS (SELECT %u UNION ALL SELECT n + 1 FROM n WHERE n < %u)"
                 " INSERT INTO %s (%s%s) SELECT %s%s FROM n, (SELECT * FROM %s LIMIT 1) AS template",
                 first, last, copy->table, copy->columns, others, copy->values, others, copy->from);
        execute(db, sql);
    }
    execute(db, "COMMIT");
    sqlite3_close(db);
}

/* ------------------------------------------------------------------------------------------------ the bench */

static void copy_store(const char *path)
{
    char sql[256];
    sqlite3 *db;

    snprintf(sql, sizeof(sql), "%s/store.db", deployment.directory);
    ck_assert_int_eq(sqlite3_open(sql, &db), SQLITE_OK);
    snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", path);
    execute(db, sql);
    sqlite3_close(db);
}

/* The real ones first, since the others are copies of one; by name they lie among them. */
static void make_world(struct world *world, unsigned size)
{
    double began = now_us();
    char url[200];

    world->size = size;
    snprintf(world->path, sizeof(world->path), "%s/store-%u.db", deployment.directory, size);
    copy_store(world->path);
    snprintf(url, sizeof(url), "sqlite:%s", world->path);
    ck_assert_int_eq(store_open(url, &world->store), 0);
    enter(world);
    add_real();
    if (size > REAL_TOKENS)
        add_synthetic(world->path, 1, size - REAL_TOKENS);
    world->fill_s = (now_us() - began) / 1e6;
}

static double ask(enum question question, const char *token)
{
    Privyseal__V1__GetTokenRequest get = PRIVYSEAL__V1__GET_TOKEN_REQUEST__INIT;
    Privyseal__V1__ListTokensRequest list = PRIVYSEAL__V1__LIST_TOKENS_REQUEST__INIT;
    Privyseal__V1__UnlockRequest unlock = PRIVYSEAL__V1__UNLOCK_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer body = { 0 };

    get.token = unlock.token = (char *)token;
    unlock.pin_version = 1;
    unlock.stretched_pin = pack_borrow(BYTES_OF_ARRAY(raw_s));
    unlock.client_secret = pack_borrow(BYTES_OF_ARRAY(client_secret));
    unlock.certificate_hash = pack_borrow(BYTES_OF_ARRAY(deployment.alice.certificate_hash));
    if (question == UNLOCK)
        seal_for_alice(METHOD_Unlock, &unlock.base, &body);
    else
        ck_assert_int_eq(pack_append(question == GET_TOKEN ? &get.base : &list.base, &body), 0);
    return send(methods[question], buffer_bytes(&body));
}

static void run_round(unsigned round)
{
    char token[NAME_MAX_LEN + 1];

    real_name((unsigned)random() % REAL_TOKENS, token);
    for (size_t w = 0; w < world_count; w++) {
        enter(&worlds[w]);
        for (enum question question = 0; question < QUESTIONS; question++)
            worlds[w].us[question][round] = ask(question, token);
    }
}

static int compare(const void *a, const void *b)
{
    const double *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void print_table(void)
{
    printf("| users | GetToken, us (p50 / p99) | ListTokens of 1,000 | Unlock | made in "
           "|\n|---|---|---|---|---|\n");
    for (size_t w = 0; w < world_count; w++) {
        printf("| %u |", worlds[w].size);
        for (enum question question = 0; question < QUESTIONS; question++) {
            double *us = worlds[w].us[question];

            qsort(us, rounds, sizeof(*us), compare);
            printf(" %.0f / %.0f |", us[rounds / 2], us[rounds * 99 / 100]);
        }
        printf(" %.0f s |\n", worlds[w].fill_s);
    }
}

/* deployment.c asserts with Check, which wants a test to be running. */
START_TEST(bench)
{
    deployment_setup();
    for (size_t w = 0; w < world_count; w++)
        make_world(&worlds[w], (unsigned)atoi(sizes[w]));
    for (unsigned round = 0; round < rounds; round++)
        run_round(round);
    print_table();
    for (size_t w = 0; w < world_count; w++)
        store_close(worlds[w].store);
    for (size_t i = 0; i < SIGNERS; i++)
        deployment.service[i].access.store = deployment.store;
    deployment_teardown();
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("scale");
    TCase *tcase = tcase_create("scale");
    SRunner *runner;
    int failed;

    if (argc > 1)
        rounds = (unsigned)atoi(argv[1]);
    if (argc > 2)
        sizes = argv + 2;
    world_count = argc > 2 ? (size_t)argc - 2 : ARRAY_SIZE(sizes_default);
    if (rounds == 0 || rounds > ROUNDS_MAX || world_count > WORLDS_MAX)
        return EXIT_FAILURE;
    tcase_add_test(tcase, bench);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* without a time limit */
    srunner_run_all(runner, CK_MINIMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
