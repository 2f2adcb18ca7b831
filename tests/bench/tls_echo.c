/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_echo.c - what the transport alone costs: tls_echo SECONDS
 *
 * Mutual TLS 1.3 over loopback TCP, P-256 certificates, two processes of plain blocking OpenSSL: 300 bytes there and
 * back, one after the other. Prints a line as sign_bench does.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_LEN 300
#define SAMPLES_MAX (1u << 20)
#define WARM_UP_US  300e3

static void must(int is_fine, const char *what)
{
    if (is_fine)
        return;
    fprintf(stderr, "tls_echo: %s\n", what);
    exit(1);
}

static double now_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* A certificate that both sides have and trust. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"echo", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    must(X509_sign(certificate, key, EVP_sha256()) > 0, "no certificate");
    return certificate;
}

static SSL_CTX *make_context(const SSL_METHOD *method, X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX *context = SSL_CTX_new(method);

    must(context && SSL_CTX_use_certificate(context, certificate) == 1 &&
             SSL_CTX_use_PrivateKey(context, key) == 1 &&
             X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1 &&
             SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1,
         "no TLS");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return context;
}

static SSL *on_socket(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    must(ssl && SSL_set_fd(ssl, fd) == 1, "no TLS");
    return ssl;
}

static void receive(SSL *ssl, unsigned char *message)
{
    for (int done = 0, n; done < MESSAGE_LEN; done += n) {
        n = SSL_read(ssl, message + done, MESSAGE_LEN - done);
        if (n <= 0)
            exit(0); /* the other side is through */
    }
}

static void serve(SSL_CTX *context, int listener)
{
    SSL *ssl = on_socket(context, accept(listener, NULL, NULL));
    unsigned char message[MESSAGE_LEN];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(SSL_accept(ssl) == 1, "the client is refused");
    for (;;) {
        receive(ssl, message);
        SSL_write(ssl, message, MESSAGE_LEN);
    }
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void measure(SSL *ssl, double seconds)
{
    float *us = malloc(SAMPLES_MAX * sizeof(*us));
    unsigned char message[MESSAGE_LEN] = { 1 };
    double start = now_us(CLOCK_MONOTONIC) + WARM_UP_US, cpu = 0;
    size_t count = 0;

    must(us && SSL_connect(ssl) == 1, "the server is refused");
    for (double began = 0; began < start + seconds * 1e6 && count < SAMPLES_MAX;) {
        began = now_us(CLOCK_MONOTONIC);
        SSL_write(ssl, message, MESSAGE_LEN);
        receive(ssl, message);
        if (began < start)
            cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
        else
            us[count++] = (float)(now_us(CLOCK_MONOTONIC) - began);
    }
    cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    must(count > 0, "no echo");
    qsort(us, count, sizeof(*us), compare);
    printf("threads=1 per_second=%.0f p50_us=%.0f p99_us=%.0f cpu_us=%.1f\n", (double)count / seconds,
           (double)us[count / 2], (double)us[count * 99 / 100], cpu / (double)count);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    pid_t server;

    must(argc == 2 && atof(argv[1]) > 0, "usage: tls_echo SECONDS");
    must(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&address, &len) == 0,
         "no port");
    server = fork();
    if (server == 0 && close(fd) == 0)
        serve(make_context(TLS_server_method(), certificate, key), listener);
    must(server > 0 && connect(fd, (struct sockaddr *)&address, len) == 0, "no connection");
    measure(on_socket(make_context(TLS_client_method(), certificate, key), fd), atof(argv[1]));
    close(fd);
    waitpid(server, NULL, 0);
    return 0;
}
