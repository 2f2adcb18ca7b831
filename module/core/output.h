/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - the one rule by which every function returns bytes of variable length.
 *
 * Source: PKCS#11 v3.1 5.2 (Conventions for functions returning output in a variable-length buffer).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <p11-kit/pkcs11.h>

#include "include/bytes.h"

/* An application's buffer and where its length goes. @len is never NULL: entry points check. */
struct output {
    void *data; /* NULL: only the length is asked for */
    CK_ULONG *len;
};

#define OUTPUT(pointer, length) ((struct output){ (pointer), (length) })

/*
 * Whether the caller's question is answered by @needed alone: it asked for the length (CKR_OK), or lacks room
 * (CKR_BUFFER_TOO_SMALL). Then the operation goes on and *@ret_rv is what to return.
 */
static inline bool output_ends_with_length(struct output output, size_t needed, CK_RV *ret_rv)
{
    bool has_room = output.data && *output.len >= needed;

    *ret_rv = output.data && !has_room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    if (!has_room)
        *output.len = needed;
    return !has_room;
}

/* Copies @bytes out, or answers with their length. Errors: CKR_BUFFER_TOO_SMALL. */
MUST_CHECK CK_RV output_write(struct output output, struct bytes bytes);
/* The same for lists: lengths count elements of @size bytes. */
MUST_CHECK CK_RV output_write_list(struct output output, const void *list, size_t count, size_t size);
