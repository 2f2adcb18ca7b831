/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_interface.c - what 3.0 adds to find the functions: C_GetInterface, C_GetInterfaceList.
 *
 * Both work before C_Initialize. A module without them is a module of 2.40, and the cases are skipped.
 *
 * Source: PKCS#11 v3.1 3.1 (CK_INTERFACE), 5.4.5 (C_GetInterfaceList), 5.4.6 (C_GetInterface).
 */
#include <string.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/interface.h"
#include "conformance/checks/key.h"

#define FORK_SAFE      1UL
#define FUNCTIONS_2_40 68
#define FUNCTIONS_3_0  92
#define INTERFACES_MAX 16

static bool is_standard(const struct interface *interface)
{
    return !strcmp((const char *)interface->name, (const char *)standard_name);
}

static void expect_full(struct check *check, const struct interface *interface)
{
    const CK_VERSION *version = interface->functions;
    void *const *functions = (void *const *)((const char *)interface->functions + sizeof(void *));
    size_t count = version->major >= 3 ? FUNCTIONS_3_0 : FUNCTIONS_2_40;

    for (size_t i = 0; i < count; i++)
        expect_true(check, functions[i] != NULL, "function %zu of %s %u.%u is NULL", i + 1, interface->name,
                    version->major, version->minor);
}

static void asked_for_nothing(struct check *check)
{
    struct discovery module = discovery_find(check);
    struct interface *interface = NULL;
    CK_RV rv = module.get(NULL, NULL, &interface, 0);

    expect_rv(check, "C_GetInterface(NULL, NULL, &interface, 0)", rv, (const CK_RV[]){ CKR_OK }, 1);
    if (expect_true(check, interface && interface->name && interface->functions,
                    "the interface is incomplete"))
        expect_full(check, interface);
}

static void each_version(struct check *check)
{
    static const CK_VERSION versions[] = { { 2, 40 }, { 3, 0 } };
    struct discovery module = discovery_find(check);

    for (size_t i = 0; i < COUNT(versions); i++) {
        struct interface *interface = NULL;
        CK_VERSION version = versions[i];
        CK_RV rv = module.get(standard_name, &version, &interface, 0);

        if (!expect_rv(check, "C_GetInterface(\"PKCS 11\", version, &interface, 0)", rv,
                       (const CK_RV[]){ CKR_OK }, 1) ||
            !expect_true(check, interface && interface->functions, "no interface though CKR_OK"))
            continue;
        expect_true(check, !memcmp(interface->functions, &version, sizeof(version)),
                    "asked for %u.%u, got another", version.major, version.minor);
        expect_full(check, interface);
    }
}

static void expect_none(struct check *check, struct discovery module, CK_UTF8CHAR *name, CK_VERSION *version,
                        CK_FLAGS flags, const char *call)
{
    struct interface *interface = NULL;
    CK_RV rv = module.get(name, version, &interface, flags);

    expect_rv(check, call, rv, (const CK_RV[]){ CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED }, 2);
}

static void unknown_ones(struct check *check)
{
    struct discovery module = discovery_find(check);
    CK_VERSION version = { 9, 9 };
    CK_UTF8CHAR vendor[] = "Vendor Of Nothing";

    expect_none(check, module, vendor, NULL, 0, "C_GetInterface of an unknown name");
    expect_none(check, module, standard_name, &version, 0, "C_GetInterface of version 9.9");
    expect_none(check, module, standard_name, NULL, 1UL << 40, "C_GetInterface with an unknown flag");
}

/* NSS asks for it first and takes a refusal well, but not CKR_OK with nothing. */
static void fork_safe(struct check *check)
{
    struct discovery module = discovery_find(check);
    struct interface *interface = NULL;
    CK_RV rv = module.get(standard_name, NULL, &interface, FORK_SAFE);

    expect_rv(check, "C_GetInterface(\"PKCS 11\", NULL, &interface, FORK_SAFE)", rv,
              (const CK_RV[]){ CKR_OK, CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED }, 3);
    if (rv == CKR_OK)
        expect_true(check, interface && (interface->flags & FORK_SAFE),
                    "the interface given is not fork safe");
}

static void list_lengths(struct check *check)
{
    struct discovery module = discovery_find(check);
    struct interface list[INTERFACES_MAX];
    CK_ULONG count = 0, room;
    bool has_standard = false;
    CK_RV rv = module.list(NULL, &count);

    expect_rv(check, "C_GetInterfaceList(NULL, &count)", rv, (const CK_RV[]){ CKR_OK }, 1);
    if (!expect_true(check, count && count <= INTERFACES_MAX, "there are %lu interfaces", count))
        return;
    room = count - 1;
    rv = module.list(list, &room);
    expect_rv(check, "C_GetInterfaceList(list, &too_small)", rv, (const CK_RV[]){ CKR_BUFFER_TOO_SMALL }, 1);
    expect_true(check, room == count, "the number needed is said to be %lu, not %lu", room, count);
    rv = module.list(list, &count);
    if (!expect_rv(check, "C_GetInterfaceList(list, &count)", rv, (const CK_RV[]){ CKR_OK }, 1))
        return;
    for (CK_ULONG i = 0; i < count; i++) {
        has_standard = has_standard || is_standard(&list[i]);
        if (is_standard(&list[i]))
            expect_full(check, &list[i]);
    }
    expect_true(check, has_standard, "no interface is called PKCS 11");
}

static void null_places(struct check *check)
{
    struct discovery module = discovery_find(check);

    expect_rv(check, "C_GetInterface(NULL, NULL, NULL, 0)", module.get(NULL, NULL, NULL, 0),
              (const CK_RV[]){ CKR_ARGUMENTS_BAD }, 1);
    expect_rv(check, "C_GetInterfaceList(NULL, NULL)", module.list(NULL, NULL),
              (const CK_RV[]){ CKR_ARGUMENTS_BAD }, 1);
}

/* The functions of 3.0 obey C_Initialize too. v3.1 5.6.9 (C_LoginUser). */
static void login_user_before_initialize(struct check *check)
{
    CK_RV(*login_user)
    (CK_SESSION_HANDLE session, CK_USER_TYPE type, CK_UTF8CHAR * pin, CK_ULONG pin_len, CK_UTF8CHAR * name,
     CK_ULONG name_len);
    CK_UTF8CHAR text[] = "1234";

    *(void **)&login_user = interface_function(check, LOGIN_USER);
    expect_rv(check, "C_LoginUser", login_user(1, CKU_USER, text, 4, text, 4),
              (const CK_RV[]){ CKR_CRYPTOKI_NOT_INITIALIZED, CKR_FUNCTION_NOT_SUPPORTED }, 2);
}

static void begin_signature(struct check *check)
{
    expect_rv(check, "C_SignInit", sign_init(check, check->session, check->mechanism, check->key.handle),
              (const CK_RV[]){ CKR_OK }, 1);
}

static void expect_no_signature(struct check *check)
{
    CK_BYTE data[64] = { 0 }, signature[2048];
    CK_ULONG len = sizeof(signature);

    EXPECT(check, C_Sign(check->session, data, 32, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
}

/* v3.1 5.6.5 (C_SessionCancel): an operation that is not under way is no error. */
static void session_cancel(struct check *check)
{
    CK_RV (*cancel)(CK_SESSION_HANDLE session, CK_FLAGS flags);
    CK_RV rv;

    *(void **)&cancel = interface_function(check, SESSION_CANCEL);
    rv = cancel(check->session, CKF_SIGN);
    if (rv == CKR_FUNCTION_NOT_SUPPORTED)
        check_skip(check, "the module does not support C_SessionCancel");
    expect_rv(check, "C_SessionCancel of nothing", rv, (const CK_RV[]){ CKR_OK }, 1);
    begin_signature(check);
    expect_rv(check, "C_SessionCancel of a signature", cancel(check->session, CKF_SIGN),
              (const CK_RV[]){ CKR_OK }, 1);
    expect_no_signature(check);
    expect_rv(check, "C_SessionCancel in no session", cancel(0x7ffffff1UL, CKF_SIGN),
              (const CK_RV[]){ CKR_SESSION_HANDLE_INVALID }, 1);
}

/* v3.1 5.13.1 (C_SignInit): without a mechanism it ends the operation under way. */
static void cancelled_by_init(struct check *check)
{
    interface_function(check, SESSION_CANCEL);
    begin_signature(check);
    EXPECT(check, C_SignInit(check->session, NULL, CK_INVALID_HANDLE), CKR_OK);
    expect_no_signature(check);
}

const struct check_case cases_interface[] = {
    { "C_GetInterface that asks for nothing gives a full default", LOADED, asked_for_nothing },
    { "C_GetInterface gives 2.40 and 3.0, full, when asked for them", LOADED, each_version },
    { "C_GetInterface of an unknown name, version or flag is refused", LOADED, unknown_ones },
    { "C_GetInterface that must be fork safe gives one that is, or none", LOADED, fork_safe },
    { "C_GetInterfaceList gives its length, keeps to it, and lists PKCS 11", LOADED, list_lengths },
    { "C_GetInterface and C_GetInterfaceList with no place to answer are refused", LOADED, null_places },
    { "C_SessionCancel ends a signature under way", KEY, session_cancel },
    { "C_SignInit without a mechanism ends a signature under way", KEY, cancelled_by_init },
    { "C_LoginUser before C_Initialize is refused", LOADED, login_user_before_initialize },
    { 0 },
};
