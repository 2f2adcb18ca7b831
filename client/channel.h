/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - one gRPC call, whoever carries it: HTTP/2 over the network, the dispatcher in the same process
 * (tests/loopback), or a faulty one (tests).
 */
#pragma once

#include <stdint.h>
#include <openssl/types.h>

#include "client/config.h"
#include "include/bytes.h"
#include "proto/failure.h"
#include "proto/limits.h"
#include "proto/method.h"

struct channel;

struct channel_reply {
    enum grpc_status status;
    struct buffer body;                  /* with GRPC_OK: the gRPC message */
    struct buffer failure;               /* else: the serialized Failure of the server, or empty: none came */
    char request_id[REQUEST_ID_LEN + 1]; /* the server's, or "" */
    char detail[256];                    /* for people and debugging: what the transport said */
    bool was_sent;    /* the request may have reached the server: repeat only REPEAT_SAFE methods */
    size_t endpoint;  /* of the channel's: who answered */
    bool was_refused; /* it was not sent, but a server is there, which took no calls just then */
};

void channel_reply_clear(struct channel_reply *reply);
DEFINE_CLEAR(channel_reply_clear, struct channel_reply);

struct channel_ops {
    /* One unary call, bounded by @deadline_ms from now. Threads: any number at once; holds no lock while waiting. */
    void (*call)(struct channel *channel, const struct method *method, struct bytes request,
                 unsigned deadline_ms, struct channel_reply *ret);
    /*
     * Who gave this answer can serve nobody just now: others are asked for some seconds. False: there is nobody else. NULL:
     * there never is.
     */
    bool (*turn_away)(struct channel *channel, const struct channel_reply *reply);
    /* The hash of the client certificate it presents. */
    void (*certificate_hash)(struct channel *channel, uint8_t ret[HASH_LEN]);
    void (*free)(struct channel *channel);
    /* channel_abandon(); NULL: there is nothing to let go of. */
    void (*abandon)(struct channel *channel);
};

/* The first member of every channel. */
struct channel {
    const struct channel_ops *ops;
};

/*
 * The real one. Loads nothing from the network; connects at the first call, tries the endpoints in turn, keeps a
 * connection to each, rests a bad endpoint. @libctx: a private library context, set as the calling thread's default
 * around each call and restored after; a call from within itself (a host's OpenSSL that routes keys back into us) is
 * refused. After fork the child must free nothing and make a new one: channel_abandon().
 * @identity NULL: without a certificate, for the enrolment listener. If the deployment's ca is NULL as well, whoever
 * answers is taken: to ask what its roots are, of which nothing is believed until their fingerprint was compared.
 * Errors: -errno of the certificate and key files, with a sentence in @why (caller frees).
 */
MUST_CHECK int channel_http2_new(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment,
                                 const struct identity_config *identity, struct channel **ret, char **why);
void channel_free(struct channel *channel);
DEFINE_CLEANUP(channel_free, struct channel *);
/* In a forked child: forgets the parent's connections without a byte on them. */
void channel_abandon(struct channel *channel);
