/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_args.h - which arguments of C_Initialize are legal.
 *
 * All four kinds of caller are served alike: we lock with POSIX mutexes and never call out while holding one,
 * so an application's own mutexes are not needed where it offers them; we start no threads, so being
 * forbidden to costs nothing. pReserved is accepted and ignored: NSS puts its library parameters there,
 * libp11 its own arguments.
 * Source: PKCS#11 v3.1 5.4.1 (C_Initialize).
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/cleanup.h"

/* @args may be NULL. Errors: CKR_ARGUMENTS_BAD (half a set of callbacks). */
MUST_CHECK CK_RV init_args_check(const CK_C_INITIALIZE_ARGS *args);
