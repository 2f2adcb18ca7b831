/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - how the front speaks TLS: version 1.3 only, "h2" only, a client certificate from our own CA always, but on
 * the enrolment listener, where none is asked for. No tickets: nobody is let in on the word of an earlier handshake.
 *
 * Source: RFC 8446 (TLS 1.3), RFC 7301 (ALPN), RFC 9113 3.2 (Starting HTTP/2 for "https" URIs).
 */
#pragma once

#include <openssl/ssl.h>

#include "include/bytes.h"
#include "proto/limits.h"

#define TLS_MATERIAL_MAX ((size_t)256 * 1024) /* bytes of one PEM file */

DEFINE_CLEANUP(SSL_CTX_free, SSL_CTX *);

/* What the supervisor reads as root and hands over. PEM, borrowed. */
struct tls_material {
    struct bytes certificate; /* the front's chain, its own first */
    struct bytes key;
    struct bytes client_ca; /* roots of client certificates */
};

/* Who may finish a handshake. */
enum tls_clients {
    TLS_CLIENTS_CERTIFIED, /* whoever has a certificate of the client CA */
    TLS_CLIENTS_ANONYMOUS, /* anybody: a certificate is not even asked for */
    TLS_CLIENT_KINDS
};

/* Errors: -EINVAL with a static sentence in @why: what is wrong with which of the three. -ENOMEM. */
MUST_CHECK int tls_context_new(const struct tls_material *material, enum tls_clients clients, SSL_CTX **ret,
                               const char **why);

/* The same from the files as the supervisor hands them over: a memfd each, in the order of struct tls_material. */
#define TLS_FILES 3
MUST_CHECK int tls_context_from_memfds(const int memfds[TLS_FILES], enum tls_clients clients, SSL_CTX **ret,
                                       const char **why);

/* After the handshake: "h2" was agreed on, and who is there? Errors: -EACCES with a static sentence in @why. */
MUST_CHECK int tls_peer(SSL *ssl, uint8_t ret_certificate_hash[HASH_LEN], const char **why);
/* The same of a client that needs no certificate. */
MUST_CHECK int tls_peer_anonymous(SSL *ssl, const char **why);
