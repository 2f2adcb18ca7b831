/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS 1.3 on a connected socket, as a guest: trusting the deployment's roots alone, raising no SIGPIPE.
 *
 * Nothing here looks at OpenSSL's error queue to decide: the host's own errors may stand in it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <openssl/types.h>

#include "include/bytes.h"

struct tls_material {
    struct bytes ca; /* PEM: roots; empty: whoever answers is taken, for enrolment's first question */
    struct bytes certificate, key; /* PEM: the client's, with its chain; empty: none is shown */
};

/* Errors: -EBADMSG (what is no PEM, or a key that is not the certificate's), -ENOMEM. */
MUST_CHECK int tls_context_new(OSSL_LIB_CTX *libctx, const struct tls_material *material, SSL_CTX **ret);
/*
 * Shakes hands on @fd, which stays the caller's; the server must be @host (a name or an address) and speak HTTP/2.
 * @why: of a server that is refused, or refuses; static. Errors: -ETIMEDOUT, -EPROTO, -ENOMEM.
 */
MUST_CHECK int tls_connect(SSL_CTX *context, int fd, const char *host, int64_t deadline_ms, SSL **ret,
                           const char **why);

/* From now on what OpenSSL has to send is appended to @out, for the caller to send. @out outlives @ssl. */
void tls_collect(SSL *ssl, struct buffer *out);

enum tls_io { TLS_DONE, TLS_WOULD_BLOCK, TLS_BROKEN };

/* Reads what is there, at most @size bytes. @ret_has_more: more is at hand without asking the kernel. */
MUST_CHECK enum tls_io tls_read(SSL *ssl, uint8_t *data, size_t size, size_t *ret_len, bool *ret_has_more);
/* Writes as much as the kernel takes; all of it where the writes are collected. */
MUST_CHECK enum tls_io tls_write(SSL *ssl, struct bytes data, size_t *ret_len);
/* Says goodbye on the socket, if that goes through without waiting, and frees it. NULL is allowed. */
void tls_free(SSL *ssl);
DEFINE_CLEANUP(tls_free, SSL *);
