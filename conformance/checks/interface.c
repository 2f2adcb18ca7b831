/* SPDX-License-Identifier: Apache-2.0 */
/* interface.c - from the loaded module to its functions of 3.0. */
#include "conformance/checks/interface.h"

#include <dlfcn.h>

CK_UTF8CHAR standard_name[] = "PKCS 11";

struct discovery discovery_find(struct check *check)
{
    struct discovery found;

    *(void **)&found.get = dlsym(check->library, "C_GetInterface");
    *(void **)&found.list = dlsym(check->library, "C_GetInterfaceList");
    if (!found.get && !found.list)
        check_skip(check, "the module has no C_GetInterface: it is one of 2.40");
    if (!expect_true(check, found.get && found.list, "C_GetInterface and C_GetInterfaceList come together"))
        check_end(check);
    return found;
}

CK_FUNCTION_LIST *interface_3_0(struct check *check)
{
    struct discovery module = discovery_find(check);
    struct interface *interface = NULL;
    CK_VERSION version = { 3, 0 };

    if (module.get(standard_name, &version, &interface, 0) != CKR_OK)
        check_skip(check, "the module has no interface of 3.0");
    return interface->functions;
}

void *interface_function(struct check *check, enum position position)
{
    char *list = (char *)interface_3_0(check);

    return ((void **)(list + sizeof(void *)))[position];
}
