/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interface.h - the way to the functions of 3.0: C_GetInterface, and the positions of those that the cases call.
 *
 * Named as nowhere else, so that a newer p11-kit header that has these types does no harm.
 *
 * Source: PKCS#11 v3.1 3.1 (CK_INTERFACE), 5.4.5 (C_GetInterfaceList), 5.4.6 (C_GetInterface).
 */
#pragma once

#include "conformance/checks/check.h"

struct interface {
    CK_UTF8CHAR *name;
    void *functions; /* begins with a CK_VERSION */
    CK_FLAGS flags;
};

struct discovery {
    CK_RV (*get)(CK_UTF8CHAR *name, CK_VERSION *version, struct interface **ret, CK_FLAGS flags);
    CK_RV (*list)(struct interface *list, CK_ULONG *count);
};

/* Positions in CK_FUNCTION_LIST_3_0, counted from 0. */
enum position {
    LOGIN_USER = 70,
    SESSION_CANCEL = 71,
    MESSAGE_SIGN_INIT = 82,
    SIGN_MESSAGE = 83,
    SIGN_MESSAGE_BEGIN = 84,
    SIGN_MESSAGE_NEXT = 85,
    MESSAGE_SIGN_FINAL = 86,
};

/* What C_GetInterface calls the standard's own functions. */
extern CK_UTF8CHAR standard_name[];

/* Both functions; a module of 2.40 has neither, and the case is skipped. */
struct discovery discovery_find(struct check *check);

/* The list of 3.0, which begins as one of 2.40 does; the case is skipped where there is none. */
CK_FUNCTION_LIST *interface_3_0(struct check *check);

/* One of its functions. */
void *interface_function(struct check *check, enum position position);
