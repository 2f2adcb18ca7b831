/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library_watch.h - every call into the HSM's library passes here: it is said until when it must be back, and how it ended.
 *
 * A library that hangs never comes back to say so, and no timer within its process can be relied on: libraries take
 * signals and locks of their own. So the time at which a call is overdue stands in memory that the supervisor looks at; it
 * kills and replaces the signer. A library that crashes takes the same signer with it.
 *
 * PKCS#11 functions have no context. So one library of a process can be watched, and what watches it is this file's one
 * static variable; a signer has one library and one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <p11-kit/pkcs11.h>

#define LIBRARY_SLOW_MS 60000 /* what may take long by nature: keys made, a login, the library's own start */

struct library_watch {
    uint64_t *
        due_ms; /* shared with the supervisor: CLOCK_MONOTONIC, when the present call is overdue; 0: there is none */
    unsigned hang_ms; /* so long may a call take */
    uint64_t calls;
    CK_RV
    trouble; /* the last answer of a call that may have been the HSM's fault; whoever reads it clears it */
};

/* How an answer speaks of the HSM. */
enum library_grade {
    LIBRARY_WELL,    /* whatever else it is about */
    LIBRARY_SUSPECT, /* it may be the HSM's fault, or the request's */
    LIBRARY_LOST     /* session, login or token are not there any more */
};
enum library_grade library_grade(CK_RV rv);

/* The functions of @real, watched. Lent; of one library only. @watch is set before the first call, and outlives the last. */
CK_FUNCTION_LIST *library_watch(CK_FUNCTION_LIST *real, struct library_watch *watch);
/* On the clock of due_ms. */
uint64_t library_watch_now_ms(void);
