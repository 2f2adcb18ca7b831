/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module.h - everything the module knows between C_Initialize and C_Finalize, and its one static variable.
 *
 * A guest in another's process:
 *  - C_Initialize reads files and talks to nobody. No thread is ever started, no exit handler registered.
 *  - OpenSSL is used in a library context of our own that reads no openssl.cnf: the host's may lead to us.
 *  - After fork() the child has no context: every call answers CKR_CRYPTOKI_NOT_INITIALIZED, C_Finalize too,
 *    until its own C_Initialize, which lets go of the parent's connections without a byte on them.
 *  - Hosts finalize from exit handlers, when OpenSSL may have cleaned up already: then there is no context
 *    either, and what it held is left to the end of the process.
 * Threads: any number; a call holds a reference, so C_Finalize in one does not pull the context from another.
 * Source:  PKCS#11 v3.1 5.4.1 (C_Initialize), 5.4.2 (C_Finalize), 2.5.2 and 2.5.3 of the usage guide (fork).
 */
#pragma once

#include <openssl/types.h>
#include <p11-kit/pkcs11.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "client/config.h"
#include "module/core/debug.h"
#include "module/core/session_table.h"
#include "module/core/slot_table.h"

struct module_ctx {
    atomic_uint references;
    OSSL_LIB_CTX *libctx;         /* fixed */
    OSSL_PROVIDER *provider;      /* fixed: the default one */
    struct client_config *config; /* fixed */
    struct debug debug;           /* fixed */
    struct slot_table slots;
    struct session_table sessions;
    struct module_ctx *forebear; /* of one inherited by fork(): the one its process had inherited */
};

/*
 * Errors: CKR_ARGUMENTS_BAD, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_FUNCTION_FAILED (a malformed
 * configuration), CKR_GENERAL_ERROR (OpenSSL), CKR_HOST_MEMORY.
 */
MUST_CHECK CK_RV module_initialize(const CK_C_INITIALIZE_ARGS *args);
/* Errors: CKR_CRYPTOKI_NOT_INITIALIZED. */
MUST_CHECK CK_RV module_finalize(void);

/*
 * False once OPENSSL_cleanup() has run, from an exit handler of the host: OpenSSL then refuses to begin. Asked before
 * anything else of OpenSSL, it begins without registering an exit handler.
 */
bool module_has_openssl(void);

/* The context, with a reference; NULL: not initialized, in this process. */
struct module_ctx *module_ref(void);
void module_unref(struct module_ctx *ctx);
DEFINE_CLEANUP(module_unref, struct module_ctx *);
