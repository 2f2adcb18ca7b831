/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_stream.h - the server's end of a TLS connection in the event loop.
 *
 * OpenSSL never sees the socket: it reads from the flight that a flow has brought, all records of it, and writes into what
 * the flow will send at the end of the round. So it wants to read when the flight is used up, and never wants to write.
 * What is written in a round is gathered, and makes as few records as it fits into.
 * Source: RFC 8446 (TLS 1.3).
 */
#pragma once

#include <openssl/ssl.h>

#include "proxy/front/flow.h"

#define TLS_STREAM_OUTPUT_MAX ((size_t)1024 * 1024) /* ciphertext that waits; no owner comes near it */

/* None of them frees the stream: that waits for the end of the round. */
struct tls_stream_ops {
    /* The handshake is done. */
    void (*opened)(void *owner);
    /* Lent until this returns. */
    void (*received)(void *owner, struct bytes plain);
    /* A flight was taken in: there may be something to flush. */
    void (*taken)(void *owner);
    /* All is with the kernel. */
    void (*written)(void *owner);
    /* The other side closed (@why is NULL), or broke the protocol, or takes nothing. */
    void (*ended)(void *owner, const char *why);
};

struct tls_stream {
    struct flow flow;
    const struct tls_stream_ops *ops;
    void *owner;
    SSL *ssl;
    struct bytes unread; /* the rest of the flight that is being taken in */
    size_t gathered;     /* plain bytes in front->record */
    bool is_open;
    bool is_deaf; /* what comes is thrown away */
};

/* How OpenSSL reads and writes here; for front->tls_bio. NULL: no memory. */
BIO_METHOD *tls_stream_bio_new(void);

/* Takes over @fd. @stalled_ms: a write without progress for so long is the end. Errors: -ENOMEM. */
MUST_CHECK int tls_stream_open(struct tls_stream *stream, struct front *front, SSL_CTX *ctx, int fd,
                               uint64_t stalled_ms, const struct tls_stream_ops *ops, void *owner);
void tls_stream_close(struct tls_stream *stream);

/*
 * Writes, and flushes what was written: both at the end of the round only, and the second after the first, for all streams
 * gather in one place. Errors: -EPROTO.
 */
MUST_CHECK int tls_stream_write(struct tls_stream *stream, struct bytes plain);
MUST_CHECK int tls_stream_flush(struct tls_stream *stream);
/* What waits to be sent. */
size_t tls_stream_backlog(const struct tls_stream *stream);
/* Says that nothing more will come (close_notify), and listens no more. To be flushed. */
void tls_stream_say_goodbye(struct tls_stream *stream);
