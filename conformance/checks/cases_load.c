/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_load.c - the function list, C_Initialize with every set of arguments, C_Finalize, C_GetInfo.
 *
 * Source: PKCS#11 v3.1 3.7 (CK_C_INITIALIZE_ARGS), 5.4.1 (C_Initialize), 5.4.2 (C_Finalize), 5.4.3 (C_GetInfo),
 *         5.4.4 (C_GetFunctionList).
 */
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/text.h"

#define AT_ONCE 16

/* ---- mutexes that an application may hand in ---- */

static CK_RV create_mutex(void **ret)
{
    pthread_mutex_t *mutex = malloc(sizeof(*mutex));

    if (!mutex)
        return CKR_HOST_MEMORY;
    pthread_mutex_init(mutex, NULL);
    *ret = mutex;
    return CKR_OK;
}

static CK_RV destroy_mutex(void *mutex)
{
    pthread_mutex_destroy(mutex);
    free(mutex);
    return CKR_OK;
}

static CK_RV lock_mutex(void *mutex)
{
    return pthread_mutex_lock(mutex) ? CKR_MUTEX_BAD : CKR_OK;
}

static CK_RV unlock_mutex(void *mutex)
{
    return pthread_mutex_unlock(mutex) ? CKR_MUTEX_NOT_LOCKED : CKR_OK;
}

/* ---- the list ---- */

static void list_is_full(struct check *check)
{
    void *const *functions = (void *const *)&check->p11->C_Initialize;
    size_t count = (sizeof(*check->p11) - offsetof(CK_FUNCTION_LIST, C_Initialize)) / sizeof(void *);
    CK_FUNCTION_LIST *again = NULL;

    expect_true(check, check->p11->version.major == 2, "the list's version is %u.%u, wanted 2.x",
                check->p11->version.major, check->p11->version.minor);
    for (size_t i = 0; i < count; i++)
        expect_true(check, functions[i] != NULL, "function %zu of the list is NULL", i + 1);
    EXPECT(check, C_GetFunctionList(&again), CKR_OK);
    expect_true(check, again == check->p11, "a second C_GetFunctionList gave another list");
}

/* ---- C_Initialize ---- */

struct arguments {
    CK_C_INITIALIZE_ARGS ck;
    CK_RV refusal; /* which the standard allows instead of CKR_OK, or CKR_OK */
};

#define CALLBACKS create_mutex, destroy_mutex, lock_mutex, unlock_mutex
#define OS        CKF_OS_LOCKING_OK
#define NO_THREAD CKF_LIBRARY_CANT_CREATE_OS_THREADS

static const struct arguments no_locking = { { .flags = 0 }, CKR_OK };
static const struct arguments os_locking = { { .flags = OS }, CKR_CANT_LOCK };
static const struct arguments callbacks = { { CALLBACKS, 0 }, CKR_CANT_LOCK };
static const struct arguments callbacks_or_os = { { CALLBACKS, OS }, CKR_OK };
static const struct arguments no_threads = { { .flags = NO_THREAD }, CKR_NEED_TO_CREATE_THREADS };
static const struct arguments no_threads_os = { { .flags = NO_THREAD | OS }, CKR_NEED_TO_CREATE_THREADS };
/* NSS hands its library parameters over there; the standard wants NULL. v3.1 5.4.1 (C_Initialize). */
static const struct arguments reserved = { { .flags = OS, .pReserved = "configdir=''" }, CKR_ARGUMENTS_BAD };

static void initialize_null(struct check *check)
{
    CK_INFO info;

    EXPECT(check, C_Initialize(NULL), CKR_OK);
    EXPECT(check, C_GetInfo(&info), CKR_OK);
    EXPECT(check, C_Finalize(NULL), CKR_OK);
}

/* Besides C_Initialize a session is opened, so that a module's locks are really used. */
static void initialize_with(struct check *check)
{
    const struct arguments *arguments = check->data;
    CK_C_INITIALIZE_ARGS ck = arguments->ck;
    CK_SLOT_ID slots[64];
    CK_SESSION_HANDLE session;
    CK_ULONG count = COUNT(slots);
    CK_RV rv;

    expect_begin(check, "C_Initialize(&arguments)");
    rv = check->p11->C_Initialize(&ck);
    if (!expect_rv(check, "C_Initialize(&arguments)", rv, (const CK_RV[]){ CKR_OK, arguments->refusal }, 2) ||
        rv != CKR_OK)
        return;
    REQUIRE(check, C_GetSlotList(CK_TRUE, slots, &count));
    if (count)
        EXPECT(check, C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK,
               CKR_TOKEN_NOT_RECOGNIZED);
    EXPECT(check, C_Finalize(NULL), CKR_OK);
}

/* Each set of callbacks that has some but not all of the four. */
static void initialize_half(struct check *check)
{
    for (unsigned set = 1; set < 15; set++) {
        CK_C_INITIALIZE_ARGS ck = {
            .CreateMutex = set & 1 ? create_mutex : NULL,
            .DestroyMutex = set & 2 ? destroy_mutex : NULL,
            .LockMutex = set & 4 ? lock_mutex : NULL,
            .UnlockMutex = set & 8 ? unlock_mutex : NULL,
            .flags = OS,
        };

        if (!EXPECT(check, C_Initialize(&ck), CKR_ARGUMENTS_BAD)) {
            check_note(check, "with the callbacks of set %u of 15", set);
            check->p11->C_Finalize(NULL);
        }
    }
    EXPECT(check, C_Initialize(NULL), CKR_OK);
}

static void initialize_twice(struct check *check)
{
    CK_C_INITIALIZE_ARGS ck = { .flags = OS };
    CK_INFO info;

    EXPECT(check, C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    EXPECT(check, C_Initialize(&ck), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    EXPECT(check, C_GetInfo(&info), CKR_OK);
}

static void *initialize_in_thread(void *argument)
{
    struct check *check = argument;
    CK_C_INITIALIZE_ARGS ck = { .flags = OS };

    return (void *)check->p11->C_Initialize(&ck);
}

static void initialize_at_once(struct check *check)
{
    pthread_t threads[AT_ONCE];
    unsigned won = 0, late = 0;

    expect_begin(check, "C_Initialize(&os_locking) in 16 threads");
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_create(&threads[i], NULL, initialize_in_thread, check);
    for (size_t i = 0; i < AT_ONCE; i++) {
        void *rv;

        pthread_join(threads[i], &rv);
        won += (CK_RV)rv == CKR_OK;
        late += (CK_RV)rv == CKR_CRYPTOKI_ALREADY_INITIALIZED;
    }
    expect_true(check, won == 1 && late == AT_ONCE - 1,
                "of %d threads in C_Initialize %u got CKR_OK, %u CKR_CRYPTOKI_ALREADY_INITIALIZED", AT_ONCE,
                won, late);
}

static void starts_no_thread(struct check *check)
{
    CK_C_INITIALIZE_ARGS ck = no_threads_os.ck;
    struct dirent *entry;
    unsigned count = 0;
    DIR *tasks;

    if (!EXPECT(check, C_Initialize(&ck), CKR_OK, CKR_NEED_TO_CREATE_THREADS))
        return;
    tasks = opendir("/proc/self/task");
    while (tasks && (entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    expect_true(check, count == 1, "the process has %u threads after C_Initialize", count);
}

/* ---- C_Finalize ---- */

static void finalize_uninitialized(struct check *check)
{
    EXPECT(check, C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void finalize_with_argument(struct check *check)
{
    CK_INFO info;

    EXPECT(check, C_Finalize(&info), CKR_ARGUMENTS_BAD);
    EXPECT(check, C_GetInfo(&info), CKR_OK);
}

static void finalize_ends_sessions(struct check *check)
{
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE old = check->session;

    REQUIRE(check, C_Finalize(NULL));
    REQUIRE(check, C_Initialize(NULL));
    EXPECT(check, C_GetSessionInfo(old, &info), CKR_SESSION_HANDLE_INVALID);
    check->session = check_open(check);
    expect_true(check, check_state(check, check->session) == CKS_RO_PUBLIC_SESSION,
                "a login outlived C_Finalize");
}

static unsigned open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

/* The first round may open what the process keeps (a random device, a library's own files); later ones may not. */
static void cycles(struct check *check)
{
    unsigned after_first = 0;

    for (int round = 0; round < 10; round++) {
        CK_ULONG count = 0;

        REQUIRE(check, C_Initialize(NULL));
        REQUIRE(check, C_GetSlotList(CK_TRUE, NULL, &count));
        REQUIRE(check, C_Finalize(NULL));
        if (round == 0)
            after_first = open_descriptors();
    }
    expect_true(check, open_descriptors() <= after_first,
                "file descriptors: %u after one round, %u after ten", after_first, open_descriptors());
}

/* ---- C_GetInfo, C_WaitForSlotEvent ---- */

static void info_is_sane(struct check *check)
{
    CK_INFO info;

    REQUIRE(check, C_GetInfo(&info));
    expect_true(check, info.cryptokiVersion.major >= 2 && info.cryptokiVersion.major <= 3,
                "cryptokiVersion is %u.%u", info.cryptokiVersion.major, info.cryptokiVersion.minor);
    expect_true(check, info.flags == 0, "flags are 0x%lx, wanted 0", info.flags);
    expect_padded(check, "manufacturerID", info.manufacturerID, sizeof(info.manufacturerID));
    expect_padded(check, "libraryDescription", info.libraryDescription, sizeof(info.libraryDescription));
}

static void event_without_waiting(struct check *check)
{
    CK_SLOT_ID slot;

    EXPECT(check, C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT, CKR_FUNCTION_NOT_SUPPORTED);
}

const struct check_case cases_load[] = {
    { "the function list is full, and always the same", LOADED, list_is_full },
    { "C_Initialize(NULL) succeeds", LOADED, initialize_null },
    { "C_Initialize without locking succeeds", LOADED, initialize_with, &no_locking },
    { "C_Initialize with locking by the system succeeds", LOADED, initialize_with, &os_locking },
    { "C_Initialize with callbacks succeeds", LOADED, initialize_with, &callbacks },
    { "C_Initialize with callbacks or locking by the system succeeds", LOADED, initialize_with,
      &callbacks_or_os },
    { "C_Initialize that forbids threads succeeds", LOADED, initialize_with, &no_threads },
    { "C_Initialize that forbids threads, with locking, succeeds", LOADED, initialize_with, &no_threads_os },
    { "C_Initialize with library parameters succeeds or is refused", LOADED, initialize_with, &reserved },
    { "C_Initialize with some of the callbacks is refused", LOADED, initialize_half },
    { "a second C_Initialize is refused and changes nothing", INITIALIZED, initialize_twice },
    { "of sixteen C_Initialize at once one succeeds", LOADED, initialize_at_once },
    { "C_Initialize that forbids threads starts none", LOADED, starts_no_thread },
    { "C_Finalize before C_Initialize is refused", LOADED, finalize_uninitialized },
    { "C_Finalize with an argument is refused and changes nothing", INITIALIZED, finalize_with_argument },
    { "C_Finalize ends sessions and login", LOGIN, finalize_ends_sessions },
    { "ten rounds of C_Initialize and C_Finalize leave no descriptor open", LOADED, cycles },
    { "C_GetInfo gives padded texts and a known version", INITIALIZED, info_is_sane },
    { "C_WaitForSlotEvent that may not block returns", INITIALIZED, event_without_waiting },
    { 0 },
};
