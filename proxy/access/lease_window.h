/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_window.h - which sequence numbers of a lease were used, for what, and what was answered.
 *
 * A client that lost an answer repeats the same bytes and gets the same answer, without a second signature; other
 * bytes under a used number are refused. An answer that came of nothing is not kept, and the same bytes are a new
 * request again. Numbers may arrive out of order within the last SEQUENCE_WINDOW. Replies
 * (protected already, so no secrets) take at most LEASE_REPLIES_MAX bytes a lease: the oldest go first, and the
 * repeat of one that went is refused like one older than the window.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "proto/failure.h"
#include "proto/limits.h"

struct lease;
struct lease_window;

#define LEASE_REPLIES_MAX (256 * 1024)

/*
 * A new number: REASON_NONE and *ret_reply NULL. The same number and bytes again: REASON_NONE and the reply that was
 * given (lent until the next call). Other bytes, a reply no longer (or not yet) kept, zero, or older than the window:
 * REASON_REPLAY. Errors besides: REASON_INTERNAL (out of memory).
 */
MUST_CHECK enum reason lease_window_enter(struct lease *lease, uint64_t sequence,
                                          const uint8_t request_hash[HASH_LEN],
                                          const struct buffer **ret_reply);
/* Keeps a copy of the serialized EnvelopeReply for a repeat; without memory for it, a repeat is refused. */
void lease_window_keep(struct lease *lease, uint64_t sequence, struct bytes reply);
/*
 * Nothing was done under @sequence: the same bytes may be tried again, as if for the first time. Other bytes may not:
 * a number is used for one message only.
 */
void lease_window_forget(struct lease *lease, uint64_t sequence);
void lease_window_free(struct lease_window *window);
DEFINE_CLEANUP(lease_window_free, struct lease_window *);
