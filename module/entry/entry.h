/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h - what the entry points share: argument checks that a signature cannot express.
 *
 * An entry point enters (module/core/call.h), checks its arguments, hands over to the core, and returns
 * through call_done(). Names in a signature are the standard's; one step inside, ours.
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "module/core/call.h"
#include "module/core/output.h"

/* The only symbols that leave the library (see also privyseal-pkcs11.map). */
#define ENTRY __attribute__((visibility("default")))

/* Whether a pointer and a count go together: nothing may be at NULL only if there is nothing. */
#define IS_RUN(pointer, count) ((pointer) || !(count))

/* CKR_ARGUMENTS_BAD unless @is_good; an earlier error is the one to tell. */
static inline CK_RV check_arguments(CK_RV rv, bool is_good)
{
    return rv == CKR_OK && !is_good ? CKR_ARGUMENTS_BAD : rv;
}

/* As check_arguments(), of a call that ends @operation (one of session's own, named by member). */
#define CHECK_OR_END(rv, call, operation, is_good)                                                           \
    ((rv) == CKR_OK && !(is_good)                                                                            \
         ? session_end_operation((call).session, &(call).session->operation, CKR_ARGUMENTS_BAD)              \
         : (rv))
