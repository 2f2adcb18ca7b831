/* SPDX-License-Identifier: Apache-2.0 */
/* signer_frame.c - packs into an evbuffer and unpacks from one without a copy in between. */
#include "proxy/front/signer_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "proto/limits.h"

#define PREFIX_LEN 4

int signer_frame_write(struct evbuffer *output, const Privyseal__V1__Envelope *envelope)
{
    size_t size = privyseal__v1__envelope__get_packed_size(envelope);
    uint32_t prefix = htonl((uint32_t)size);
    struct evbuffer_iovec space;

    if (evbuffer_reserve_space(output, (ev_ssize_t)(PREFIX_LEN + size), &space, 1) != 1)
        return -ENOMEM;
    memcpy(space.iov_base, &prefix, PREFIX_LEN);
    privyseal__v1__envelope__pack(envelope, (uint8_t *)space.iov_base + PREFIX_LEN);
    space.iov_len = PREFIX_LEN + size;
    return evbuffer_commit_space(output, &space, 1) == 0 ? 0 : -ENOMEM;
}

int signer_frame_read(struct evbuffer *input, Privyseal__V1__EnvelopeReply **ret)
{
    Privyseal__V1__EnvelopeReply *reply;
    const uint8_t *frame;
    uint32_t prefix;
    size_t len;

    if (evbuffer_copyout(input, &prefix, PREFIX_LEN) < PREFIX_LEN)
        return -EAGAIN;
    len = ntohl(prefix);
    if (len > FRAME_MAX)
        return -EBADMSG;
    if (evbuffer_get_length(input) < PREFIX_LEN + len)
        return -EAGAIN;
    frame = evbuffer_pullup(input, (ev_ssize_t)(PREFIX_LEN + len));
    if (!frame)
        return -ENOMEM;
    reply = privyseal__v1__envelope_reply__unpack(NULL, len, frame + PREFIX_LEN);
    evbuffer_drain(input, PREFIX_LEN + len);
    if (!reply)
        return -EBADMSG;
    *ret = reply;
    return 0;
}
