/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - sessions, and what is under way in them. */
#include "module/core/session.h"

#include <stdlib.h>

#include "include/table.h"
#include "module/core/lock.h"
#include "proto/pkcs11_more.h"

struct cancel_row {
    CK_FLAGS flag;
    size_t operation; /* into struct session */
};

static const struct cancel_row cancel_rows[] = {
    { CKF_SIGN, offsetof(struct session, sign) },
    { CKF_VERIFY, offsetof(struct session, verify) },
    { CKF_DIGEST, offsetof(struct session, digest) },
};

/* By login and kind. */
static const CK_STATE states[2][2] = {
    { CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION },
    { CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS },
};

CK_RV session_new(struct slot *slot, bool is_rw, struct session **ret)
{
    struct session *session = calloc(1, sizeof(*session));

    if (!session)
        return CKR_HOST_MEMORY;
    atomic_init(&session->references, 1);
    session->slot = slot;
    session->is_rw = is_rw;
    pthread_mutex_init(&session->lock, NULL);
    operation_init(&session->sign);
    operation_init(&session->verify);
    operation_init(&session->digest);
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
    if (!session || atomic_fetch_sub(&session->references, 1) > 1)
        return;
    search_clear(&session->search);
    operation_clear(&session->sign);
    operation_clear(&session->verify);
    operation_clear(&session->digest);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

CK_STATE session_state(struct session *session)
{
    return states[slot_is_logged_in(session->slot)][session->is_rw];
}

void session_cancel(struct session *session, CK_FLAGS flags)
{
    const struct cancel_row *row;

    LOCKED(&session->lock);
    if (flags & CKF_FIND_OBJECTS)
        search_clear(&session->search);
    for (EACH_ROW(row, cancel_rows)) {
        if (flags & row->flag)
            operation_clear((struct operation *)((char *)session + row->operation));
    }
}

CK_RV session_end_operation(struct session *session, struct operation *operation, CK_RV rv)
{
    LOCKED(&session->lock);
    operation_clear(operation);
    return rv;
}
