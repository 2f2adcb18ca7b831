/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_library.c - the library as it is installed: loaded with dlopen, no server in reach, every function
 * called with nothing good.
 *
 *     test_library privyseal-pkcs11.so
 */
#include <dlfcn.h>
#include <stdbool.h>

#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/module/host.h"

static void *library;
static CK_FUNCTION_LIST_3_0 *functions;

#define TEXT(function) #function,
static const char *const names[] = { CK_FUNCTIONS_2_40(TEXT) CK_FUNCTIONS_3_0(TEXT) };

static void setup(void)
{
    CK_RV (*get_interface)(CK_UTF8CHAR *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS);
    CK_INTERFACE *interface;

    host_configure("[deployment here]\nrealm = test\nendpoints = 127.0.0.1:1\nca = ca.pem\n"
                   "connect_timeout_ms = 200\n"
                   "[identity me]\ncertificate = me.pem\nkey = me.key\n[token alice]\n");
    library = dlopen(getenv("PRIVYSEAL_MODULE"), RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library, "%s", dlerror());
    *(void **)&get_interface = dlsym(library, "C_GetInterface");
    ck_assert_ptr_nonnull(get_interface);
    ck_assert_uint_eq(get_interface(NULL, NULL, &interface, 0), CKR_OK);
    functions = interface->pFunctionList;
}

static void teardown(void)
{
    (void)functions->C_Finalize(NULL);
    dlclose(library);
    host_leave();
}

START_TEST(every_function_is_exported_and_in_the_lists)
{
    void *const *list = (void *const *)&functions->C_Initialize, **old_list;
    CK_FUNCTION_LIST *old;

    ck_assert_uint_eq(functions->C_GetFunctionList(&old), CKR_OK);
    ck_assert_uint_eq(old->version.major, 2);
    old_list = (void **)&old->C_Initialize;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ck_assert_ptr_nonnull(list[i]);
        ck_assert_ptr_eq(list[i], dlsym(library, names[i]));
        if (i < ARRAY_SIZE(names) - 24) /* 3.0 has so many more */
            ck_assert_ptr_eq(old_list[i], list[i]);
    }
}
END_TEST

/* Any function, with zeros for everything: enough for the register arguments of the longest signature. */
typedef CK_RV any_function(CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG,
                           CK_ULONG, CK_ULONG);

static CK_RV call_with_zeros(size_t index)
{
    any_function *function;

    *(void **)&function = ((void *const *)&functions->C_Initialize)[index];
    return function(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static bool is_any_of(const char *name, const char *const *list)
{
    while (*list && strcmp(name, *list) != 0)
        list++;
    return *list;
}

/* These need no C_Initialize, or are it. */
static const char *const at_any_time[] = { "C_Initialize",       "C_GetFunctionList", "C_GetInterface",
                                           "C_GetInterfaceList", "C_Finalize",        NULL };
/* These take a slot, and 0 is one; or nothing that could be wrong. Each answers for itself. */
static const char *const of_slots[] = { "C_GetInfo",
                                        "C_GetSlotList",
                                        "C_GetSlotInfo",
                                        "C_GetTokenInfo",
                                        "C_GetMechanismList",
                                        "C_GetMechanismInfo",
                                        "C_InitToken",
                                        "C_OpenSession",
                                        "C_WaitForSlotEvent",
                                        "C_CloseAllSessions",
                                        NULL };

START_TEST(before_initialize_every_function_says_so)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!is_any_of(names[i], at_any_time))
            ck_assert_msg(call_with_zeros(i) == CKR_CRYPTOKI_NOT_INITIALIZED, "%s", names[i]);
    }
    ck_assert_uint_eq(functions->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    ck_assert_uint_eq(functions->C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(nulls_and_no_session_are_told_apart)
{
    ck_assert_uint_eq(functions->C_Initialize(NULL), CKR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CK_RV rv, expected = is_any_of(names[i], of_slots) ? CKR_ARGUMENTS_BAD : CKR_SESSION_HANDLE_INVALID;

        if (is_any_of(names[i], at_any_time))
            continue;
        if (strcmp(names[i], "C_CloseAllSessions") == 0)
            expected = CKR_OK;
        rv = call_with_zeros(i);
        ck_assert_msg(rv == expected, "%s: %#lx", names[i], rv);
    }
    ck_assert_uint_eq(functions->C_Finalize(&library), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(slots_that_do_not_exist_are_refused)
{
    CK_MECHANISM_INFO mechanism;
    CK_SESSION_HANDLE session;
    CK_SLOT_INFO slot;
    CK_TOKEN_INFO token;
    CK_ULONG count;

    ck_assert_uint_eq(functions->C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(functions->C_GetSlotInfo(1, &slot), CKR_SLOT_ID_INVALID);
    ck_assert_uint_eq(functions->C_GetTokenInfo(~0UL, &token), CKR_SLOT_ID_INVALID);
    ck_assert_uint_eq(functions->C_GetMechanismList(1, NULL, &count), CKR_SLOT_ID_INVALID);
    ck_assert_uint_eq(functions->C_GetMechanismInfo(1, CKM_RSA_PKCS, &mechanism), CKR_SLOT_ID_INVALID);
    ck_assert_uint_eq(functions->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session),
                      CKR_SLOT_ID_INVALID);
    ck_assert_uint_eq(functions->C_CloseAllSessions(1), CKR_SLOT_ID_INVALID);
}
END_TEST

START_TEST(without_a_server_there_is_a_slot_and_no_token)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_SLOT_INFO slot;
    CK_ULONG count;

    ck_assert_uint_eq(functions->C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(functions->C_GetSlotList(CK_FALSE, NULL, &count), CKR_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(functions->C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(functions->C_GetSlotInfo(0, &slot), CKR_OK);
    ck_assert_uint_eq(slot.flags, 0);
    ck_assert_uint_eq(functions->C_GetTokenInfo(0, &token), CKR_TOKEN_NOT_PRESENT);
    ck_assert_uint_eq(functions->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session),
                      CKR_TOKEN_NOT_PRESENT);
}
END_TEST

START_TEST(library_can_be_left_and_entered_again)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(functions->C_Initialize(NULL), CKR_OK);
        ck_assert_uint_eq(functions->C_Finalize(NULL), CKR_OK);
        teardown();
        setup();
    }
}
END_TEST

SUITE_WITH_FIXTURE("library", setup, teardown, every_function_is_exported_and_in_the_lists,
                   before_initialize_every_function_says_so, nulls_and_no_session_are_told_apart,
                   slots_that_do_not_exist_are_refused, without_a_server_there_is_a_slot_and_no_token,
                   library_can_be_left_and_entered_again);
