/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - an application that uses the module in a test: a configuration of its own, and small steps. */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pkcs11_more.h"
#include "tests/support/scratch.h"

#define HOST_ONE_TOKEN                                                                                       \
    "[deployment here]\nrealm = test\nendpoints = localhost:1\nca = ca.pem\n"                                \
    "[identity me]\ncertificate = me.pem\nkey = me.key\n"                                                    \
    "[token alice]\n"

static struct scratch host_scratch;

/* A folder of its own, and @text as the only configuration. */
static inline void host_configure(const char *text)
{
    FILE *file;

    scratch_make(&host_scratch);
    setenv("XDG_CONFIG_HOME", host_scratch.directory, 1);
    setenv("XDG_CACHE_HOME", host_scratch.directory, 1);
    setenv("PRIVYSEAL_CONF", scratch_path(&host_scratch, "pkcs11.conf"), 1);
    file = fopen(host_scratch.path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static inline void host_leave(void)
{
    scratch_remove(&host_scratch);
}

static inline CK_SESSION_HANDLE host_open(void)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    return session;
}

static inline CK_RV host_login(CK_SESSION_HANDLE session, const char *pin)
{
    return C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin));
}

/* The first object of @class labelled @label; CK_INVALID_HANDLE: none. */
static inline CK_OBJECT_HANDLE host_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
    CK_ATTRIBUTE wanted[] = {
        { CKA_CLASS, &class, sizeof(class) },
        { CKA_LABEL, (char *)label, strlen(label) },
    };
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;

    ck_assert_uint_eq(C_FindObjectsInit(session, wanted, 2), CKR_OK);
    ck_assert_uint_eq(C_FindObjects(session, &found, 1, &count), CKR_OK);
    ck_assert_uint_eq(C_FindObjectsFinal(session), CKR_OK);
    return count ? found : CK_INVALID_HANDLE;
}
