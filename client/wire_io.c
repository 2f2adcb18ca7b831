/* SPDX-License-Identifier: Apache-2.0 */
/* wire_io.c - between nghttp2 and the socket: as few records as it fits in, as few system calls as there are records. */
#include <errno.h>
#include <sys/socket.h>

#include "client/clock.h"
#include "client/tls.h"
#include "client/wire_state.h"

#define READ_SIZE   16384 /* a TLS record */
#define OUTPUT_MOST ((size_t)4 * 1024 * 1024)

/* Nothing more is taken from a server that does not read, than one connection may hold. */
static void collect_output(struct wire *wire)
{
    size_t waiting = wire->sealed.len + wire->sending.len - wire->sent;
    const uint8_t *data;
    ssize_t len;

    while (waiting + wire->framed.len < OUTPUT_MOST &&
           (len = nghttp2_session_mem_send(wire->session, &data)) > 0)
        buffer_append(&wire->framed, BYTES(data, (size_t)len));
    if (wire->framed.failed)
        wire_give_up(wire);
}

/* All that there is to say, as few records as it fits in. */
static void seal_output(struct wire *wire)
{
    size_t done = 0;

    collect_output(wire);
    while (done < wire->framed.len && !wire->is_broken) {
        size_t len;

        if (tls_write(wire->ssl, BYTES(wire->framed.data + done, wire->framed.len - done), &len) != TLS_DONE)
            wire_give_up(wire);
        done += len;
    }
    wire->framed.len = 0;
}

/* What was sealed while the former lot was on its way is the next lot. */
static void take_lot(struct wire *wire)
{
    struct buffer emptied = wire->sending;

    if (wire->sent < wire->sending.len)
        return;
    wire->sending = wire->sealed;
    wire->sealed = emptied;
    wire->sealed.len = wire->sent = 0;
}

/* One write, during which the lock is free. False: the kernel takes no more now, or never again. */
static bool send_lot(struct wire *wire)
{
    struct bytes rest = BYTES(wire->sending.data + wire->sent, wire->sending.len - wire->sent);
    ssize_t len;
    int error;

    wire_unlock(wire);
    len = send(wire->fd, rest.data, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    error = len < 0 ? errno : 0;
    pthread_mutex_lock(&wire->lock);
    wire->sent += len > 0 ? (size_t)len : 0;
    if (error && error != EAGAIN && error != EINTR)
        wire_give_up(wire);
    return !wire->is_broken && error != EAGAIN;
}

void wire_flush(struct wire *wire)
{
    bool goes_on = !wire->is_writing;

    while (goes_on) {
        seal_output(wire);
        take_lot(wire);
        wire->is_writing = wire->sent < wire->sending.len && !wire->is_broken;
        goes_on = wire->is_writing && send_lot(wire);
        wire->is_writing = false;
    }
}

void wire_take_in(struct wire *wire)
{
    uint8_t data[READ_SIZE];
    bool has_more = true;

    while (has_more && !wire->is_broken) {
        size_t len;
        enum tls_io io = tls_read(wire->ssl, data, sizeof(data), &len, &has_more);

        if (io == TLS_BROKEN || (len && nghttp2_session_mem_recv(wire->session, data, len) != (ssize_t)len)) {
            wire_give_up(wire);
        } else if (len) {
            wire->used_ms = clock_boot_ms();
            wire->is_asked = false;
        }
    }
    wire_flush(wire);
}

bool wire_is_blocked(const struct wire *wire)
{
    return !wire->is_writing && wire->sent < wire->sending.len;
}
