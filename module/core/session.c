/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - sessions, and what is under way in them. */
#include "module/core/session.h"

#include <stdlib.h>

#include "include/table.h"
#include "module/core/lock.h"
#include "proto/pkcs11_more.h"

/* Every operation that a session has room for, and what C_SessionCancel calls it. */
struct operation_row {
    CK_FLAGS flag;
    size_t offset; /* into struct session */
};

static const struct operation_row operation_rows[] = {
    { CKF_SIGN, offsetof(struct session, sign) },
    { CKF_VERIFY, offsetof(struct session, verify) },
    { CKF_DIGEST, offsetof(struct session, digest) },
    { CKF_SIGN_RECOVER, offsetof(struct session, sign_recover) },
    { CKF_VERIFY_RECOVER, offsetof(struct session, verify_recover) },
    { CKF_ENCRYPT, offsetof(struct session, encrypt) },
    { CKF_DECRYPT, offsetof(struct session, decrypt) },
    { CKF_MESSAGE_SIGN, offsetof(struct session, message_sign) },
    { CKF_MESSAGE_SIGN, offsetof(struct session, message_sign_part) },
    { CKF_MESSAGE_VERIFY, offsetof(struct session, message_verify) },
    { CKF_MESSAGE_VERIFY, offsetof(struct session, message_verify_part) },
};

static struct operation *operation_of(struct session *session, const struct operation_row *row)
{
    return (struct operation *)((char *)session + row->offset);
}

/* By login and kind. */
static const CK_STATE states[2][2] = {
    { CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION },
    { CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS },
};

CK_RV session_new(struct slot *slot, bool is_rw, struct session **ret)
{
    struct session *session = calloc(1, sizeof(*session));
    const struct operation_row *row;

    if (!session)
        return CKR_HOST_MEMORY;
    atomic_init(&session->references, 1);
    session->slot = slot;
    session->is_rw = is_rw;
    pthread_mutex_init(&session->lock, NULL);
    for (EACH_ROW(row, operation_rows))
        operation_init(operation_of(session, row));
    *ret = session;
    return CKR_OK;
}

struct session *session_ref(struct session *session)
{
    atomic_fetch_add(&session->references, 1);
    return session;
}

void session_unref(struct session *session)
{
    const struct operation_row *row;

    if (!session || atomic_fetch_sub(&session->references, 1) > 1)
        return;
    search_clear(&session->search);
    for (EACH_ROW(row, operation_rows))
        operation_clear(operation_of(session, row));
    slot_secrets_end(session->slot, session);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

CK_STATE session_state(struct session *session)
{
    return states[slot_is_logged_in(session->slot)][session->is_rw];
}

CK_RV session_check_user(struct session *session, CK_USER_TYPE user)
{
    if (user == CKU_USER || user == CKU_CONTEXT_SPECIFIC)
        return CKR_OK;
    /* A security officer has no business with a user's token: operators have a command line of their own. */
    return user == CKU_SO && slot_is_logged_in(session->slot) ? CKR_USER_ANOTHER_ALREADY_LOGGED_IN
                                                              : CKR_USER_TYPE_INVALID;
}

/* Under lock: the signature that waits for a PIN of its own. NULL: none does. */
static struct operation *waiting(struct session *session)
{
    struct operation *const signatures[] = { &session->sign, &session->sign_recover };

    for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
        if (signatures[i]->state != OP_IDLE && signatures[i]->key->always_authenticate)
            return signatures[i];
    return NULL;
}

static bool is_waiting(struct session *session)
{
    LOCKED(&session->lock);
    return waiting(session) != NULL;
}

CK_RV session_consent(struct session *session, struct bytes pin, struct remote_error *error)
{
    CLEANUP(remote_consent_free) struct login *consent = NULL;
    struct operation *operation;
    CK_RV rv;

    if (!is_waiting(session))
        return CKR_OPERATION_NOT_INITIALIZED;
    rv = slot_consent(session->slot, pin, &consent, error);
    if (rv != CKR_OK)
        return rv;
    LOCKED(&session->lock);
    operation = waiting(session);
    if (!operation) /* it ended while the server was asked */
        return CKR_OPERATION_NOT_INITIALIZED;
    remote_consent_free(operation->consent);
    operation->consent = TAKE(consent);
    return CKR_OK;
}

CK_RV session_set_pin(struct session *session, struct bytes old_pin, struct bytes new_pin,
                      struct remote_error *error)
{
    struct remote_token *token;
    CK_RV rv;

    if (!session->is_rw)
        return CKR_SESSION_READ_ONLY;
    rv = slot_token(session->slot, &token, error);
    if (rv == CKR_OK)
        rv = remote_token_change_pin(token, old_pin, new_pin, error);
    atomic_store(&session->slot->is_stale, true);
    return slot_session_rv(session->slot, rv);
}

CK_RV session_find_start(struct session *session, const CK_ATTRIBUTE *wanted, size_t count,
                         struct remote_error *error)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    bool is_logged_in = slot_is_logged_in(session->slot);
    CK_RV rv = slot_objects(session->slot, LISTING_AGE_MS, &set, error);

    if (rv != CKR_OK)
        return slot_session_rv(session->slot, rv);
    LOCKED(&session->lock);
    return search_start(&session->search, set, session->slot, is_logged_in, wanted, count);
}

CK_RV session_find_next(struct session *session, CK_OBJECT_HANDLE *handles, size_t max, CK_ULONG *ret_count)
{
    LOCKED(&session->lock);
    return search_next(&session->search, handles, max, ret_count);
}

CK_RV session_find_end(struct session *session)
{
    LOCKED(&session->lock);
    return search_end(&session->search);
}

void session_cancel(struct session *session, CK_FLAGS flags)
{
    const struct operation_row *row;

    LOCKED(&session->lock);
    if (flags & CKF_FIND_OBJECTS)
        search_clear(&session->search);
    for (EACH_ROW(row, operation_rows)) {
        if (flags & row->flag)
            operation_clear(operation_of(session, row));
    }
}

CK_RV session_end_operation(struct session *session, struct operation *operation, CK_RV rv)
{
    LOCKED(&session->lock);
    operation_clear(operation);
    return rv;
}
