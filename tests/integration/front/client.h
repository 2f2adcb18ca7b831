/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - a small blocking gRPC client over nghttp2 and OpenSSL, which can also misbehave.
 *
 * Everything waits a few seconds at most; what fails unexpectedly fails the test.
 */
#pragma once

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <protobuf-c/protobuf-c.h>

#include "include/bytes.h"
#include "tests/integration/front/rig.h"

#define CLIENT_STREAMS_MAX 128

/* What came back on one stream. */
struct result {
    bool is_closed;      /* the stream has ended, well or badly */
    uint32_t reset;      /* error code of a reset stream */
    int http_status;     /* 0: no headers came */
    int grpc_status;     /* -1: none came */
    long content_length; /* -1: none came */
    bool has_trailers;
    char message[256];  /* grpc-message, as it came */
    char details[1024]; /* grpc-status-details-bin, as it came */
    char request_id[32];
    struct buffer body;
};

struct client {
    int fd;
    SSL_CTX *tls;
    SSL *ssl;
    nghttp2_session *session;
    struct result results[CLIENT_STREAMS_MAX]; /* by (stream id - 1) / 2 */
    bool is_gone;                              /* the front closed the connection */
    bool has_goaway;
    uint32_t goaway_error;
};

struct client_options {
    EVP_PKEY *key; /* NULL: no certificate */
    X509 *certificate;
    bool is_tls12, has_no_alpn;
};

/* TCP only. */
int client_tcp(const struct rig *rig);
/* TLS only; false: the handshake, or the first read after it, failed (TLS 1.3 tells of a bad certificate there). */
bool client_handshake(struct client *client, const struct rig *rig, const struct client_options *options);
/* All of it, with a fresh certificate of the rig's authority. */
void client_connect(struct client *client, const struct rig *rig);
/* HTTP/2 upon a finished handshake. */
void client_speak(struct client *client);
void client_close(struct client *client);

/* One request. NULL fields have their usual values; @body is framed already. */
struct ask {
    const char *path, *method, *content_type, *timeout;
    struct bytes body;
    bool is_unfinished; /* no END_STREAM */
};

/* Sends; the stream id. */
int32_t client_send(struct client *client, const struct ask *ask);
/* Reads until the stream has ended, the connection is gone or a few seconds have passed. */
struct result *client_wait(struct client *client, int32_t stream);
/* Reads until so much of a body has come, or as client_wait(). */
struct result *client_wait_body(struct client *client, int32_t stream, size_t len);
struct result *client_ask(struct client *client, const struct ask *ask);
/* GetToken with an order to the stub signer. */
struct result *client_order(struct client *client, const char *token);
int32_t client_send_order(struct client *client, const char *token, const char *timeout);
/* Reads until the front has closed the connection; false: it did not, within @ms. */
bool client_is_cut_within(struct client *client, unsigned ms);
void client_write_raw(struct client *client, struct bytes bytes);

/* A framed gRPC message in @buffer. */
struct bytes client_frame(struct buffer *buffer, const ProtobufCMessage *message);
