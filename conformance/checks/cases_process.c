/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_process.c - threads, fork, loading again, and the end of the process.
 *
 * A forked child must call C_Initialize before anything else, and gets a library of its own: none of the parent's
 * sessions, not its login, and no way to disturb it.
 *
 * Source: PKCS#11 v3.1 5.4.1 (C_Initialize), Usage Guide v2.40 2.5.2 (Applications and processes).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/key.h"

#define THREADS       16
#define ROUNDS        8
#define SIGNATURE_MAX 2048

/* ---- signing, from any thread: what goes wrong comes back as a code ---- */

struct signer {
    struct check *check;
    EVP_PKEY *public;
    CK_RV rv;
    bool is_refused_by_openssl;
};

static CK_RV sign_once(struct signer *signer, CK_SESSION_HANDLE session, CK_BYTE mark)
{
    struct check *check = signer->check;
    struct mechanism_use use;
    CK_BYTE data[4096], signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature), data_len;
    CK_RV rv;

    memset(data, mark, sizeof(data));
    data_len = mechanism_fit(check->mechanism, data, 256, check->key.signature_len);
    mechanism_use_init(&use, check->mechanism, mechanism_digest_len(check->mechanism));
    rv = check->p11->C_SignInit(session, &use.ck, check->key.handle);
    if (rv == CKR_OK)
        rv = check->p11->C_Sign(session, data, data_len, signature, &len);
    if (rv == CKR_OK && !signature_verifies(signer->public, &use, data, data_len, signature, len))
        signer->is_refused_by_openssl = true;
    return rv;
}

static void expect_signs(struct check *check, const char *when)
{
    struct signer signer = { .check = check, .public = key_public(check, &check->key) };
    CK_RV rv;

    expect_begin(check, when);
    rv = sign_once(&signer, check->session, 1);
    expect_rv(check, when, rv, (const CK_RV[]){ CKR_OK }, 1);
    expect_true(check, !signer.is_refused_by_openssl, "%s: OpenSSL refuses the signature", when);
    EVP_PKEY_free(signer.public);
}

/* ---- threads ---- */

static void *sign_in_thread(void *argument)
{
    struct signer *signer = argument;
    CK_SESSION_HANDLE session;

    signer->rv =
        signer->check->p11->C_OpenSession(signer->check->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    for (int round = 0; round < ROUNDS && signer->rv == CKR_OK; round++)
        signer->rv = sign_once(signer, session, (CK_BYTE)round);
    if (signer->rv == CKR_OK)
        signer->rv = signer->check->p11->C_CloseSession(session);
    return NULL;
}

static void threads_sign(struct check *check)
{
    struct signer signers[THREADS];
    pthread_t threads[THREADS];

    expect_begin(check, "sixteen threads that sign");
    for (size_t i = 0; i < THREADS; i++) {
        signers[i] = (struct signer){ .check = check, .public = key_public(check, &check->key) };
        pthread_create(&threads[i], NULL, sign_in_thread, &signers[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        expect_rv(check, "signing in a thread", signers[i].rv, (const CK_RV[]){ CKR_OK }, 1);
        expect_true(check, !signers[i].is_refused_by_openssl, "OpenSSL refuses a signature of thread %zu", i);
        EVP_PKEY_free(signers[i].public);
    }
}

static void *open_in_thread(void *argument)
{
    struct signer *signer = argument;
    CK_FUNCTION_LIST *p11 = signer->check->p11;

    for (int round = 0; round < 50 && signer->rv == CKR_OK; round++) {
        CK_SESSION_HANDLE session;
        CK_SESSION_INFO info;

        signer->rv = p11->C_OpenSession(signer->check->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
        if (signer->rv == CKR_OK)
            signer->rv = p11->C_GetSessionInfo(session, &info);
        if (signer->rv == CKR_OK)
            signer->rv = p11->C_CloseSession(session);
    }
    return NULL;
}

static void threads_open(struct check *check)
{
    struct signer signers[THREADS];
    pthread_t threads[THREADS];

    expect_begin(check, "sixteen threads that open and close sessions");
    for (size_t i = 0; i < THREADS; i++) {
        signers[i] = (struct signer){ .check = check };
        pthread_create(&threads[i], NULL, open_in_thread, &signers[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        expect_rv(check, "opening and closing in a thread", signers[i].rv, (const CK_RV[]){ CKR_OK }, 1);
    }
}

/* ---- fork ---- */

/* Runs @work in a child; the verdict's memory is shared, so what it expects is recorded. */
static void in_child(struct check *check, void (*work)(struct check *check))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        alarm(30);
        work(check);
        check_end(check);
    }
    if (!expect_true(check, child > 0 && waitpid(child, &status, 0) == child, "no child process"))
        return;
    expect_true(check, WIFEXITED(status) && WEXITSTATUS(status) == 0,
                "the child died of signal %d, or status %d: %s", WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                WIFEXITED(status) ? WEXITSTATUS(status) : 0, check->verdict->doing);
}

static void child_starts_afresh(struct check *check)
{
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE old = check->session;

    REQUIRE(check, C_Initialize(NULL));
    EXPECT(check, C_GetSessionInfo(old, &info), CKR_SESSION_HANDLE_INVALID);
    check->session = check_open(check);
    expect_true(check, check_state(check, check->session) == CKS_RO_PUBLIC_SESSION, "the child is logged in");
    if (!expect_rv(check, "C_Login in the child", check_login(check, check->session),
                   (const CK_RV[]){ CKR_OK }, 1))
        check_end(check);
    check->key.handle = object_find(check, CKO_PRIVATE_KEY, check->key.id, check->key.id_len);
    expect_signs(check, "a signature in the child");
    EXPECT(check, C_Finalize(NULL), CKR_OK);
}

static void fork_and_sign(struct check *check)
{
    in_child(check, child_starts_afresh);
    expect_signs(check, "a signature in the parent after that");
}

static void child_asks(struct check *check)
{
    CK_INFO info;
    CK_SESSION_INFO session_info;

    EXPECT(check, C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT(check, C_GetSessionInfo(check->session, &session_info), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void fork_without_initialize(struct check *check)
{
    in_child(check, child_asks);
    expect_signs(check, "a signature in the parent after that");
}

static void child_finalizes(struct check *check)
{
    EXPECT(check, C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED, CKR_OK);
}

static void fork_and_finalize(struct check *check)
{
    in_child(check, child_finalizes);
    expect_signs(check, "a signature in the parent after that");
    expect_true(check, check_state(check, check->session) == CKS_RO_USER_FUNCTIONS,
                "the child logged the parent out");
}

static void child_exits(struct check *check)
{
    (void)check;
    exit(EXIT_SUCCESS);
}

static void fork_and_exit(struct check *check)
{
    for (int round = 0; round < 3; round++) {
        in_child(check, child_exits);
        expect_signs(check, "a signature in the parent after a child has ended");
    }
}

/* A host with threads that forks to run another program. */
static void fork_while_threads_sign(struct check *check)
{
    struct signer signers[4];
    pthread_t threads[COUNT(signers)];

    for (size_t i = 0; i < COUNT(signers); i++) {
        signers[i] = (struct signer){ .check = check, .public = key_public(check, &check->key) };
        pthread_create(&threads[i], NULL, sign_in_thread, &signers[i]);
    }
    for (int round = 0; round < 5; round++)
        in_child(check, child_asks);
    for (size_t i = 0; i < COUNT(signers); i++) {
        pthread_join(threads[i], NULL);
        expect_rv(check, "signing in a thread", signers[i].rv, (const CK_RV[]){ CKR_OK }, 1);
        expect_true(check, !signers[i].is_refused_by_openssl, "OpenSSL refuses a signature of thread %zu", i);
        EVP_PKEY_free(signers[i].public);
    }
}

/* ---- loading, and the end ---- */

static void load_again(struct check *check)
{
    for (int round = 0; round < 3; round++) {
        expect_signs(check, "a signature after loading");
        REQUIRE(check, C_Finalize(NULL));
        expect_true(check, dlclose(check->library) == 0, "dlclose: %s", dlerror());
        check->library = NULL;
        check->session = CK_INVALID_HANDLE;
        check->key.handle = CK_INVALID_HANDLE;
        check_reach(check, KEY);
    }
}

/* Java, the OpenSSL engine and pdfsig never call C_Finalize. */
static void exit_without_finalize(struct check *check)
{
    expect_signs(check, "a signature");
    expect_begin(check, "exit() without C_Finalize");
    exit(EXIT_SUCCESS);
}

static struct check *at_exit;

static void finalize_at_exit(void)
{
    struct check *check = at_exit;

    EXPECT(check, C_CloseAllSessions(check->slot), CKR_OK);
    EXPECT(check, C_Finalize(NULL), CKR_OK);
    _exit(EXIT_SUCCESS);
}

/*
 * NSS finalizes its modules from an exit handler. Registered before the module was loaded it runs after every handler
 * and destructor that the module and its libraries (OpenSSL among them) have brought.
 */
static void finalize_last(struct check *check)
{
    at_exit = check;
    atexit(finalize_at_exit);
    check_reach(check, KEY);
    expect_signs(check, "a signature");
    expect_begin(check, "exit() with C_Finalize in the last exit handler");
    exit(EXIT_SUCCESS);
}

const struct check_case cases_process[] = {
    { "sixteen threads sign, each in a session of its own", KEY, threads_sign },
    { "sixteen threads open and close sessions", TOKEN, threads_open },
    { "a child initializes, logs in and signs, and the parent goes on", KEY, fork_and_sign },
    { "a child that did not call C_Initialize is refused, and the parent goes on", KEY,
      fork_without_initialize },
    { "a child that only calls C_Finalize does not disturb the parent", KEY, fork_and_finalize },
    { "a child that just exits does not disturb the parent", KEY, fork_and_exit },
    { "children that are forked while threads sign are refused at once", KEY, fork_while_threads_sign },
    { "the module can be unloaded and loaded again", KEY, load_again },
    { "a process that never calls C_Finalize ends well", KEY, exit_without_finalize },
    { "C_Finalize in the last exit handler succeeds", NOTHING, finalize_last },
    { 0 },
};
