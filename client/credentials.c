/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.c - reads the PEM files of an identity and its deployment, and notices when they are replaced. */
#include "client/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/tls.h"
#include "include/secret.h"
#include "proto/certificate.h"

#define CREDENTIALS_FILE_MAX 65536 /* a CA file of a few dozen roots; all of it is held in memory */

/* Into pages that are wiped: one of the three files is a private key. */
static int read_whole(const char *path, struct secret **ret, struct stat *ret_seen)
{
    CLEANUP(secret_free) struct secret *content = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : secret_new(CREDENTIALS_FILE_MAX, &content);
    size_t len = 0;

    if (r == 0 && fstat(fd, ret_seen) < 0)
        r = -errno;
    while (r == 0 && len < CREDENTIALS_FILE_MAX) {
        ssize_t n = read(fd, content->data + len, CREDENTIALS_FILE_MAX - len);

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            r = -errno;
        if (n > 0)
            len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (r == 0 && len == CREDENTIALS_FILE_MAX)
        r = -EFBIG;
    if (r < 0)
        return r;
    return secret_copy(BYTES(content->data, len), ret); /* no more locked pages than needed */
}

static int say(char **why, int r, const char *format, ...) PRINTF_LIKE(3, 4);
static int say(char **why, int r, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(why, format, arguments) < 0)
        *why = NULL;
    va_end(arguments);
    return r;
}

static int read_named(const char *what, const char *path, struct secret **ret, struct stat *ret_seen,
                      char **why)
{
    int r = read_whole(path, ret, ret_seen);

    return r < 0 ? say(why, r, "the %s %s cannot be read: %s", what, path, strerror(-r)) : 0;
}

static struct bytes lend(const struct secret *secret)
{
    return secret ? secret_bytes(secret) : BYTES_NONE;
}

int credentials_load(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment,
                     const struct identity_config *identity, struct credentials **ret, char **why)
{
    CLEANUP(credentials_unref) struct credentials *credentials = calloc(1, sizeof(*credentials));
    CLEANUP(secret_free) struct secret *certificate = NULL;
    CLEANUP(secret_free) struct secret *key = NULL;
    CLEANUP(secret_free) struct secret *ca = NULL;
    int r = 0;

    *why = NULL;
    if (!credentials)
        return -ENOMEM;
    atomic_init(&credentials->references, 1);
    if (identity)
        r = read_named("client certificate", identity->certificate, &certificate, &credentials->seen[0], why);
    if (r == 0 && identity)
        r = read_named("client key", identity->key, &key, &credentials->seen[1], why);
    if (r == 0 && (identity || deployment->ca))
        r = read_named("CA file", deployment->ca, &ca, &credentials->seen[2], why);
    if (r < 0)
        return r;
    r = tls_context_new(
        libctx, &(struct tls_material){ .ca = lend(ca), .certificate = lend(certificate), .key = lend(key) },
        &credentials->tls);
    if (r == 0 && identity)
        r = certificate_hash(libctx, SSL_CTX_get0_certificate(credentials->tls),
                             credentials->certificate_hash);
    if (r < 0)
        return say(why, r, "%s, %s, %s: expected PEM files with the client's certificate, its key, and roots",
                   identity ? identity->certificate : "-", identity ? identity->key : "-",
                   deployment->ca ? deployment->ca : "-");
    *ret = TAKE(credentials);
    return 0;
}

struct credentials *credentials_ref(struct credentials *credentials)
{
    atomic_fetch_add(&credentials->references, 1);
    return credentials;
}

void credentials_unref(struct credentials *credentials)
{
    if (!credentials || atomic_fetch_sub(&credentials->references, 1) != 1)
        return;
    SSL_CTX_free(credentials->tls);
    free(credentials);
}

static bool is_another_file(const char *path, const struct stat *seen)
{
    struct stat now;

    return stat(path, &now) == 0 &&
           (now.st_ino != seen->st_ino || now.st_dev != seen->st_dev || now.st_size != seen->st_size ||
            now.st_mtim.tv_sec != seen->st_mtim.tv_sec || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec);
}

bool credentials_are_outdated(const struct credentials *credentials,
                              const struct deployment_config *deployment,
                              const struct identity_config *identity)
{
    if (identity && (is_another_file(identity->certificate, &credentials->seen[0]) ||
                     is_another_file(identity->key, &credentials->seen[1])))
        return true;
    return deployment->ca && is_another_file(deployment->ca, &credentials->seen[2]);
}
