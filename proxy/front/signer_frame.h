/* SPDX-License-Identifier: Apache-2.0 */
/* signer_frame.h - envelopes on the stream to a signer: a 4-byte big-endian length, then the message. */
#pragma once

#include "include/bytes.h"
#include "proto/envelope.pb-c.h"

/* Errors: -ENOMEM. */
MUST_CHECK int signer_frame_write(struct buffer *output, const Privyseal__V1__Envelope *envelope);
/*
 * Takes the first reply off @input, which then is what comes after it.
 * Owner:  the caller frees it with privyseal__v1__envelope_reply__free_unpacked().
 * Errors: -EAGAIN (not all of it is there yet), -EBADMSG (longer than FRAME_MAX, or not a reply).
 */
MUST_CHECK int signer_frame_read(struct bytes *input, Privyseal__V1__EnvelopeReply **ret);
