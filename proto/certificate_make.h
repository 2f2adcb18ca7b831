/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate_make.h - making X.509 certificates: one way for the authority in files and the one in the HSM.
 *
 * Source: RFC 5280 4.1 (basic fields), 4.2 (extensions).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <openssl/x509.h>

#include "include/bytes.h"
#include "include/cleanup.h"

/* RFC 9336: id-kp-documentSigning. */
#define DOCUMENT_EKU_OID "1.3.6.1.5.5.7.3.36"

#define CERTIFICATE_SERIAL_LEN 16  /* bytes: 126 of the 128 bits are random, so that all have one length */
#define CERTIFICATE_BACKDATE_S 300 /* clocks differ */

/* What a certificate of one kind may do; the words are OpenSSL's (x509v3_config(5)). */
struct certificate_usage {
    const char *constraints; /* "critical,CA:FALSE" */
    const char *key_usage;
    const char *eku; /* NULL: none */
};

/* The usages there are, of whoever issues them. */
extern const struct certificate_usage certificate_usage_server, certificate_usage_client,
    certificate_usage_document, certificate_usage_seal, certificate_usage_officer;
/* Authorities below the root, each held to what it issues: nothing else is believed of it. */
extern const struct certificate_usage certificate_usage_root, certificate_usage_tls_ca,
    certificate_usage_document_ca, certificate_usage_seal_ca, certificate_usage_officer_ca;

struct certificate_plan {
    const struct certificate_usage *usage;
    uint8_t serial[CERTIFICATE_SERIAL_LEN]; /* certificate_serial() */
    EVP_PKEY *public_key;
    const X509_NAME *subject;
    X509 *issuer;         /* NULL: signs itself */
    EVP_PKEY *issuer_key; /* may ask an HSM */
    int64_t now_unix;
    int64_t until_unix;
    const char *alt_names;  /* "DNS:localhost,IP:127.0.0.1", or NULL */
    const char *crl_url;    /* RFC 5280 4.2.1.13, or NULL */
    const char *ocsp_url;   /* RFC 5280 4.2.2.1, or NULL */
    const char *issuer_url; /* so; where the issuer's own certificate is */
};

/* Errors: -EIO. */
MUST_CHECK int certificate_serial(uint8_t ret[CERTIFICATE_SERIAL_LEN]);
/* Errors: -EINVAL (an extension's text), -EIO (no signature), -ENOMEM. */
MUST_CHECK int certificate_make(const struct certificate_plan *plan, X509 **ret);
/* "/C=AT/O=Example/CN=Ann" -> a name. Errors: -EINVAL with a sentence in @why (caller frees), -ENOMEM. */
MUST_CHECK int certificate_parse_subject(const char *text, X509_NAME **ret, char **why);
/* A name as text, "CN=Ann,O=Example" (RFC 2253). Errors: -EINVAL (it does not fit), -ENOMEM. */
MUST_CHECK int certificate_name_text(const X509_NAME *name, char *ret, size_t size);
/* Whether @text is a list of DNS:, IP:, email: and URI: names and nothing else that OpenSSL would take for one. */
bool certificate_alt_names_valid(const char *text);
