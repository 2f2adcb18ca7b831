/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.c - the borders' tables. What no table names is the border's own fault: HSM, store, or ours.
 */
#include "proxy/service/refusal.h"

#include <errno.h>

#include "include/table.h"

struct rv_row {
    CK_RV rv;
    enum reason reason;
};

static const struct rv_row rv_rows[] = {
    { CKR_OK, REASON_NONE },
    { CKR_HOST_MEMORY, REASON_INTERNAL },
    { CKR_PIN_INCORRECT, REASON_INTEGRITY }, /* the check value was right before: a row was swapped */
    { CKR_PIN_LOCKED, REASON_PIN_LOCKED },   /* by the HSM itself, not by our count */
    { CKR_DATA_INVALID, REASON_INTEGRITY },
    { CKR_DATA_LEN_RANGE, REASON_DATA_LEN },
    { CKR_MECHANISM_INVALID, REASON_MECHANISM },
    { CKR_MECHANISM_PARAM_INVALID, REASON_MECHANISM_PARAM },
    { CKR_KEY_TYPE_INCONSISTENT, REASON_KEY_TYPE },
    { CKR_KEY_SIZE_RANGE, REASON_KEY_SIZE },
    { CKR_ENCRYPTED_DATA_INVALID, REASON_CIPHERTEXT },
    { CKR_ENCRYPTED_DATA_LEN_RANGE, REASON_CIPHERTEXT_LEN },
};

struct errno_row {
    int error;
    enum reason reason;
};

static const struct errno_row store_rows[] = {
    { 0, REASON_NONE },
    { -EAGAIN, REASON_BUSY },
    { -ESTALE, REASON_BUSY }, /* somebody else changed the row: read it again and repeat */
    { -EEXIST, REASON_ALREADY_EXISTS },
    { -ENOENT, REASON_NOT_FOUND },
};

static const struct errno_row errno_rows[] = {
    { 0, REASON_NONE },
    { -EINVAL, REASON_MALFORMED },
    { -EBADMSG, REASON_MALFORMED },
    { -EACCES, REASON_NOT_PERMITTED },
};

enum reason refusal_of_rv(CK_RV rv)
{
    const struct rv_row *row;

    for (EACH_ROW(row, rv_rows))
        if (row->rv == rv)
            return row->reason;
    return REASON_HSM;
}

enum reason refusal_of_store(int error)
{
    const struct errno_row *row;

    for (EACH_ROW(row, store_rows))
        if (row->error == error)
            return row->reason;
    return REASON_STORE;
}

enum reason refusal_of_errno(int error)
{
    const struct errno_row *row;

    for (EACH_ROW(row, errno_rows))
        if (row->error == error)
            return row->reason;
    return REASON_INTERNAL;
}
