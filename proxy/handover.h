/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.h - a supervisor that becomes the program now lying where it was started from (an upgrade, a changed
 * configuration), without letting go of its children: execve(2) keeps the process id, the children and what is open.
 *
 * What the next program has to know of them travels in one environment variable, which counts only for the very process
 * that set it. The next program goes on with the children it finds and replaces them one by one: a new front takes new
 * connections while the former answers what it has begun; then the signers. So the messages to children
 * (proxy/front/front.h, proxy/signer/signer.h, proto/envelope.proto) are understood across two minor versions.
 */
#pragma once

#include <stdbool.h>

#include "proxy/crew.h"

/* How this process was started. */
struct program {
    const char *path; /* what lies there is run next */
    char *const *argv;
    const char *config; /* as argv has it */
    int directory;      /* where relative paths begin */
};

/*
 * Whether what lies at the program's path finds the configuration usable (privyseald --check), in a process of its own.
 * Nothing is handed over to a program that does not. Errors: -errno, -EINVAL (it said no; it has told why).
 */
MUST_CHECK int handover_check(const struct program *program);
/* Becomes that program. Returns only on failure, with everything as it was: -errno. */
MUST_CHECK int handover_make(const struct program *program, const struct crew *crew);

/* Is there something to go on with? */
bool handover_is_pending(void);
/*
 * Takes it up: sockets, the socket to the herald, the children that @crew has a place for; the others are dismissed. The
 * front becomes the former one. Only once; @crew is fresh from crew_init().
 * Errors: -EBADMSG, -errno.
 */
MUST_CHECK int handover_take(struct crew *crew);
