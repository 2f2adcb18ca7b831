/* SPDX-License-Identifier: Apache-2.0 */
/*
 * officer.h - an officer's key: X25519, made on the officer's own machine, to which shares of secrets are sealed.
 *
 * Files: the private key as PKCS#8 (RFC 8410 7) in PEM form; the public one as SubjectPublicKeyInfo, or a certificate
 * with it, in PEM form. The officer's name is the public file's, up to its first dot.
 */
#pragma once

#include "include/secret.h"
#include "proto/hpke.h"
#include "proto/limits.h"

struct officer {
    char name[NAME_MAX_LEN + 1];
    uint8_t public_key[HPKE_KEY_LEN];
};

/* Errors: -errno of the file, -EBADMSG (no X25519 key), -EINVAL (its name is none). */
MUST_CHECK int officer_load(const char *path, struct officer *ret);
/* Reads @paths, separated by commas, each officer once. Errors: as above; -EEXIST (a name or key is there twice), -E2BIG. */
MUST_CHECK int officers_load(const char *paths, struct officer *ret, size_t max, size_t *ret_count);
/* The private key of @path, and its public half. Errors: -errno, -EBADMSG. */
MUST_CHECK int officer_load_private(const char *path, struct secret **ret, uint8_t ret_public[HPKE_KEY_LEN]);
/*
 * Makes @private_path (mode 0600) and @public_path (NULL: it is not needed), both new. Errors: -EEXIST, -errno, -EIO
 * (OpenSSL).
 */
MUST_CHECK int officer_make_key(const char *private_path, const char *public_path,
                                uint8_t ret_public[HPKE_KEY_LEN]);
