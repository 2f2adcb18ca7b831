/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function_list.c - how an application gets hold of us: C_GetFunctionList (2.40), C_GetInterface (3.0).
 *
 * No interface claims CKF_INTERFACE_FORK_SAFE: a child has to initialize anew. NSS asks for it first and then
 * takes the one without.
 * Source: PKCS#11 v3.1 5.4.4 (C_GetFunctionList), 5.4.5 (C_GetInterfaceList), 5.4.6 (C_GetInterface).
 */
#include <string.h>

#include "include/table.h"
#include "module/entry/entry.h"
#include "proto/pkcs11_more.h"

#define POINTER(function) .function = function,

static CK_FUNCTION_LIST function_list_2_40 = { .version = { 2, 40 }, CK_FUNCTIONS_2_40(POINTER) };

static CK_FUNCTION_LIST_3_0 function_list_3_0 = { .version = { 3, 0 },
                                                  CK_FUNCTIONS_2_40(POINTER) CK_FUNCTIONS_3_0(POINTER) };

/* The first of a name is the default. */
static CK_CHAR interface_name[] = "PKCS 11";
static CK_INTERFACE interfaces[] = {
    { interface_name, &function_list_3_0, 0 },
    { interface_name, &function_list_2_40, 0 },
};

ENTRY CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ppFunctionList)
{
    if (!ppFunctionList)
        return CKR_ARGUMENTS_BAD;
    *ppFunctionList = &function_list_2_40;
    return CKR_OK;
}

ENTRY CK_RV C_GetInterfaceList(CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount)
{
    if (!pulCount)
        return CKR_ARGUMENTS_BAD;
    return output_write_list(OUTPUT(pInterfacesList, pulCount), interfaces, ARRAY_SIZE(interfaces),
                             sizeof(interfaces[0]));
}

/* A function list of any version begins with its version. */
static bool is_version(const CK_INTERFACE *interface, const CK_VERSION *version)
{
    const CK_VERSION *own = interface->pFunctionList;

    return own->major == version->major && own->minor == version->minor;
}

ENTRY CK_RV C_GetInterface(CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion,
                           CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags)
{
    CK_INTERFACE *row;

    if (!ppInterface)
        return CKR_ARGUMENTS_BAD;
    for (EACH_ROW(row, interfaces)) {
        if (pInterfaceName && strcmp((const char *)pInterfaceName, (const char *)row->pInterfaceName) != 0)
            continue;
        if ((pVersion && !is_version(row, pVersion)) || flags & ~row->flags)
            continue;
        *ppInterface = row;
        return CKR_OK;
    }
    return CKR_ARGUMENTS_BAD;
}
