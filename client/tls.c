/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - OpenSSL over a BIO of our own, whose writes raise no signal. */
#include "client/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "client/clock.h"

static const uint8_t alpn_h2[] = { 2, 'h', '2' };

DEFINE_CLEANUP(BIO_free_all, BIO *);
DEFINE_CLEANUP(SSL_CTX_free, SSL_CTX *);
DEFINE_CLEANUP(SSL_free, SSL *);
DEFINE_CLEANUP(X509_free, X509 *);
DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(OSSL_DECODER_CTX_free, OSSL_DECODER_CTX *);

/* ------------------------------------------------------------------------------------------------ the socket BIO */

/* OpenSSL's own writes with write(), which kills a host whose peer has gone. */
static struct {
    pthread_once_t once;
    BIO_METHOD *method; /* for the process's life: a BIO may outlive whoever made the first */
} socket_bio = { .once = PTHREAD_ONCE_INIT };

struct socket {
    int fd;
    struct buffer *out; /* NULL: writes go to the kernel */
};

static int descriptor(BIO *bio)
{
    return ((struct socket *)BIO_get_data(bio))->fd;
}

static int finish(BIO *bio, ssize_t n, int kind)
{
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, kind | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int socket_write(BIO *bio, const char *data, int len)
{
    struct socket *socket = BIO_get_data(bio);

    if (socket->out) {
        buffer_append(socket->out, BYTES((const uint8_t *)data, (size_t)len));
        return socket->out->failed ? -1 : len;
    }
    return finish(bio, send(descriptor(bio), data, (size_t)len, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int socket_read(BIO *bio, char *data, int len)
{
    return finish(bio, recv(descriptor(bio), data, (size_t)len, 0), BIO_FLAGS_READ);
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is held back */
}

static int socket_destroy(BIO *bio)
{
    free(BIO_get_data(bio));
    return 1;
}

static void make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "privyseal socket");

    if (!method)
        return;
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_ctrl(method, socket_control);
    BIO_meth_set_destroy(method, socket_destroy);
    socket_bio.method = method;
}

static BIO *socket_bio_new(int fd)
{
    CLEANUP(free) void *memory = calloc(1, sizeof(struct socket));
    struct socket *socket = memory;
    BIO *bio;

    pthread_once(&socket_bio.once, make_method);
    bio = socket && socket_bio.method ? BIO_new(socket_bio.method) : NULL;
    if (!bio)
        return NULL;
    socket->fd = fd;
    BIO_set_data(bio, TAKE(memory));
    BIO_set_init(bio, 1);
    return bio;
}

/* ---------------------------------------------------------------------------------------------------- the context */

static X509 *read_certificate(OSSL_LIB_CTX *libctx, BIO *bio)
{
    CLEANUP(X509_free) X509 *certificate = X509_new_ex(libctx, NULL);

    return certificate && PEM_read_bio_X509(bio, &certificate, NULL, NULL) ? TAKE(certificate) : NULL;
}

static int trust(OSSL_LIB_CTX *libctx, SSL_CTX *context, struct bytes pem)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    unsigned count = 0;
    bool is_over = !bio;

    while (!is_over) {
        CLEANUP(X509_free) X509 *root = read_certificate(libctx, bio);

        is_over = !root;
        count += root && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root) == 1;
    }
    return count ? 0 : -EBADMSG;
}

/* The first certificate is the client's own, the others lead to the issuer that the server knows. */
static int show(OSSL_LIB_CTX *libctx, SSL_CTX *context, struct bytes pem)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    CLEANUP(X509_free) X509 *own = bio ? read_certificate(libctx, bio) : NULL;
    bool is_over = false;

    if (!own || SSL_CTX_use_certificate(context, own) != 1)
        return -EBADMSG;
    while (!is_over) {
        CLEANUP(X509_free) X509 *issuer = read_certificate(libctx, bio);

        is_over = !issuer;
        if (issuer && SSL_CTX_add1_chain_cert(context, issuer) != 1)
            return -ENOMEM;
    }
    return 0;
}

/*
 * Of the type of the certificate's key: OpenSSL would otherwise set up its decoders of all types, three quarters of
 * what reading a key takes.
 */
static EVP_PKEY *read_key_of_type(OSSL_LIB_CTX *libctx, const char *type, struct bytes pem)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(OSSL_DECODER_CTX_free)
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, type, EVP_PKEY_KEYPAIR, libctx, NULL);

    if (!decoder || OSSL_DECODER_CTX_set_passphrase(decoder, (const uint8_t *)"", 0) != 1 ||
        OSSL_DECODER_from_data(decoder, &pem.data, &pem.len) != 1)
        return NULL;
    return TAKE(key);
}

/* OpenSSL's own reader skips what stands before the key in a file, such as the curve's parameters. */
static EVP_PKEY *read_key(OSSL_LIB_CTX *libctx, const EVP_PKEY *public_key, struct bytes pem)
{
    EVP_PKEY *key = read_key_of_type(libctx, EVP_PKEY_get0_type_name(public_key), pem);
    CLEANUP(BIO_free_all) BIO *bio = key ? NULL : BIO_new_mem_buf(pem.data, (int)pem.len);

    /* An empty passphrase, here as above: the host's terminal is not asked for one. */
    return bio ? PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, (char[]){ "" }, libctx, NULL) : key;
}

static int use_key(OSSL_LIB_CTX *libctx, SSL_CTX *context, struct bytes pem)
{
    EVP_PKEY *public_key = X509_get0_pubkey(SSL_CTX_get0_certificate(context));
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = public_key ? read_key(libctx, public_key, pem) : NULL;

    return key && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1
               ? 0
               : -EBADMSG;
}

int tls_context_new(OSSL_LIB_CTX *libctx, const struct tls_material *material, SSL_CTX **ret)
{
    CLEANUP(SSL_CTX_free) SSL_CTX *context = SSL_CTX_new_ex(libctx, NULL, TLS_client_method());
    int r = 0;

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(context, alpn_h2, sizeof(alpn_h2)) != 0)
        return -ENOMEM;
    SSL_CTX_set_verify(context, material->ca.len ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(context, 1); /* a record in one recv(), not two */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (material->ca.len)
        r = trust(libctx, context, material->ca);
    if (r == 0 && material->certificate.len)
        r = show(libctx, context, material->certificate);
    if (r == 0 && material->certificate.len)
        r = use_key(libctx, context, material->key);
    if (r < 0)
        return r;
    *ret = TAKE(context);
    return 0;
}

/* -------------------------------------------------------------------------------------------------- the handshake */

static bool expect_host(SSL *ssl, const char *host)
{
    CLEANUP(free_string)
    char *plain = host[0] == '[' ? strndup(host + 1, strcspn(host + 1, "]")) : strdup(host);
    uint8_t address[sizeof(struct in6_addr)];

    if (!plain)
        return false;
    if (inet_pton(AF_INET, plain, address) == 1 || inet_pton(AF_INET6, plain, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), plain) == 1;
    return SSL_set1_host(ssl, plain) == 1 && SSL_set_tlsext_host_name(ssl, plain) == 1;
}

static bool speaks_http2(const SSL *ssl)
{
    const unsigned char *chosen;
    unsigned len;

    SSL_get0_alpn_selected(ssl, &chosen, &len);
    return len == sizeof(alpn_h2) - 1 && memcmp(chosen, alpn_h2 + 1, len) == 0;
}

/* Why a call came back, without asking the error queue: it waits for the socket, and the socket for the peer. */
static enum tls_io outcome(const SSL *ssl)
{
    bool waits = (SSL_want_read(ssl) && BIO_should_read(SSL_get_rbio(ssl))) ||
                 (SSL_want_write(ssl) && BIO_should_write(SSL_get_wbio(ssl)));

    return waits ? TLS_WOULD_BLOCK : TLS_BROKEN;
}

static const char *why_broken(const SSL *ssl)
{
    long verified = SSL_get_verify_result(ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    if (verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    return reason ? reason : "the server ended the TLS handshake";
}

static int shake_hands(SSL *ssl, int fd, int64_t deadline_ms, const char **why)
{
    while (SSL_connect(ssl) != 1) {
        struct pollfd poll_fd = { .fd = fd, .events = SSL_want_write(ssl) ? POLLOUT : POLLIN };

        if (outcome(ssl) == TLS_BROKEN) {
            *why = why_broken(ssl);
            return -EPROTO;
        }
        if (poll(&poll_fd, 1, (int)clock_left_ms(deadline_ms)) == 0)
            return -ETIMEDOUT;
    }
    if (speaks_http2(ssl))
        return 0;
    *why = "the server does not speak HTTP/2";
    return -EPROTO;
}

int tls_connect(SSL_CTX *context, int fd, const char *host, int64_t deadline_ms, SSL **ret, const char **why)
{
    CLEANUP(SSL_free) SSL *ssl = SSL_new(context);
    BIO *bio = ssl ? socket_bio_new(fd) : NULL;
    int r;

    if (!bio)
        return -ENOMEM;
    SSL_set_bio(ssl, bio, bio);
    if (!expect_host(ssl, host))
        return -ENOMEM;
    r = shake_hands(ssl, fd, deadline_ms, why);
    if (r < 0)
        return r;
    *ret = TAKE(ssl);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- the data */

void tls_collect(SSL *ssl, struct buffer *out)
{
    struct socket *socket = BIO_get_data(SSL_get_wbio(ssl));

    socket->out = out;
}

enum tls_io tls_read(SSL *ssl, uint8_t *data, size_t size, size_t *ret_len, bool *ret_has_more)
{
    *ret_len = 0;
    *ret_has_more = false;
    if (SSL_read_ex(ssl, data, size, ret_len) != 1)
        return outcome(ssl);
    *ret_has_more = SSL_has_pending(ssl);
    return TLS_DONE;
}

enum tls_io tls_write(SSL *ssl, struct bytes data, size_t *ret_len)
{
    *ret_len = 0;
    return SSL_write_ex(ssl, data.data, data.len, ret_len) == 1 ? TLS_DONE : outcome(ssl);
}

void tls_free(SSL *ssl)
{
    if (ssl) {
        tls_collect(ssl, NULL);
        (void)SSL_shutdown(ssl); /* one way, as far as the kernel takes it now */
    }
    SSL_free(ssl);
}
