/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_state.h - a call on its way, and the steps that the wire's files share: wire.c waits and hands over,
 * wire_session.c is what nghttp2 says and hears, wire_io.c what goes over the socket.
 *
 * Everything here is called with the wire's lock.
 */
#pragma once

#include "client/wire.h"
#include "client/wire_seat.h"

/* It stands in the caller's stack. Guarded by the wire's lock until it is over; then it is its caller's alone. */
struct wire_call {
    const struct wire_request *request;
    struct grpc_answer *answer;
    size_t body_sent; /* of prefix and message */
    int32_t stream;
    bool was_sent;
    bool is_seated; /* waits to be called */
    enum wire_end end;
    struct wire_seat *seat;
    struct wire_call *next, *previous;
    atomic_bool is_over; /* the last that anybody else writes */
};

/* wire.c: ends @call, which nobody but its caller may touch from then on. */
void wire_call_end(struct wire *wire, struct wire_call *call, enum wire_end end);
/* Nothing comes back any more: all calls end. */
void wire_give_up(struct wire *wire);
/* Lets go of the lock, calls whom there is to call, and a leader if there is none. */
void wire_unlock(struct wire *wire);

/* wire_session.c: RFC 9113 3.4 (HTTP/2 Connection Preface). Errors: -ENOMEM. */
MUST_CHECK int wire_session_start(struct wire *wire);
/* The request's headers; its body follows when there is room. The stream, or negative: it takes no more. */
int32_t wire_session_submit(struct wire *wire, struct wire_call *call);

/*
 * wire_io.c: says what there is to say, without the lock while it writes; what another thread is writing is its own
 * affair.
 */
void wire_flush(struct wire *wire);
/* Takes in what has come, for all, and answers it. */
void wire_take_in(struct wire *wire);
/* The kernel took only part of what there was, and nobody tries just now. */
bool wire_is_blocked(const struct wire *wire);
