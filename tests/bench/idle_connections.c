/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle_connections.c - clients that connect and say nothing: idle_connections PORT CERTIFICATE KEY CA COUNT
 *
 * Each finishes a TLS handshake of its own with its certificate and the opening of HTTP/2, then is silent. Of a
 * connection only the socket is kept here, so that this process stays small. Prints "ready" when all are there, and
 * ends with its standard input.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define OTHER_DESCRIPTORS 32

/* RFC 9113 3.4 (HTTP/2 Connection Preface): the client's words, empty SETTINGS, and the answer to the server's. */
static const unsigned char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                       "\0\0\0\4\0\0\0\0\0"
                                       "\0\0\0\4\1\0\0\0\0";

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit = { count, count };

    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    die("descriptors");
}

static SSL_CTX *tls_new(const char *certificate, const char *key, const char *ca)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (!tls || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(tls, ca, NULL) != 1 ||
        SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\2h2", 3) != 0)
        die("credentials");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    return tls;
}

static int tcp_connect(unsigned short port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)))
        die("connect");
    return fd;
}

/* The socket stays open when its SSL is gone. */
static void connect_one(SSL_CTX *tls, unsigned short port)
{
    unsigned char heard[4096];
    SSL *ssl = SSL_new(tls);
    BIO *bio = BIO_new_socket(tcp_connect(port), BIO_NOCLOSE);

    if (!ssl || !bio)
        die("memory");
    SSL_set_bio(ssl, bio, bio);
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, preface, sizeof(preface) - 1) <= 0 ||
        SSL_read(ssl, heard, sizeof(heard)) <= 0)
        die("handshake");
    SSL_free(ssl);
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 6 ? strtoul(argv[5], NULL, 10) : 0;
    SSL_CTX *tls;

    if (!count) {
        fprintf(stderr, "usage: idle_connections PORT CERTIFICATE KEY CA COUNT\n");
        return EXIT_FAILURE;
    }
    allow_descriptors(count + OTHER_DESCRIPTORS);
    tls = tls_new(argv[2], argv[3], argv[4]);
    for (unsigned long i = 0; i < count; i++)
        connect_one(tls, (unsigned short)strtoul(argv[1], NULL, 10));
    SSL_CTX_free(tls);
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return EXIT_SUCCESS;
}
