/* SPDX-License-Identifier: Apache-2.0 */
/* ca.c - issuing certificates with keys in files. */
#include "cli/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#include "proto/certificate.h"
#include "proto/certificate_make.h"

#define ROOT_DAYS   7305
#define ISSUER_DAYS 3652
#define DAY_S       86400

enum issuer { ROOT, TLS, SEAL, OFFICER, ISSUERS };

static const struct issuer_row {
    const char *file; /* FILE.pem, FILE.key */
    const char *name; /* in the subject, after the realm */
    const struct certificate_usage *usage;
} issuers[ISSUERS] = {
    [ROOT] = { "root", "root CA", &certificate_usage_root },
    [TLS] = { "tls", "TLS CA", &certificate_usage_tls_ca },
    [SEAL] = { "seal", "sealing CA", &certificate_usage_seal_ca },
    [OFFICER] = { "officer", "officers CA", &certificate_usage_officer_ca },
};

static const struct issuer_row hsm_issuers[] = {
    [CA_HSM_DEVICE] = { NULL, "device CA", &certificate_usage_tls_ca },
    [CA_HSM_DOCUMENT] = { NULL, "document CA", &certificate_usage_document_ca },
};

static const struct {
    enum issuer issuer;
    const struct certificate_usage *usage;
} profiles[CA_PROFILES] = {
    [CA_PROFILE_SERVER] = { TLS, &certificate_usage_server },
    [CA_PROFILE_CLIENT] = { TLS, &certificate_usage_client },
    [CA_PROFILE_SEAL] = { SEAL, &certificate_usage_seal },
    [CA_PROFILE_OFFICER] = { OFFICER, &certificate_usage_officer },
};

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);
DEFINE_CLEANUP(BIO_free_all, BIO *);

static int fail(int error, char **why, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail(int error, char **why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(why, format, arguments) < 0)
        *why = NULL;
    va_end(arguments);
    ERR_clear_error();
    return error;
}

/* The rest of a plan, then the certificate. */
static int make(struct certificate_plan *plan, unsigned days, X509 **ret)
{
    int r = certificate_serial(plan->serial);

    plan->now_unix = time(NULL);
    plan->until_unix = plan->now_unix + (int64_t)days * DAY_S;
    return r == 0 ? certificate_make(plan, ret) : r;
}

int ca_write_file(const char *path, unsigned mode, struct bytes content, char **why)
{
    CLEANUP(free_string) char *fresh = NULL;
    ssize_t written;
    int fd;

    if (asprintf(&fresh, "%s.new", path) < 0)
        return -ENOMEM;
    unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return fail(-errno, why, "%s: %s", fresh, strerror(errno));
    written = write(fd, content.data, content.len);
    if (written != (ssize_t)content.len || fchmod(fd, mode) < 0 || fsync(fd) < 0) {
        int error = written < 0 ? errno : ENOSPC;

        close(fd);
        unlink(fresh);
        return fail(-error, why, "%s: %s", fresh, strerror(error));
    }
    close(fd);
    if (rename(fresh, path) < 0)
        return fail(-errno, why, "%s: %s", path, strerror(errno));
    return 0;
}

/* PEM of a key or certificate, to a file. */
static int write_bio(const char *path, unsigned mode, BIO *bio, char **why)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    return ca_write_file(path, mode, BYTES(data, len < 0 ? 0 : (size_t)len), why);
}

int ca_make_key_file(const char *path, EVP_PKEY **ret, char **why)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_secmem());
    int r;

    if (access(path, F_OK) == 0)
        return fail(-EEXIST, why, "%s: there is a key already; remove it if it is not needed", path);
    key = EVP_EC_gen("P-256");
    if (!key || !bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return fail(-EIO, why, "%s: OpenSSL could not make a key", path);
    r = write_bio(path, 0600, bio, why);
    if (r < 0)
        return r;
    *ret = TAKE(key);
    return 0;
}

static int write_certificate(const char *path, X509 *certificate, char **why)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());

    if (!bio || !PEM_write_bio_X509(bio, certificate))
        return fail(-ENOMEM, why, "%s: out of memory", path);
    return write_bio(path, 0644, bio, why);
}

static int issuer_name(const char *realm, const struct issuer_row *row, X509_NAME **ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = X509_NAME_new();
    char text[128];

    snprintf(text, sizeof(text), "%s %s", realm, row->name);
    if (!name ||
        !X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                    (const unsigned char *)"Privyseal", -1, -1, 0) ||
        !X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)text, -1, -1,
                                    0))
        return -ENOMEM;
    *ret = TAKE(name);
    return 0;
}

/* An authority's certificate, signed by @parent (the root's by itself). */
static int certify_issuer(const struct issuer_row *row, const char *realm, EVP_PKEY *public_key, X509 *parent,
                          EVP_PKEY *parent_key, X509 **ret, char **why)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = NULL;
    struct certificate_plan plan = {
        .usage = row->usage, .public_key = public_key, .issuer = parent, .issuer_key = parent_key
    };
    int r = issuer_name(realm, row, &name);

    plan.subject = name;
    if (r == 0)
        r = make(&plan, parent ? ISSUER_DAYS : ROOT_DAYS, ret);
    return r == 0 ? 0 : fail(r, why, "OpenSSL could not make the %s", row->name);
}

static int create_issuer(const char *directory, const char *realm, enum issuer which, X509 *parent,
                         EVP_PKEY *parent_key, X509 **ret, EVP_PKEY **ret_key, char **why)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(X509_free) X509 *certificate = NULL;
    char path[4096];
    int r;

    snprintf(path, sizeof(path), "%s/%s.key", directory, issuers[which].file);
    r = ca_make_key_file(path, &key, why);
    if (r == 0)
        r = certify_issuer(&issuers[which], realm, key, parent, parent_key ? parent_key : key, &certificate,
                           why);
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "%s/%s.pem", directory, issuers[which].file);
    r = write_certificate(path, certificate, why);
    if (r < 0)
        return r;
    *ret = TAKE(certificate);
    *ret_key = TAKE(key);
    return 0;
}

int ca_create(const char *directory, const char *realm, char **why)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *root_key = NULL;
    CLEANUP(X509_free) X509 *root = NULL;
    int r;

    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return fail(-errno, why, "%s: %s", directory, strerror(errno));
    r = create_issuer(directory, realm, ROOT, NULL, NULL, &root, &root_key, why);
    for (enum issuer which = TLS; r == 0 && which < ISSUERS; which++) {
        CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
        CLEANUP(X509_free) X509 *issuer = NULL;

        r = create_issuer(directory, realm, which, root, root_key, &issuer, &key, why);
    }
    return r;
}

static int load_issuer(const char *directory, enum issuer which, X509 **ret, EVP_PKEY **ret_key, char **why)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    char path[4096];
    FILE *file;
    int r;

    snprintf(path, sizeof(path), "%s/%s.pem", directory, issuers[which].file);
    r = certificate_load_file(NULL, path, &chain);
    if (r < 0)
        return fail(r, why, "%s: %s", path, strerror(-r));
    snprintf(path, sizeof(path), "%s/%s.key", directory, issuers[which].file);
    file = fopen(path, "re");
    if (!file)
        return fail(-errno, why, "%s: %s", path, strerror(errno));
    *ret_key = PEM_read_PrivateKey(file, NULL, NULL, (void *)"");
    fclose(file);
    if (!*ret_key)
        return fail(-EBADMSG, why, "%s: not a private key in PEM form", path);
    *ret = sk_X509_shift(chain);
    return 0;
}

/* @issuer may be NULL. */
static int append_pem(X509 *leaf, X509 *issuer, struct buffer *ret)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long len;

    if (!bio || !PEM_write_bio_X509(bio, leaf) || (issuer && !PEM_write_bio_X509(bio, issuer)))
        return -ENOMEM;
    len = BIO_get_mem_data(bio, &data);
    buffer_append(ret, BYTES(data, len < 0 ? 0 : (size_t)len));
    return ret->failed ? -ENOMEM : 0;
}

int ca_issue(const char *directory, const struct ca_request *request, struct buffer *ret_pem,
             X509 **ret_certificate, char **why)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(X509_free) X509 *issuer = NULL;
    CLEANUP(X509_free) X509 *leaf = NULL;
    struct certificate_plan plan = { .usage = profiles[request->profile].usage,
                                     .public_key = request->public_key,
                                     .subject = request->subject,
                                     .alt_names = request->alt_names };
    int r = load_issuer(directory, profiles[request->profile].issuer, &issuer, &key, why);

    if (r < 0)
        return r;
    plan.issuer = issuer;
    plan.issuer_key = key;
    r = make(&plan, request->days, &leaf);
    if (r < 0)
        return fail(r, why, "OpenSSL could not make the certificate");
    r = append_pem(leaf, issuer, ret_pem);
    if (r < 0)
        return r;
    if (ret_certificate)
        *ret_certificate = TAKE(leaf);
    return 0;
}

int ca_certify(const char *directory, const char *realm, enum ca_hsm_issuer which, EVP_PKEY *public_key,
               struct buffer *ret_pem, char **why)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *root_key = NULL;
    CLEANUP(X509_free) X509 *root = NULL;
    CLEANUP(X509_free) X509 *certificate = NULL;
    int r = load_issuer(directory, ROOT, &root, &root_key, why);

    if (r == 0)
        r = certify_issuer(&hsm_issuers[which], realm, public_key, root, root_key, &certificate, why);
    return r == 0 ? append_pem(certificate, NULL, ret_pem) : r;
}
