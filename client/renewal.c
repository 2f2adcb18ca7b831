/* SPDX-License-Identifier: Apache-2.0 */
/* renewal.c - lock, look, ask, write, rename. */
#include "client/renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "client/remote_token_state.h"
#include "include/descriptor.h"
#include "proto/certificate.h"
#include "proto/certificate_parts.h"
#include "proto/pack.h"

DEFINE_CLEANUP(X509_REQ_free, X509_REQ *);
DEFINE_CLEANUP(BIO_free_all, BIO *);
DEFINE_CLEANUP(ASN1_TIME_free, ASN1_TIME *);

PRINTF_LIKE(3, 4) static int fail(int error, char **why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(why, format, arguments) < 0)
        *why = NULL;
    va_end(arguments);
    return error;
}

/* ------------------------------------------------------------------------------------------------- is it due? */

/* 0: it is no time. */
static time_t read_time(const unsigned char **at, const unsigned char *end)
{
    CLEANUP(ASN1_TIME_free) ASN1_TIME *time = d2i_ASN1_TIME(NULL, at, end - *at);
    struct tm parts;

    return time && ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

static bool is_past_two_thirds(struct bytes validity)
{
    const unsigned char *at = validity.data, *end_of_it = validity.data + validity.len;
    time_t start = read_time(&at, end_of_it), end = start ? read_time(&at, end_of_it) : 0;

    return end && time(NULL) >= start + (end - start) / 3 * 2;
}

/* Of the first certificate, which is parsed no further: each login asks. */
bool renewal_is_due(const struct identity_config *identity)
{
    CLEANUP(BIO_free_all) BIO *file = BIO_new_file(identity->certificate, "re");
    struct certificate_parts parts;
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    bool is_due;

    if (!file || PEM_read_bio(file, &name, &header, &der, &len) != 1)
        return false;
    is_due =
        certificate_parts_read(BYTES(der, (size_t)len), &parts) == 0 && is_past_two_thirds(parts.validity);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    return is_due;
}

/* ------------------------------------------------------------------------------------------------------- files */

/* Held until the descriptor is closed. The directory itself, so that no file is left behind. */
static int lock_directory(const char *path, int *ret, char **why)
{
    CLEANUP(free_string) char *copy = strdup(path);
    CLEANUP(descriptor_close) int fd = -1;
    const char *directory = copy ? dirname(copy) : NULL;

    if (!directory)
        return -ENOMEM;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || access(directory, W_OK) < 0)
        return fail(-errno, why, "%s: %s", directory, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return fail(-EBUSY, why, "another process renews a certificate in %s", directory);
    *ret = TAKE_DESCRIPTOR(fd);
    return 0;
}

/* Beside @path, then renamed onto it. */
static int replace_file(const char *path, unsigned mode, BIO *content, char **why)
{
    CLEANUP(free_string) char *fresh = NULL;
    CLEANUP(descriptor_close) int fd = -1;
    char *data;
    long len = BIO_get_mem_data(content, &data);
    bool is_written;

    if (asprintf(&fresh, "%s.new", path) < 0) {
        fresh = NULL;
        return -ENOMEM;
    }
    unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    is_written = fd >= 0 && write(fd, data, (size_t)len) == len && fsync(fd) == 0;
    if (is_written && rename(fresh, path) == 0)
        return 0;
    if (fd >= 0)
        unlink(fresh);
    return fail(errno ? -errno : -EIO, why, "%s: %s", path, strerror(errno));
}

static int read_key(OSSL_LIB_CTX *libctx, const char *path, EVP_PKEY **ret, char **why)
{
    CLEANUP(BIO_free_all) BIO *file = BIO_new_file(path, "re");

    *ret = file ? PEM_read_bio_PrivateKey_ex(file, NULL, NULL, (void *)"", libctx, NULL) : NULL;
    return *ret ? 0 : fail(-EBADMSG, why, "%s: no unencrypted private key in PEM form", path);
}

/* -------------------------------------------------------------------------------------------------- the renewal */

struct renewal {
    OSSL_LIB_CTX *libctx;
    const struct identity_config *identity;
    EVP_PKEY *key;
    bool has_new_key;
};

static void renewal_clear(struct renewal *renewal)
{
    EVP_PKEY_free(renewal->key);
}
DEFINE_CLEAR(renewal_clear, struct renewal);

static int prepare(struct renewal *renewal, char **why)
{
    if (!renewal->has_new_key)
        return read_key(renewal->libctx, renewal->identity->key, &renewal->key, why);
    renewal->key = EVP_PKEY_Q_keygen(renewal->libctx, NULL, "EC", "P-256");
    return renewal->key ? 0 : fail(-EIO, why, "OpenSSL made no key");
}

/* Of the name nothing counts: the server knows who is logged in. RFC 2986. */
static int make_request(const struct renewal *renewal, struct buffer *ret)
{
    CLEANUP(X509_REQ_free) X509_REQ *request = X509_REQ_new_ex(renewal->libctx, NULL);
    unsigned char *der = NULL;
    int len;

    if (!request || !X509_REQ_set_version(request, X509_REQ_VERSION_1) ||
        !X509_REQ_set_pubkey(request, renewal->key) || !X509_REQ_sign(request, renewal->key, EVP_sha256()))
        return -EIO;
    len = i2d_X509_REQ(request, &der);
    if (len <= 0)
        return -EIO;
    buffer_append(ret, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return ret->failed ? -ENOMEM : 0;
}

static int read_chain(const struct renewal *renewal, const Privyseal__V1__RenewDeviceResponse *reply,
                      STACK_OF(X509) **ret, char **why)
{
    struct bytes ders[CERTIFICATES_MAX];

    if (reply->n_certificate == 0 || reply->n_certificate > CERTIFICATES_MAX)
        return fail(-EBADMSG, why, "the server sent no certificate");
    for (size_t i = 0; i < reply->n_certificate; i++)
        ders[i] = pack_lend(&reply->certificate[i]);
    if (certificate_parse_chain(renewal->libctx, ders, reply->n_certificate, ret) < 0 ||
        X509_check_private_key(sk_X509_value(*ret, 0), renewal->key) != 1)
        return fail(-EBADMSG, why, "the server's certificate is not for our key");
    return 0;
}

static int ask(const struct renewal *renewal, struct remote_token *token, int64_t deadline_ms,
               STACK_OF(X509) **ret, struct remote_error *error, char **why)
{
    Privyseal__V1__RenewDeviceRequest request = PRIVYSEAL__V1__RENEW_DEVICE_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    CLEANUP(buffer_clear) struct buffer der = { 0 };
    int r = make_request(renewal, &der);

    if (r < 0)
        return fail(r, why, "the certificate request: %s", strerror(-r));
    request.request = pack_borrow(buffer_bytes(&der));
    if (remote_token_call_in_login(token, METHOD_RenewDevice, &request.base, deadline_ms, &reply, error) !=
        CKR_OK)
        return fail(-EREMOTEIO, why, "%s", error->detail);
    return read_chain(renewal, (const Privyseal__V1__RenewDeviceResponse *)reply, ret, why);
}

/*
 * The new key goes beside the old one first, so that a crash in between leaves a pair that fits: whoever reads just then
 * finds key and certificate apart, and goes on with what it has (credentials.h).
 */
static int write_files(const struct renewal *renewal, const STACK_OF(X509) *chain, char **why)
{
    CLEANUP(BIO_free_all) BIO *certificate = BIO_new(BIO_s_mem());
    CLEANUP(BIO_free_all) BIO *key = BIO_new(BIO_s_secmem());
    int r = certificate && key ? 0 : -ENOMEM;

    for (int i = 0; r == 0 && i < sk_X509_num(chain); i++)
        r = PEM_write_bio_X509(certificate, sk_X509_value(chain, i)) ? 0 : -ENOMEM;
    if (r == 0 && renewal->has_new_key)
        r = PEM_write_bio_PKCS8PrivateKey(key, renewal->key, NULL, NULL, 0, NULL, NULL) ? 0 : -EIO;
    if (r == 0 && renewal->has_new_key)
        r = replace_file(renewal->identity->key, 0600, key, why);
    return r == 0 ? replace_file(renewal->identity->certificate, 0644, certificate, why) : r;
}

int renewal_make(OSSL_LIB_CTX *libctx, const struct identity_config *identity, struct remote_token *token,
                 bool has_new_key, int64_t deadline_ms, struct remote_error *error, char **why)
{
    CLEANUP(renewal_clear)
    struct renewal renewal = { .libctx = libctx, .identity = identity, .has_new_key = has_new_key };
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    CLEANUP(descriptor_close) int lock = -1;
    int r;

    *why = NULL;
    r = lock_directory(identity->certificate, &lock, why);
    if (r == 0)
        r = prepare(&renewal, why);
    if (r == 0)
        r = ask(&renewal, token, deadline_ms, &chain, error, why);
    return r == 0 ? write_files(&renewal, chain, why) : r;
}
