/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unload.c - all the ways in which hosts let go of a module: properly, not at all, too late, in the middle of calls,
 * and again and again. Nothing of ours may be left: no thread, no descriptor; and nothing may crash.
 */
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/integration/life/cases.h"

#define ROUNDS          5
#define SIGNING_THREADS 8

/* One thread in all: that of a sanitizer, if it has one, was there before. */
static void expect_no_thread_besides(unsigned before)
{
    unsigned now = host_thread_count();

    EXPECT(now == before, "%u threads instead of %u", now, before);
}

static void finalize_and_close(struct host *host)
{
    unsigned threads = host_thread_count();

    for (unsigned i = 0; i < ROUNDS; i++) {
        host_load(host);
        expect_no_thread_besides(threads);
        EXPECT_OK(host->p11->C_Initialize(NULL));
        expect_no_thread_besides(threads);
        host_login(host);
        expect_no_thread_besides(threads);
        host_sign(host);
        expect_no_thread_besides(threads);
        host_finish(host);
        expect_no_thread_besides(threads);
        host_unload(host);
        expect_no_thread_besides(threads);
    }
}

/* The code stays where it is, with what it knows: the standard's word for that is "already initialized". */
static void close_without_finalize(struct host *host)
{
    unsigned threads = host_thread_count();
    CK_RV rv;

    host_start(host);
    host_sign(host);
    for (unsigned i = 0; i < ROUNDS; i++) {
        host_unload(host);
        expect_no_thread_besides(threads);
        host_load(host);
        rv = host->p11->C_Initialize(NULL);
        EXPECT(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED, "C_Initialize gave 0x%lx", rv);
        EXPECT(host_find_slot(host), "the token is gone");
        EXPECT_OK(host->p11->C_CloseAllSessions(host->slot));
        host_login(host);
        host_sign(host);
    }
    host_finish(host);
    host_unload(host);
}

static void leave_nothing(struct host *host)
{
    size_t fds;

    /* The first round may open what stays with libraries of the process, such as a log's socket. */
    for (unsigned i = 0; i < ROUNDS; i++) {
        fds = host_fd_count();
        host_start(host);
        host_sign(host);
        host_finish(host);
        host_unload(host);
        EXPECT(host_fd_count() == fds, "%zu descriptors instead of %zu", host_fd_count(), fds);
        EXPECT(host_connections().count == 0, "connections are open");
    }
}

static void exit_without_finalize(struct host *host)
{
    host_start(host);
    host_sign(host);
    exit(0);
}

/* ------------------------------------------------------------------------------------------------- too late */

static struct host *late; /* the host for exit handlers, which have no argument */

static void close_late(void)
{
    /* NSS and p11-kit do so from exit(), when OpenSSL may be gone; nothing sensible is left to answer. */
    if (!late)
        return;
    (void)host_sign_in(late, late->session, HOST_EC, 1);
    (void)late->p11->C_CloseAllSessions(late->slot);
    (void)late->p11->C_Finalize(NULL);
    (void)late->p11->C_Finalize(NULL);
}

__attribute__((destructor)) static void close_from_destructor(void)
{
    close_late();
}

static void finalize_from_destructor(struct host *host)
{
    host_start(host);
    host_sign(host);
    late = host;
    exit(0);
}

/* Exit handlers run last in, first out: this one was there before OpenSSL's, and so comes after it. */
static void finalize_from_exit_handler(struct host *host)
{
    EXPECT(atexit(close_late) == 0, "atexit");
    EXPECT(OPENSSL_init_crypto(0, NULL) == 1, "OpenSSL does not start");
    host_start(host);
    host_sign(host);
    late = host;
    exit(0);
}

static void finalize_after_cleanup(struct host *host)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    host_start(host);
    host_sign(host);
    host_forget_keys(host);
    OPENSSL_cleanup();
    EXPECT_RV(host->p11->C_GetSlotList(CK_FALSE, slots, &count), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_RV(host->p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT(host->p11->C_Initialize(NULL) != CKR_OK, "it begins without OpenSSL");
}

/* ------------------------------------------------------------------------------------------- in the middle of calls */

static atomic_uint signatures;

static void *sign_while_it_lasts(void *cookie)
{
    struct host *host = cookie;
    CK_SESSION_HANDLE session;
    CK_RV rv = host->p11->C_OpenSession(host->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);

    for (unsigned i = 0; rv == CKR_OK; i++) {
        rv = host_sign_in(host, session, HOST_EC, i);
        atomic_fetch_add(&signatures, rv == CKR_OK);
    }
    EXPECT(rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID ||
               rv == CKR_USER_NOT_LOGGED_IN,
           "after C_Finalize a call gave 0x%lx", rv);
    return NULL;
}

static void start_signing(struct host *host, pthread_t threads[SIGNING_THREADS])
{
    host_start(host);
    for (unsigned i = 0; i < SIGNING_THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, sign_while_it_lasts, host) == 0, "pthread_create");
    while (atomic_load(&signatures) < SIGNING_THREADS)
        usleep(1000);
}

static void finalize_during_calls(struct host *host)
{
    pthread_t threads[SIGNING_THREADS];

    start_signing(host, threads);
    EXPECT_OK(host->p11->C_Finalize(NULL));
    for (unsigned i = 0; i < SIGNING_THREADS; i++)
        pthread_join(threads[i], NULL);
    host_forget_keys(host);
    EXPECT(host_connections().count == 0, "connections are left");
}

static void exit_during_calls(struct host *host)
{
    pthread_t threads[SIGNING_THREADS];

    start_signing(host, threads);
    exit(0);
}

/* The module stays, as OpenSSL has pieces of it in its tables for the ends of threads. */
static void thread_outlives_the_module(struct host *host)
{
    pthread_t threads[SIGNING_THREADS];

    start_signing(host, threads);
    EXPECT_OK(host->p11->C_Finalize(NULL));
    EXPECT(dlclose(host->library) == 0, "%s",
           dlerror()); /* host->p11 stays: the threads still call through it */
    for (unsigned i = 0; i < SIGNING_THREADS; i++)
        pthread_join(threads[i], NULL);
    host_forget_keys(host);
}

const struct life_case unload_cases[] = {
    { "finalize-and-close", "loaded, used, finalized and closed, again and again: no thread at any step",
      finalize_and_close },
    { "close-without-finalize", "closed without C_Finalize and loaded again it goes on",
      close_without_finalize },
    { "leave-nothing", "after C_Finalize no descriptor of ours is left", leave_nothing },
    { "exit-without-finalize", "the process may exit without C_Finalize", exit_without_finalize },
    { "finalize-from-destructor", "calls and C_Finalize from a destructor do no harm",
      finalize_from_destructor },
    { "finalize-from-exit-handler", "nor from an exit handler after OpenSSL's clean-up",
      finalize_from_exit_handler },
    { "finalize-after-cleanup", "after OPENSSL_cleanup() every call says that there is nothing",
      finalize_after_cleanup },
    { "finalize-during-calls",
      "C_Finalize while eight threads sign ends their calls and leaves no connection",
      finalize_during_calls },
    { "exit-during-calls", "exit() while eight threads sign is an exit", exit_during_calls },
    { "thread-outlives-the-module", "threads that called it may end after dlclose()",
      thread_outlives_the_module },
    { NULL, NULL, NULL },
};
