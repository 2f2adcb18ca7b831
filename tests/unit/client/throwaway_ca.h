/* SPDX-License-Identifier: Apache-2.0 */
/* throwaway_ca.h - certificates that live as long as a test: a root, and whatever it or another of them issues. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "include/bytes.h"

struct throwaway {
    X509 *certificate;
    EVP_PKEY *key;
};

enum throwaway_kind {
    THROWAWAY_ROOT,
    THROWAWAY_SEAL_ISSUER,
    THROWAWAY_SEAL,
    THROWAWAY_SERVER,
    THROWAWAY_CLIENT
};

/* @issuer NULL: signs itself. @key: taken (NULL: a new one on P-256). Any failure ends the test. */
struct throwaway throwaway_make(enum throwaway_kind kind, const struct throwaway *issuer, EVP_PKEY *key);
void throwaway_clear(struct throwaway *throwaway);
/* PEM files below @directory: NAME.pem, NAME.key. */
void throwaway_write(const struct throwaway *throwaway, const char *directory, const char *name);
void throwaway_der(const struct throwaway *throwaway, struct buffer *ret);
