/* SPDX-License-Identifier: Apache-2.0 */
/* tls_stream.c - a BIO between OpenSSL and a flow's buffers. */
#include "proxy/front/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "include/descriptor.h"

/* ------------------------------------------------------------------------------------------------------- BIO */

static int bio_read(BIO *bio, char *target, size_t size, size_t *ret)
{
    struct tls_stream *stream = BIO_get_data(bio);
    struct bytes *unread = &stream->unread;

    BIO_clear_retry_flags(bio);
    if (!unread->len) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *ret = unread->len < size ? unread->len : size;
    memcpy(target, unread->data, *ret);
    *unread = BYTES(unread->data + *ret, unread->len - *ret);
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *ret)
{
    struct tls_stream *stream = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    buffer_append(&stream->flow.out, BYTES(data, len));
    *ret = len;
    return !stream->flow.out.failed;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* there is nothing else that it could do */
}

BIO_METHOD *tls_stream_bio_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "flow");

    if (method && BIO_meth_set_read_ex(method, bio_read) && BIO_meth_set_write_ex(method, bio_write) &&
        BIO_meth_set_ctrl(method, bio_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* ----------------------------------------------------------------------------------------------------- input */

static void end(struct tls_stream *stream, const char *why)
{
    stream->is_deaf = true;
    stream->ops->ended(stream->owner, why);
}

/* What became of an SSL_read() or handshake that did not succeed: is there just nothing left to read? */
static void take_failure(struct tls_stream *stream, int result)
{
    int error = SSL_get_error(stream->ssl, result);
    const char *why;

    if (error == SSL_ERROR_WANT_READ)
        return;
    why = error == SSL_ERROR_ZERO_RETURN ? NULL : ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    end(stream, why);
}

/* Whether the handshake is done. */
static bool shake_hands(struct tls_stream *stream)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(stream->ssl);
    if (result != 1) {
        take_failure(stream, result);
        return false;
    }
    stream->is_open = true;
    stream->ops->opened(stream->owner);
    return true;
}

static void take_records(struct tls_stream *stream)
{
    struct front *front = stream->flow.front;
    size_t len;

    while (!stream->is_deaf) {
        int result;

        ERR_clear_error(); /* SSL_get_error() looks there, and others leave things behind */
        result = SSL_read_ex(stream->ssl, front->record, sizeof(front->record), &len);

        if (result != 1) {
            take_failure(stream, result);
            return;
        }
        stream->ops->received(stream->owner, BYTES(front->record, len));
    }
}

static void on_received(void *owner, struct bytes data)
{
    struct tls_stream *stream = owner;

    if (stream->is_deaf)
        return;
    stream->unread = data;
    if (stream->is_open || shake_hands(stream))
        take_records(stream);
    stream->unread = BYTES_NONE;
    stream->ops->taken(stream->owner);
}

/* ---------------------------------------------------------------------------------------------------- output */

/* Errors: -EPROTO. */
static int encrypt(struct tls_stream *stream)
{
    size_t len = stream->gathered, written;

    stream->gathered = 0;
    ERR_clear_error();
    return !len || SSL_write_ex(stream->ssl, stream->flow.front->record, len, &written) == 1 ? 0 : -EPROTO;
}

int tls_stream_write(struct tls_stream *stream, struct bytes plain)
{
    struct front *front = stream->flow.front;

    while (plain.len) {
        size_t room = sizeof(front->record) - stream->gathered;
        size_t len = plain.len < room ? plain.len : room;

        memcpy(front->record + stream->gathered, plain.data, len);
        stream->gathered += len;
        plain = BYTES(plain.data + len, plain.len - len);
        if (len == room && encrypt(stream))
            return -EPROTO;
    }
    return 0;
}

int tls_stream_flush(struct tls_stream *stream)
{
    if (encrypt(stream))
        return -EPROTO;
    flow_flush(&stream->flow);
    return 0;
}

size_t tls_stream_backlog(const struct tls_stream *stream)
{
    return stream->flow.out.len + stream->gathered;
}

void tls_stream_say_goodbye(struct tls_stream *stream)
{
    stream->is_deaf = true;
    if (encrypt(stream) == 0)
        (void)SSL_shutdown(stream->ssl); /* its answer is not waited for */
    ERR_clear_error();
}

/* ------------------------------------------------------------------------------------------------------ life */

static void on_written(void *owner)
{
    const struct tls_stream *stream = owner;

    stream->ops->written(stream->owner);
}

/* Without close_notify as well: HTTP/2 says itself where a message ends. */
static void on_ended(void *owner, const char *why)
{
    end(owner, why);
}

static const struct flow_ops flow_ops = { .received = on_received, .written = on_written, .ended = on_ended };

/* Errors: -ENOMEM. */
static int tls_new(struct tls_stream *stream, struct front *front, SSL_CTX *ctx)
{
    BIO *bio = BIO_new(front->tls_bio);

    stream->ssl = SSL_new(ctx);
    if (!bio || !stream->ssl) {
        BIO_free(bio);
        return -ENOMEM;
    }
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(stream->ssl, bio, bio);
    SSL_set_accept_state(stream->ssl);
    return 0;
}

int tls_stream_open(struct tls_stream *stream, struct front *front, SSL_CTX *ctx, int fd, uint64_t stalled_ms,
                    const struct tls_stream_ops *ops, void *owner)
{
    CLEANUP(descriptor_close) int owned = fd;

    *stream = (struct tls_stream){ .flow = FLOW_CLOSED, .ops = ops, .owner = owner };
    stream->flow.stalled = front_timeval(stalled_ms);
    stream->flow.out.limit = TLS_STREAM_OUTPUT_MAX;
    if (tls_new(stream, front, ctx))
        return -ENOMEM;
    return flow_open(&stream->flow, front, TAKE_DESCRIPTOR(owned), &flow_ops, stream);
}

void tls_stream_close(struct tls_stream *stream)
{
    flow_close(&stream->flow);
    SSL_free(stream->ssl);
    stream->ssl = NULL;
}
