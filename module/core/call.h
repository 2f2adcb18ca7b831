/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - one call of an application, from the entry point to its return: whom it is about, its trace.
 *
 *     struct call call;
 *     CK_RV rv = call_enter_session(&call, __func__, hSession);
 *     ...
 *     return call_done(&call, rv);
 *
 * What OpenSSL queues as errors meanwhile is gone when the call is: the queue is the thread's, and the host's.
 * Entering looks things up in the order in which the standard wants to hear of what is wrong: first
 * CKR_CRYPTOKI_NOT_INITIALIZED, then the slot or the session, then everything else.
 */
#pragma once

#include "client/remote.h"
#include "module/core/module.h"

struct call {
    const char *name;
    struct module_ctx *module; /* a reference; NULL: not initialized */
    struct session *session;   /* a reference; NULL: the call names none */
    struct slot *slot;         /* lent; of the session, too */
    CK_ULONG handle;           /* the session or slot as the application named it, for the trace */
    int64_t began_ms;
    struct remote_error error; /* what the last request to the server came to */
};

/* Errors: CKR_CRYPTOKI_NOT_INITIALIZED. */
MUST_CHECK CK_RV call_enter(struct call *call, const char *name);
/* Errors: also CKR_SLOT_ID_INVALID. */
MUST_CHECK CK_RV call_enter_slot(struct call *call, const char *name, CK_SLOT_ID slot);
/* Errors: also CKR_SESSION_HANDLE_INVALID. */
MUST_CHECK CK_RV call_enter_session(struct call *call, const char *name, CK_SESSION_HANDLE session);
/* Gives back what entering took, and returns @rv. Always, whatever entering said. */
CK_RV call_done(struct call *call, CK_RV rv);
