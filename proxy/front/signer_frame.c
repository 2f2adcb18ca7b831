/* SPDX-License-Identifier: Apache-2.0 */
/* signer_frame.c - packs into a buffer and unpacks from one without a copy in between. */
#include "proxy/front/signer_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "proto/limits.h"

#define PREFIX_LEN 4

int signer_frame_write(struct buffer *output, const Privyseal__V1__Envelope *envelope)
{
    size_t size = privyseal__v1__envelope__get_packed_size(envelope);
    uint32_t prefix = htonl((uint32_t)size);
    uint8_t *frame = buffer_extend(output, PREFIX_LEN + size);

    if (!frame)
        return -ENOMEM;
    memcpy(frame, &prefix, PREFIX_LEN);
    privyseal__v1__envelope__pack(envelope, frame + PREFIX_LEN);
    return 0;
}

int signer_frame_read(struct bytes *input, Privyseal__V1__EnvelopeReply **ret)
{
    struct reader reader = reader_of(*input);
    uint32_t len = reader_u32(&reader);
    struct bytes message;
    Privyseal__V1__EnvelopeReply *reply;

    if (!reader.failed && len > FRAME_MAX)
        return -EBADMSG;
    message = reader_run(&reader, len);
    if (reader.failed)
        return -EAGAIN;
    reply = privyseal__v1__envelope_reply__unpack(NULL, message.len, message.data);
    if (!reply)
        return -EBADMSG;
    *input = reader.rest;
    *ret = reply;
    return 0;
}
