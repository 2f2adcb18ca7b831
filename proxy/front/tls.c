/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - one SSL_CTX from PEM in memory, and the questions asked of a finished handshake. */
#include "proxy/front/tls.h"

#include <errno.h>
#include <stdbool.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "include/secret.h"
#include "proto/certificate.h"

#define CHAIN_DEPTH 4

static const unsigned char alpn_h2[] = { 2, 'h', '2' };

DEFINE_CLEANUP(BIO_free_all, BIO *);
DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned in_len, void *context)
{
    (void)ssl;
    (void)context;
    if (SSL_select_next_proto((unsigned char **)out, out_len, alpn_h2, sizeof(alpn_h2), in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

/* Never ask a terminal for a pass phrase: the key is readable by root only, which is its protection. */
static int no_pass_phrase(char *buffer, int size, int is_write, void *context)
{
    (void)buffer;
    (void)size;
    (void)is_write;
    (void)context;
    return 0;
}

static BIO *open_pem(struct bytes pem)
{
    return pem.len && pem.len <= TLS_MATERIAL_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
}

static bool use_certificate(SSL_CTX *ctx, struct bytes pem)
{
    CLEANUP(BIO_free_all) BIO *bio = open_pem(pem);
    CLEANUP(X509_free) X509 *own = bio ? PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL) : NULL;
    X509 *issuer;

    if (!own || SSL_CTX_use_certificate(ctx, own) != 1)
        return false;
    while ((issuer = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL)))
        if (SSL_CTX_add0_chain_cert(ctx, issuer) != 1) {
            X509_free(issuer);
            return false;
        }
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; /* the end, and not a broken one */
}

static bool use_key(SSL_CTX *ctx, struct bytes pem)
{
    CLEANUP(BIO_free_all) BIO *bio = open_pem(pem);
    CLEANUP(EVP_PKEY_free)
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;

    return key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
}

/* Trusts just these, and names them to clients, which choose their certificate by them. */
static bool use_client_ca(SSL_CTX *ctx, struct bytes pem)
{
    CLEANUP(BIO_free_all) BIO *bio = open_pem(pem);
    size_t count = 0;
    bool is_fine = bio != NULL;

    while (is_fine) {
        CLEANUP(X509_free) X509 *ca = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL);

        if (!ca)
            break;
        is_fine =
            X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) == 1 && SSL_CTX_add_client_CA(ctx, ca) == 1;
        count++;
    }
    return is_fine && count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static bool set_policy(SSL_CTX *ctx, enum tls_clients clients)
{
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* an idle connection keeps no record buffers */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    if (clients == TLS_CLIENTS_CERTIFIED)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH);
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    /* Nobody resumes: who comes again shows the certificate again. Our clients keep connections, and no tickets. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) == 1;
}

int tls_context_new(const struct tls_material *material, enum tls_clients clients, SSL_CTX **ret,
                    const char **why)
{
    CLEANUP(SSL_CTX_free) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    *why = "out of memory";
    if (!ctx || !set_policy(ctx, clients))
        return -ENOMEM;
    ERR_clear_error();
    *why = "[server] certificate is not a chain of PEM certificates";
    if (!use_certificate(ctx, material->certificate))
        return -EINVAL;
    *why = "[server] key is not a PEM private key without pass phrase, or not the one of the certificate";
    if (!use_key(ctx, material->key))
        return -EINVAL;
    *why = "[server] client_ca is not a list of PEM certificates";
    if (!use_client_ca(ctx, material->client_ca))
        return -EINVAL;
    ERR_clear_error();
    *ret = TAKE(ctx);
    return 0;
}

/* The content of a memfd. Secret, since one of them is the TLS key. NULL: it has none, or too much. */
static struct secret *read_memfd(int memfd)
{
    CLEANUP(secret_free) struct secret *content = NULL;
    off_t size = lseek(memfd, 0, SEEK_END);

    if (size <= 0 || (size_t)size > SECRET_MAX || secret_new((size_t)size, &content))
        return NULL;
    if (pread(memfd, content->data, content->len, 0) != size)
        return NULL;
    return TAKE(content);
}

int tls_context_from_memfds(const int memfds[TLS_FILES], enum tls_clients clients, SSL_CTX **ret,
                            const char **why)
{
    CLEANUP(secret_free) struct secret *certificate = read_memfd(memfds[0]);
    CLEANUP(secret_free) struct secret *key = read_memfd(memfds[1]);
    CLEANUP(secret_free) struct secret *client_ca = read_memfd(memfds[2]);
    struct tls_material material;

    *why = "[server] certificate, key or client_ca is empty or too large";
    if (!certificate || !key || !client_ca)
        return -EINVAL;
    material = (struct tls_material){ secret_bytes(certificate), secret_bytes(key), secret_bytes(client_ca) };
    return tls_context_new(&material, clients, ret, why);
}

int tls_peer_anonymous(SSL *ssl, const char **why)
{
    const unsigned char *alpn;
    unsigned alpn_len;

    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    *why = "the client did not ask for HTTP/2";
    return alpn_len == sizeof(alpn_h2) - 1 && memcmp(alpn, alpn_h2 + 1, alpn_len) == 0 ? 0 : -EACCES;
}

int tls_peer(SSL *ssl, uint8_t ret_certificate_hash[HASH_LEN], const char **why)
{
    X509 *peer = SSL_get0_peer_certificate(ssl);

    if (tls_peer_anonymous(ssl, why))
        return -EACCES;
    *why = "the client has no certificate";
    if (!peer || SSL_get_verify_result(ssl) != X509_V_OK)
        return -EACCES;
    *why = "the client's certificate has no digest";
    return certificate_hash(NULL, peer, ret_certificate_hash) ? -EACCES : 0;
}
