/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - sessions and login.
 *
 * Source: PKCS#11 v3.1 5.6 (Session management functions).
 */
#include "module/entry/entry.h"
#include "proto/pkcs11_more.h" /* declares C_SessionCancel, C_LoginUser */

/* Sessions are ours alone: one opens without the server, if it has been seen once. */
static CK_RV open_session(struct call *call, bool is_rw, CK_SESSION_HANDLE *ret)
{
    CLEANUP(object_set_unref) struct object_set *set = slot_known_objects(call->slot);
    CK_RV rv = set ? CKR_OK : slot_objects(call->slot, ANY_AGE_MS, &set, &call->error);

    return rv == CKR_OK ? session_table_open(&call->module->sessions, call->slot, is_rw, ret) : rv;
}

/* Application and Notify are for tokens that have something to tell: NSS sets them, nobody is called back. */
ENTRY CK_RV C_OpenSession(CK_SLOT_ID slotID, CK_FLAGS flags, CK_VOID_PTR pApplication, CK_NOTIFY Notify,
                          CK_SESSION_HANDLE_PTR phSession)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_slot(&call, __func__, slotID), phSession);

    (void)pApplication;
    (void)Notify;
    if (rv == CKR_OK && !(flags & CKF_SERIAL_SESSION))
        rv = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    if (rv == CKR_OK)
        rv = open_session(&call, flags & CKF_RW_SESSION, phSession);
    return call_done(&call, rv);
}

/*
 * With its last session an application's login ends. v3.1 5.6.2 (C_CloseSession). A login made by another
 * thread between the two may end with it, as it may where the two calls come in the other order.
 */
static void log_out(struct slot *slot)
{
    if (slot_logout(slot) != CKR_OK)
        return; /* nobody was logged in */
}

ENTRY CK_RV C_CloseSession(CK_SESSION_HANDLE hSession)
{
    bool is_last = false;
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = session_table_close(&call.module->sessions, hSession, &is_last);
    if (is_last)
        log_out(call.slot);
    return call_done(&call, rv);
}

ENTRY CK_RV C_CloseAllSessions(CK_SLOT_ID slotID)
{
    struct call call;
    CK_RV rv = call_enter_slot(&call, __func__, slotID);

    if (rv == CKR_OK) {
        session_table_close_slot(&call.module->sessions, call.slot);
        log_out(call.slot);
    }
    return call_done(&call, rv);
}

ENTRY CK_RV C_GetSessionInfo(CK_SESSION_HANDLE hSession, CK_SESSION_INFO_PTR pInfo)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_session(&call, __func__, hSession), pInfo);

    if (rv == CKR_OK) {
        *pInfo = (CK_SESSION_INFO){
            .slotID = call.slot->id,
            .state = session_state(call.session),
            .flags = CKF_SERIAL_SESSION | (call.session->is_rw ? CKF_RW_SESSION : 0),
        };
    }
    return call_done(&call, rv);
}

ENTRY CK_RV C_SessionCancel(CK_SESSION_HANDLE hSession, CK_FLAGS flags)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        session_cancel(call.session, flags);
    return call_done(&call, rv);
}

/* -------------------------------------------------------------------------------------------------- login */

static CK_RV login(struct call *call, CK_USER_TYPE user, struct bytes pin)
{
    CK_RV rv = session_check_user(call->session, user);

    /* NULL would ask for a PIN pad, which no token of ours has. */
    rv = check_arguments(rv, pin.data);
    if (rv != CKR_OK)
        return rv;
    return user == CKU_CONTEXT_SPECIFIC ? session_consent(call->session, pin, &call->error)
                                        : slot_login(call->slot, pin, &call->error);
}

ENTRY CK_RV C_Login(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin,
                    CK_ULONG ulPinLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = login(&call, userType, BYTES(pPin, ulPinLen));
    return call_done(&call, rv);
}

/* A token has one user, who is called as it is. For another the answer is a wrong PIN's, and nobody is asked. */
ENTRY CK_RV C_LoginUser(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin,
                        CK_ULONG ulPinLen, CK_UTF8CHAR_PTR pUsername, CK_ULONG ulUsernameLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(pUsername, ulUsernameLen));
    if (rv == CKR_OK && ulUsernameLen &&
        !bytes_equal(BYTES(pUsername, ulUsernameLen), bytes_of_text(call.slot->name)))
        rv = CKR_PIN_INCORRECT;
    if (rv == CKR_OK)
        rv = login(&call, userType, BYTES(pPin, ulPinLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_Logout(CK_SESSION_HANDLE hSession)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = slot_logout(call.slot);
    return call_done(&call, rv);
}
