/* SPDX-License-Identifier: Apache-2.0 */
/* ca.c - issuing certificates with keys in files. */
#include "cli/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "proto/certificate.h"

#define ROOT_DAYS   7305
#define ISSUER_DAYS 3652
#define BACKDATE_S  300 /* clocks differ */

/* RFC 9336: id-kp-documentSigning. */
#define DOCUMENT_EKU_OID "1.3.6.1.5.5.7.3.36"

static const struct {
    const char *file; /* FILE.pem, FILE.key */
    const char *name; /* in the subject, after the realm */
    const char *eku;
} issuers[] = {
    [CA_ROOT] = { "root", "root CA", NULL },
    [CA_TLS] = { "tls", "TLS CA", "serverAuth,clientAuth" },
    [CA_SEAL] = { "seal", "sealing CA", SEAL_EKU_OID },
    [CA_SIGNING] = { "signing", "signing CA", "emailProtection," DOCUMENT_EKU_OID },
};

static const struct {
    enum ca_issuer issuer;
    const char *key_usage;
    const char *eku;
} profiles[] = {
    [CA_PROFILE_SERVER] = { CA_TLS, "critical,digitalSignature", "serverAuth" },
    [CA_PROFILE_CLIENT] = { CA_TLS, "critical,digitalSignature", "clientAuth" },
    [CA_PROFILE_SEAL] = { CA_SEAL, "critical,keyAgreement", SEAL_EKU_OID },
    [CA_PROFILE_DOCUMENT] = { CA_SIGNING, "critical,digitalSignature,nonRepudiation",
                              "emailProtection," DOCUMENT_EKU_OID },
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

static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;
    int ok;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension)
        return -EINVAL;
    ok = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok ? 0 : -ENOMEM;
}

/* 159 random bits: positive, at most 20 octets, unpredictable. RFC 5280 4.1.2.2. */
static bool set_serial(X509 *certificate)
{
    uint8_t bytes[20];
    BIGNUM *number;
    bool ok;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[0] &= 0x7f;
    bytes[0] |= 0x40;
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return ok;
}

static X509 *new_certificate(const X509_NAME *subject, const X509_NAME *issuer, EVP_PKEY *key, unsigned days)
{
    CLEANUP(X509_free) X509 *certificate = X509_new();

    if (!certificate || !X509_set_version(certificate, X509_VERSION_3) || !set_serial(certificate) ||
        !X509_set_subject_name(certificate, subject) || !X509_set_issuer_name(certificate, issuer) ||
        !X509_set_pubkey(certificate, key) ||
        !X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATE_S) ||
        !X509_gmtime_adj(X509_getm_notAfter(certificate), (long)days * 86400))
        return NULL;
    return TAKE(certificate);
}

static int add_extensions(X509 *certificate, X509 *issuer, const char *constraints, const char *key_usage,
                          const char *eku, const char *alt_names)
{
    const struct {
        int nid;
        const char *value;
    } extensions[] = {
        { NID_basic_constraints, constraints },
        { NID_key_usage, key_usage },
        { NID_ext_key_usage, eku },
        { NID_subject_alt_name, alt_names },
        { NID_subject_key_identifier, "hash" },
        { NID_authority_key_identifier, issuer ? "keyid:always" : NULL },
    };

    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        int r = extensions[i].value ? add_extension(certificate, issuer ? issuer : certificate,
                                                    extensions[i].nid, extensions[i].value)
                                    : 0;

        if (r < 0)
            return r;
    }
    return 0;
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

int ca_parse_subject(const char *text, X509_NAME **ret, char **why)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = X509_NAME_new();
    CLEANUP(free_string) char *copy = strdup(text);
    char *rest = copy, *part;

    if (!name || !copy || text[0] != '/')
        return fail(-EINVAL, why, "a subject looks like /C=AT/O=Example/CN=Ann Example, not \"%s\"", text);
    while ((part = strsep(&rest, "/"))) {
        char *value = strchr(part, '=');

        if (!*part)
            continue;
        if (!value)
            return fail(-EINVAL, why, "\"%s\" in the subject has no =", part);
        *value++ = '\0';
        if (!X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0))
            return fail(-EINVAL, why, "\"%s\" is no attribute of a name, or \"%s\" no value for it", part,
                        value);
    }
    *ret = TAKE(name);
    return 0;
}

static int write_certificate(const char *path, X509 *certificate, char **why)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());

    if (!bio || !PEM_write_bio_X509(bio, certificate))
        return fail(-ENOMEM, why, "%s: out of memory", path);
    return write_bio(path, 0644, bio, why);
}

static int issuer_name(const char *realm, enum ca_issuer which, X509_NAME **ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = X509_NAME_new();
    char text[128];

    snprintf(text, sizeof(text), "%s %s", realm, issuers[which].name);
    if (!name ||
        !X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                    (const unsigned char *)"Privyseal", -1, -1, 0) ||
        !X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)text, -1, -1,
                                    0))
        return -ENOMEM;
    *ret = TAKE(name);
    return 0;
}

/* One issuer, signed by @parent (the root by itself). */
static int create_issuer(const char *directory, const char *realm, enum ca_issuer which, X509 *parent,
                         EVP_PKEY *parent_key, X509 **ret, EVP_PKEY **ret_key, char **why)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(X509_free) X509 *certificate = NULL;
    char path[4096];
    int r;

    snprintf(path, sizeof(path), "%s/%s.key", directory, issuers[which].file);
    r = ca_make_key_file(path, &key, why);
    if (r < 0)
        return r;
    r = issuer_name(realm, which, &name);
    if (r < 0)
        return r;
    certificate = new_certificate(name, parent ? X509_get_subject_name(parent) : name, key,
                                  parent ? ISSUER_DAYS : ROOT_DAYS);
    if (!certificate ||
        add_extensions(certificate, parent,
                       parent ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE,pathlen:1",
                       "critical,keyCertSign,cRLSign", issuers[which].eku, NULL) < 0 ||
        !X509_sign(certificate, parent_key ? parent_key : key, EVP_sha256()))
        return fail(-EIO, why, "OpenSSL could not make the %s", issuers[which].name);
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
    r = create_issuer(directory, realm, CA_ROOT, NULL, NULL, &root, &root_key, why);
    for (enum ca_issuer which = CA_TLS; r == 0 && which < CA_ISSUERS; which++) {
        CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
        CLEANUP(X509_free) X509 *issuer = NULL;

        r = create_issuer(directory, realm, which, root, root_key, &issuer, &key, why);
    }
    return r;
}

static int load_issuer(const char *directory, enum ca_issuer which, X509 **ret, EVP_PKEY **ret_key,
                       char **why)
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

static int append_pem(X509 *leaf, X509 *issuer, struct buffer *ret)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long len;

    if (!bio || !PEM_write_bio_X509(bio, leaf) || !PEM_write_bio_X509(bio, issuer))
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
    int r = load_issuer(directory, profiles[request->profile].issuer, &issuer, &key, why);

    if (r < 0)
        return r;
    leaf =
        new_certificate(request->subject, X509_get_subject_name(issuer), request->public_key, request->days);
    if (!leaf ||
        add_extensions(leaf, issuer, "critical,CA:FALSE", profiles[request->profile].key_usage,
                       profiles[request->profile].eku, request->alt_names) < 0 ||
        !X509_sign(leaf, key, EVP_sha256()))
        return fail(-EIO, why, "OpenSSL could not make the certificate");
    r = append_pem(leaf, issuer, ret_pem);
    if (r < 0)
        return r;
    if (ret_certificate)
        *ret_certificate = TAKE(leaf);
    return 0;
}
