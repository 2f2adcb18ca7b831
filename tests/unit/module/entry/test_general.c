/* SPDX-License-Identifier: Apache-2.0 */
/* test_general.c - beginning and end: twice, at once, after fork; interfaces; random numbers. */
#include <pthread.h>

#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static void setup(void)
{
    fake_reset();
    host_configure(HOST_ONE_TOKEN);
}

static void teardown(void)
{
    host_leave();
    fake_clear();
}

START_TEST(initialize_talks_to_nobody)
{
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(fake.snapshots + fake.lists + fake.logins, 0);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}
END_TEST

START_TEST(initialize_twice_is_told)
{
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}
END_TEST

START_TEST(half_a_set_of_callbacks_begins_nothing)
{
    CK_C_INITIALIZE_ARGS args = { .LockMutex = (CK_LOCKMUTEX)C_Finalize };
    CK_INFO info;

    ck_assert_uint_eq(C_Initialize(&args), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
}
END_TEST

static pthread_barrier_t start_line;

static void *initialize(void *ret_rv)
{
    pthread_barrier_wait(&start_line);
    *(CK_RV *)ret_rv = C_Initialize(NULL);
    return NULL;
}

START_TEST(of_many_at_once_one_initializes)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    CK_RV rvs[THREADS];
    int ok = 0;

    pthread_barrier_init(&start_line, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, initialize, &rvs[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ok += rvs[i] == CKR_OK;
        ck_assert(rvs[i] == CKR_OK || rvs[i] == CKR_CRYPTOKI_ALREADY_INITIALIZED);
    }
    ck_assert_int_eq(ok, 1);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}
END_TEST

/* What a child finds, as an exit status: the number of the first thing that is not so; 0: all is. */
static int child_of_initialized_parent(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    if (C_GetSessionInfo(session, &info) != CKR_CRYPTOKI_NOT_INITIALIZED)
        return 1;
    if (C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED || fake.logouts != 0)
        return 2;
    if (C_Initialize(NULL) != CKR_OK || fake.abandoned != 1)
        return 3;
    if (C_GetSessionInfo(session, &info) != CKR_SESSION_HANDLE_INVALID)
        return 4;
    session = host_open();
    if (C_Initialize(NULL) != CKR_CRYPTOKI_ALREADY_INITIALIZED || C_CloseSession(session) != CKR_OK)
        return 5;
    return C_Finalize(NULL) == CKR_OK ? 0 : 6;
}

START_TEST(forked_child_begins_anew_and_leaves_the_parent_alone)
{
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO info;
    pid_t child;

    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    child = fork();
    if (child == 0)
        _exit(child_of_initialized_parent(session));
    ck_assert_int_eq(scratch_wait(child), 0);
    ck_assert_uint_eq(C_GetSessionInfo(session, &info), CKR_OK);
    ck_assert_uint_eq(info.state, CKS_RW_USER_FUNCTIONS);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}
END_TEST

static void *fork_again_and_again(void *stop)
{
    CK_INFO info;

    while (!__atomic_load_n((bool *)stop, __ATOMIC_SEQ_CST)) {
        pid_t child = fork();

        if (child == 0)
            _exit(C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED ? 0 : 1);
        ck_assert_int_eq(scratch_wait(child), 0);
    }
    return NULL;
}

START_TEST(fork_during_a_call_does_not_lock_the_child)
{
    pthread_t forker;
    bool stop = false;
    CK_INFO info;

    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    ck_assert_int_eq(pthread_create(&forker, NULL, fork_again_and_again, &stop), 0);
    for (int i = 0; i < 20000; i++)
        ck_assert_uint_eq(C_GetInfo(&info), CKR_OK);
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(forker, NULL);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}
END_TEST

START_TEST(finalize_takes_sessions_with_it)
{
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE session;

    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}
END_TEST

/* pdfsig's way out: OpenSSL is gone, then NSS finalizes. */
START_TEST(calls_after_openssl_has_gone_find_nothing_and_live)
{
    pid_t child = fork();

    if (child == 0) {
        CK_RV rv = C_Initialize(NULL);
        CK_SESSION_HANDLE session = host_open();

        OPENSSL_cleanup();
        rv |= C_CloseSession(session) != CKR_CRYPTOKI_NOT_INITIALIZED;
        rv |= C_CloseAllSessions(0) != CKR_CRYPTOKI_NOT_INITIALIZED;
        rv |= C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED;
        _exit(rv == CKR_OK ? 0 : 1);
    }
    ck_assert_int_eq(scratch_wait(child), 0);
}
END_TEST

START_TEST(malformed_configuration_is_refused)
{
    host_leave();
    host_configure("[token alice\n");
    ck_assert_uint_eq(C_Initialize(NULL), CKR_FUNCTION_FAILED);
}
END_TEST

/* --------------------------------------------------------------------------------------------- interfaces */

START_TEST(default_interface_is_3_0)
{
    CK_INTERFACE *interface = NULL;

    ck_assert_uint_eq(C_GetInterface(NULL, NULL, &interface, 0), CKR_OK);
    ck_assert_str_eq((const char *)interface->pInterfaceName, "PKCS 11");
    ck_assert_uint_eq(((CK_VERSION *)interface->pFunctionList)->major, 3);
}
END_TEST

START_TEST(interface_is_found_by_name_and_version)
{
    CK_VERSION old = { 2, 40 };
    CK_INTERFACE *interface = NULL;
    CK_FUNCTION_LIST *list;

    ck_assert_uint_eq(C_GetInterface((CK_UTF8CHAR *)"PKCS 11", &old, &interface, 0), CKR_OK);
    ck_assert_uint_eq(C_GetFunctionList(&list), CKR_OK);
    ck_assert_ptr_eq(interface->pFunctionList, list);
}
END_TEST

START_TEST(unknown_interfaces_are_an_error_and_never_null)
{
    CK_VERSION future = { 3, 2 };
    CK_INTERFACE *interface = NULL;

    ck_assert_uint_eq(C_GetInterface((CK_UTF8CHAR *)"Vendor NSS FIPS Interface", NULL, &interface, 0),
                      CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_GetInterface((CK_UTF8CHAR *)"PKCS 11", &future, &interface, 0), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_GetInterface(NULL, NULL, &interface, CKF_INTERFACE_FORK_SAFE), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_GetInterface(NULL, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(interface_list_follows_the_output_rule)
{
    CK_INTERFACE list[4];
    CK_ULONG count = 0;

    ck_assert_uint_eq(C_GetInterfaceList(NULL, &count), CKR_OK);
    ck_assert_uint_eq(count, 2);
    count = 1;
    ck_assert_uint_eq(C_GetInterfaceList(list, &count), CKR_BUFFER_TOO_SMALL);
    count = ARRAY_SIZE(list);
    ck_assert_uint_eq(C_GetInterfaceList(list, &count), CKR_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(C_GetInterfaceList(list, NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(random_is_local_and_takes_no_seed)
{
    CK_BYTE a[64] = { 0 }, b[64] = { 0 };
    CK_SESSION_HANDLE session;

    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(C_GenerateRandom(session, a, sizeof(a)), CKR_OK);
    ck_assert_uint_eq(C_GenerateRandom(session, b, sizeof(b)), CKR_OK);
    ck_assert_mem_ne(a, b, sizeof(a));
    ck_assert_uint_eq(C_GenerateRandom(session, NULL, 0), CKR_OK);
    ck_assert_uint_eq(C_GenerateRandom(session, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_SeedRandom(session, a, sizeof(a)), CKR_RANDOM_SEED_NOT_SUPPORTED);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}
END_TEST

SUITE_WITH_FIXTURE("entry/general", setup, teardown, initialize_talks_to_nobody, initialize_twice_is_told,
                   half_a_set_of_callbacks_begins_nothing, of_many_at_once_one_initializes,
                   forked_child_begins_anew_and_leaves_the_parent_alone,
                   fork_during_a_call_does_not_lock_the_child, finalize_takes_sessions_with_it,
                   calls_after_openssl_has_gone_find_nothing_and_live, malformed_configuration_is_refused,
                   default_interface_is_3_0, interface_is_found_by_name_and_version,
                   unknown_interfaces_are_an_error_and_never_null, interface_list_follows_the_output_rule,
                   random_is_local_and_takes_no_seed);
