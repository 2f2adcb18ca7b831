/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.h - C_FindObjects: all matches are found at the beginning, and given out as room allows.
 *
 * Source: PKCS#11 v3.1 5.7.7 (C_FindObjectsInit) to 5.7.9 (C_FindObjectsFinal). A class or an attribute that
 * no object of ours has finds nothing, which is no error: NSS asks every token for root lists.
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "module/core/slot.h"

struct search {
    bool is_active;
    CK_OBJECT_HANDLE *found;
    size_t count, next;
};

/* @slot: where secret keys are looked for; NULL: nowhere. Errors: CKR_OPERATION_ACTIVE, CKR_HOST_MEMORY. */
MUST_CHECK CK_RV search_start(struct search *search, const struct object_set *set, struct slot *slot,
                              bool is_logged_in, const CK_ATTRIBUTE *wanted, size_t count);
/* At most @max handles. Errors: CKR_OPERATION_NOT_INITIALIZED. */
MUST_CHECK CK_RV search_next(struct search *search, CK_OBJECT_HANDLE *handles, size_t max,
                             CK_ULONG *ret_count);
/* Errors: CKR_OPERATION_NOT_INITIALIZED. */
MUST_CHECK CK_RV search_end(struct search *search);
/* Whatever state it is in. */
void search_clear(struct search *search);
