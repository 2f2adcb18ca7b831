/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptor.h - short messages that carry open descriptors from one process of the daemon to another.
 *
 * Over a connected local SOCK_SEQPACKET socket, so a message arrives whole or not at all. Source: unix(7), SCM_RIGHTS.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "include/bytes.h"
#include "include/cleanup.h"

#define DESCRIPTORS_MAX 4 /* in one message */

/* Sends @message (not empty) with @count descriptors, which stay open here. Errors: -errno; never SIGPIPE. */
MUST_CHECK int descriptor_send(int socket, struct bytes message, const int *descriptors, size_t count);
/*
 * Receives one message into @message and up to DESCRIPTORS_MAX descriptors, close-on-exec, into @descriptors.
 * Owner:  the caller closes them.
 * Errors: -errno (-EAGAIN on a non-blocking socket), -EBADMSG (cut off: everything it carried is closed).
 * Returns the length of the message, 0 at end of file.
 */
MUST_CHECK ssize_t descriptor_receive(int socket, void *message, size_t size,
                                      int descriptors[DESCRIPTORS_MAX], size_t *count);

/* CLEANUP(descriptor_close) int fd = -1; */
void descriptor_close(int descriptor);
static inline void descriptor_close_cleanup(int *descriptor)
{
    if (*descriptor >= 0)
        descriptor_close(*descriptor);
}
/* Gives a descriptor away: the variable becomes -1. */
#define TAKE_DESCRIPTOR(variable)                                                                            \
    ({                                                                                                       \
        int taken_ = (variable);                                                                             \
        (variable) = -1;                                                                                     \
        taken_;                                                                                              \
    })
