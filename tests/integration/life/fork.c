/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork.c - nginx, Apache, ssh-agent: a process that has logged in is forked. Whatever the child does, connections and
 * login of the parent stay as they are; and what the child needs it gets by a C_Initialize of its own.
 */
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/table.h"
#include "tests/integration/life/cases.h"

#define WORKERS         8 /* as many as an nginx on a small server */
#define WORKER_SIGNS    10
#define FORKS_UNDER_WAY 10
#define SIGNING_THREADS 4
#define EXIT_IN_CHILD   42

static void wait_for(pid_t child, int wanted)
{
    int status;

    EXPECT(waitpid(child, &status, 0) == child, "waitpid");
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == wanted, "the child ended with status 0x%x", status);
}

/* The parent signs, a child does @child_does, the parent signs again: with the login and connections it had. */
static void around_child(struct host *host, void (*child_does)(struct host *), int wanted)
{
    struct host_connections before, after;
    CK_SESSION_INFO info;
    pid_t child;

    host_start(host);
    host_sign(host);
    before = host_connections();
    EXPECT(before.count, "a connection is kept");
    child = fork();
    if (child == 0) {
        child_does(host);
        _exit(0);
    }
    host_sign(host);
    wait_for(child, wanted);
    host_sign(host);
    after = host_connections();
    EXPECT(host_connections_equal(&before, &after), "the parent had to connect again");
    EXPECT_OK(host->p11->C_GetSessionInfo(host->session, &info));
    EXPECT(info.state == CKS_RO_USER_FUNCTIONS, "the parent's login is gone: state %lu", info.state);
    host_finish(host);
}

/* ------------------------------------------------------------------------------------------- what children do */

/* Before its own C_Initialize a child has nothing. */
static void find_nothing(struct host *host)
{
    CK_INFO info;

    EXPECT_RV(host->p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_RV(host_sign_in(host, host->session, HOST_EC, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_RV(host->p11->C_CloseAllSessions(host->slot), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void live_anew(struct host *host)
{
    EXPECT_OK(host->p11->C_Initialize(NULL));
    host_login(host);
    for (unsigned i = 0; i < WORKER_SIGNS; i++)
        host_sign(host);
    host_finish(host);
}

static void look_then_live(struct host *host)
{
    find_nothing(host);
    live_anew(host);
}

/* libp11 and GnuTLS; pkcs11-provider finalizes what it never initialized. */
static void finalize_first(struct host *host)
{
    EXPECT_RV(host->p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    live_anew(host);
}

static void run_exit_handlers(struct host *host)
{
    (void)host;
    exit(EXIT_IN_CHILD);
}

static void end_at_once(struct host *host)
{
    (void)host;
    _exit(EXIT_IN_CHILD);
}

/* This program again, asked whether it has been handed any connection. */
static void run_a_program(struct host *host)
{
    (void)host;
    execl("/proc/self/exe", "cases", "inherited", (char *)NULL);
    _exit(127);
}

static void live_and_fork(struct host *host)
{
    pid_t grandchild;

    EXPECT_OK(host->p11->C_Initialize(NULL));
    host_login(host);
    host_sign(host);
    grandchild = fork();
    if (grandchild == 0) {
        look_then_live(host);
        _exit(0);
    }
    host_sign(host);
    wait_for(grandchild, 0);
    host_sign(host);
    host_finish(host);
}

static void dies_by_abandoning_a_login(struct host *host)
{
    EXPECT_OK(host->p11->C_Initialize(NULL));
    host_login(host);
    host_sign(host);
    exit(EXIT_IN_CHILD);
}

/* ------------------------------------------------------------------------------------------------------ the cases */

static void child_signs(struct host *host)
{
    around_child(host, look_then_live, 0);
}

static void child_finalizes_first(struct host *host)
{
    around_child(host, finalize_first, 0);
}

static void child_exits(struct host *host)
{
    around_child(host, run_exit_handlers, EXIT_IN_CHILD);
}

static void child_ends_at_once(struct host *host)
{
    around_child(host, end_at_once, EXIT_IN_CHILD);
}

static void child_execs(struct host *host)
{
    around_child(host, run_a_program, 0);
}

static void child_forks(struct host *host)
{
    around_child(host, live_and_fork, 0);
}

static void child_exits_logged_in(struct host *host)
{
    around_child(host, dies_by_abandoning_a_login, EXIT_IN_CHILD);
}

static void prefork(struct host *host)
{
    pid_t workers[WORKERS];

    host_start(host);
    host_sign(host);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            live_anew(host);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < WORKER_SIGNS; i++)
        host_sign(host);
    for (unsigned i = 0; i < WORKERS; i++)
        wait_for(workers[i], 0);
    host_sign(host);
    host_finish(host);
}

struct signing {
    struct host *host;
    atomic_bool ends;
};

static void *sign_until_told(void *cookie)
{
    struct signing *signing = cookie;
    CK_SESSION_HANDLE session;

    EXPECT_OK(
        signing->host->p11->C_OpenSession(signing->host->slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    for (unsigned i = 0; !atomic_load(&signing->ends); i++)
        EXPECT_OK(host_sign_in(signing->host, session, HOST_EC, i));
    return NULL;
}

/* Other threads are inside the module, nghttp2 and OpenSSL at the moment of the fork. */
static void fork_during_calls(struct host *host)
{
    struct signing signing = { .host = host };
    pthread_t threads[SIGNING_THREADS];

    host_start(host);
    for (unsigned i = 0; i < SIGNING_THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, sign_until_told, &signing) == 0, "pthread_create");
    for (unsigned i = 0; i < FORKS_UNDER_WAY; i++) {
        pid_t child = fork();

        if (child == 0) {
            live_anew(host);
            _exit(0);
        }
        wait_for(child, 0);
    }
    atomic_store(&signing.ends, true);
    for (unsigned i = 0; i < SIGNING_THREADS; i++)
        pthread_join(threads[i], NULL);
    host_sign(host);
    host_finish(host);
}

static void spawned_programs(struct host *host)
{
    char *const arguments[] = { (char *)"true", NULL };
    struct host_connections before, after;
    pid_t child;

    host_start(host);
    host_sign(host);
    before = host_connections();
    EXPECT(system("true") == 0, "system");
    EXPECT(posix_spawnp(&child, "true", NULL, NULL, arguments, environ) == 0, "posix_spawnp");
    wait_for(child, 0);
    host_sign(host);
    after = host_connections();
    EXPECT(host_connections_equal(&before, &after), "the parent had to connect again");
    host_finish(host);
}

const struct life_case fork_cases[] = {
    { "child-signs", "a forked child begins anew and signs, and so does its parent", child_signs },
    { "child-finalizes-first", "a child that calls C_Finalize first disturbs nobody", child_finalizes_first },
    { "child-exits", "a child that only exits disturbs nobody", child_exits },
    { "child-ends-at-once", "a child that only calls _exit disturbs nobody", child_ends_at_once },
    { "child-execs", "a child that runs a program disturbs nobody and hands on no connection", child_execs },
    { "child-forks", "a child of a child begins anew, too", child_forks },
    { "child-exits-logged-in", "a child that exits in the middle of its login disturbs nobody",
      child_exits_logged_in },
    { "prefork", "eight workers of a master that has logged in all sign", prefork },
    { "fork-during-calls", "a child forked while threads sign begins anew and signs", fork_during_calls },
    { "spawn", "programs started with system() and posix_spawn() disturb nobody", spawned_programs },
    { NULL, NULL, NULL },
};
