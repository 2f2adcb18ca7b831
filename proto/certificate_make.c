/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_make.c - from a plan to a signed certificate, through OpenSSL. */
#include "proto/certificate_make.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "include/table.h"
#include "proto/certificate.h"

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);

#define DOCUMENT_EKU "emailProtection," DOCUMENT_EKU_OID
#define LEAF         "critical,CA:FALSE"
#define ISSUES       "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign"

const struct certificate_usage certificate_usage_server = { LEAF, "critical,digitalSignature", "serverAuth" };
const struct certificate_usage certificate_usage_client = { LEAF, "critical,digitalSignature", "clientAuth" };
const struct certificate_usage certificate_usage_document = { LEAF,
                                                              "critical,digitalSignature,nonRepudiation",
                                                              DOCUMENT_EKU };
const struct certificate_usage certificate_usage_seal = { LEAF, "critical,keyAgreement", SEAL_EKU_OID };
const struct certificate_usage certificate_usage_root = { "critical,CA:TRUE,pathlen:1",
                                                          "critical,keyCertSign,cRLSign", NULL };
const struct certificate_usage certificate_usage_tls_ca = { ISSUES, "serverAuth,clientAuth" };
const struct certificate_usage certificate_usage_document_ca = { ISSUES, DOCUMENT_EKU };
const struct certificate_usage certificate_usage_seal_ca = { ISSUES, SEAL_EKU_OID };
const struct certificate_usage certificate_usage_officer = { LEAF, "critical,keyAgreement", OFFICER_EKU_OID };
const struct certificate_usage certificate_usage_officer_ca = { ISSUES, OFFICER_EKU_OID };

int certificate_serial(uint8_t ret[CERTIFICATE_SERIAL_LEN])
{
    if (RAND_bytes(ret, CERTIFICATE_SERIAL_LEN) != 1)
        return -EIO;
    ret[0] = (uint8_t)((ret[0] & 0x7f) | 0x40); /* positive, and of full length. RFC 5280 4.1.2.2 */
    return 0;
}

static bool set_serial(X509 *certificate, const uint8_t serial[CERTIFICATE_SERIAL_LEN])
{
    BIGNUM *number = BN_bin2bn(serial, CERTIFICATE_SERIAL_LEN, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

    BN_free(number);
    return ok;
}

static X509 *new_certificate(const struct certificate_plan *plan)
{
    CLEANUP(X509_free) X509 *certificate = X509_new();
    const X509_NAME *issuer = plan->issuer ? X509_get_subject_name(plan->issuer) : plan->subject;

    if (!certificate || !X509_set_version(certificate, X509_VERSION_3) ||
        !set_serial(certificate, plan->serial) || !X509_set_subject_name(certificate, plan->subject) ||
        !X509_set_issuer_name(certificate, issuer) || !X509_set_pubkey(certificate, plan->public_key) ||
        !ASN1_TIME_set(X509_getm_notBefore(certificate), plan->now_unix - CERTIFICATE_BACKDATE_S) ||
        !ASN1_TIME_set(X509_getm_notAfter(certificate), plan->until_unix))
        return NULL;
    return TAKE(certificate);
}

/* @format has one %s for @value; NULL @value: no such extension. */
static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *format, const char *value)
{
    CLEANUP(free_string) char *text = NULL;
    X509_EXTENSION *extension;
    X509V3_CTX context;
    int ok;

    if (!value)
        return 0;
    if (asprintf(&text, format, value) < 0)
        return -ENOMEM;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, text);
    if (!extension)
        return -EINVAL;
    ok = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok ? 0 : -ENOMEM;
}

/* RFC 5280 4.2.2.1: where to ask about the certificate, and where its issuer's is. */
static int add_access(const struct certificate_plan *plan, X509 *certificate)
{
    char text[512];

    if (!plan->ocsp_url)
        return 0;
    if (snprintf(text, sizeof(text), "OCSP;URI:%s,caIssuers;URI:%s", plan->ocsp_url, plan->issuer_url) >=
        (int)sizeof(text))
        return -EINVAL;
    return add_extension(certificate, plan->issuer, NID_info_access, "%s", text);
}

static int add_extensions(const struct certificate_plan *plan, X509 *certificate)
{
    const struct {
        int nid;
        const char *format, *value;
    } extensions[] = {
        { NID_basic_constraints, "%s", plan->usage->constraints },
        { NID_key_usage, "%s", plan->usage->key_usage },
        { NID_ext_key_usage, "%s", plan->usage->eku },
        { NID_subject_alt_name, "%s", plan->alt_names },
        { NID_subject_key_identifier, "%s", "hash" },
        { NID_authority_key_identifier, "%s", plan->issuer ? "keyid:always" : NULL },
        { NID_crl_distribution_points, "URI:%s", plan->crl_url },
    };

    for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
        int r = add_extension(certificate, plan->issuer ? plan->issuer : certificate, extensions[i].nid,
                              extensions[i].format, extensions[i].value);

        if (r < 0)
            return r;
    }
    return add_access(plan, certificate);
}

int certificate_make(const struct certificate_plan *plan, X509 **ret)
{
    CLEANUP(X509_free) X509 *certificate = new_certificate(plan);
    int r = certificate ? add_extensions(plan, certificate) : -ENOMEM;

    if (r == 0 && !X509_sign(certificate, plan->issuer_key, EVP_sha256()))
        r = -EIO;
    ERR_clear_error();
    if (r == 0)
        *ret = TAKE(certificate);
    return r;
}

/* -------------------------------------------------------------------------------------------------- names */

static int refuse_subject(char **why, const char *format, const char *part, const char *value)
    __attribute__((format(printf, 2, 0)));
static int refuse_subject(char **why, const char *format, const char *part, const char *value)
{
    ERR_clear_error();
    if (asprintf(why, format, part, value) < 0)
        *why = NULL;
    return -EINVAL;
}

int certificate_parse_subject(const char *text, X509_NAME **ret, char **why)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = X509_NAME_new();
    CLEANUP(free_string) char *copy = strdup(text);
    char *rest = copy, *part;

    *why = NULL;
    if (!name || !copy)
        return -ENOMEM;
    if (text[0] != '/')
        return refuse_subject(why, "a subject looks like /C=AT/O=Example/CN=Ann Example, not \"%s\"%s", text,
                              "");
    while ((part = strsep(&rest, "/"))) {
        char *value = strchr(part, '=');

        if (!*part)
            continue;
        if (!value)
            return refuse_subject(why, "\"%s\" in the subject has no =%s", part, "");
        *value++ = '\0';
        if (!X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0))
            return refuse_subject(why, "\"%s\" is no attribute of a name, or \"%s\" no value for it", part,
                                  value);
    }
    *ret = TAKE(name);
    return 0;
}

int certificate_name_text(const X509_NAME *name, char *ret, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int r = -ENOMEM;
    char *text;
    long len;

    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        len = BIO_get_mem_data(bio, &text);
        r = len < 0 || (size_t)len >= size || memchr(text, '\0', (size_t)len) ? -EINVAL : 0;
        if (r == 0)
            snprintf(ret, size, "%.*s", (int)len, text);
    }
    BIO_free(bio);
    return r;
}

/* Of the characters that names have; no comma, as it parts them. x509v3_config(5) knows more, and files. */
static bool is_name(const char *text, size_t len)
{
    static const char *const kinds[] = { "DNS:", "IP:", "email:", "URI:" };
    bool is_known = false;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        is_known |= len > strlen(kinds[i]) && strncmp(text, kinds[i], strlen(kinds[i])) == 0;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr(".:*_@+/-", text[i]))
            return false;
    return is_known && strncmp(text, "email:copy", len) != 0 && strncmp(text, "email:move", len) != 0;
}

bool certificate_alt_names_valid(const char *text)
{
    while (true) {
        size_t len = strcspn(text, ",");

        if (!is_name(text, len))
            return false;
        if (!text[len])
            return true;
        text += len + 1;
    }
}
