/* SPDX-License-Identifier: Apache-2.0 */
/* call.c - into a call and out of it. */
#include "module/core/call.h"

#include <openssl/err.h>

#include "client/clock.h"

CK_RV call_enter(struct call *call, const char *name)
{
    *call = (struct call){ .name = name, .module = module_ref() };
    if (!call->module)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    ERR_set_mark();
    if (call->module->debug.fd >= 0)
        call->began_ms = clock_now_ms();
    return CKR_OK;
}

CK_RV call_enter_slot(struct call *call, const char *name, CK_SLOT_ID slot)
{
    CK_RV rv = call_enter(call, name);

    call->handle = slot;
    return rv == CKR_OK ? slot_table_get(&call->module->slots, slot, &call->slot) : rv;
}

CK_RV call_enter_session(struct call *call, const char *name, CK_SESSION_HANDLE session)
{
    CK_RV rv = call_enter(call, name);

    call->handle = session;
    if (rv == CKR_OK)
        rv = session_table_get(&call->module->sessions, session, &call->session);
    if (rv == CKR_OK)
        call->slot = call->session->slot;
    return rv;
}

static void trace(const struct call *call, CK_RV rv)
{
    const struct failure *failure = &call->error.failure;
    const struct debug *debug = &call->module->debug;
    long long took_ms;

    if (debug->fd < 0)
        return;
    took_ms = clock_now_ms() - call->began_ms;
    debug_line(debug, "%s handle=0x%lx rv=%s(0x%lx) ms=%lld%s%s", call->name, call->handle, debug_rv_name(rv),
               rv, took_ms, *call->error.request_id ? " request=" : "", call->error.request_id);
    if (failure->reason != REASON_NONE)
        debug_line(debug, "%s server said %s, request=%s", call->name, reason_row(failure->reason)->word,
                   failure->request_id);
    if (*call->error.detail)
        debug_line(debug, "%s detail: %s", call->name, call->error.detail);
}

CK_RV call_done(struct call *call, CK_RV rv)
{
    if (call->module) {
        trace(call, rv);
        session_unref(call->session);
        module_unref(call->module);
        ERR_pop_to_mark();
    }
    return rv;
}
