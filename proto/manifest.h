/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - which master keys a deployment that had a key ceremony believes in, signed by its root.
 *
 * Keys that were unwrapped cannot say of themselves that they never left the HSM. So each is named here with a
 * commitment: a value that the HSM computes with the key and nobody without it, and that no other key gives.
 * JSON: {format, realm, threshold, officers, quorum_key, keys: [{kind, epoch, commitment}], signature}; the signature,
 * by the key of the deployment's root certificate with SHA-256, is over context("privyseal v1 master keys", realm,
 * threshold, number of officers, each officer's name and key, quorum key, number of keys, each kind, epoch, commitment).
 */
#pragma once

#include <openssl/x509.h>

#include "proto/quorum.h"

#define MANIFEST_KEYS_MAX  512
#define MANIFEST_KIND_MAX  24
#define MANIFEST_SIGNATURE 1024 /* bytes at most: RSA-8192 */

struct manifest_key {
    char kind[MANIFEST_KIND_MAX]; /* "Kd" */
    uint32_t epoch;
    uint8_t commitment[HASH_LEN];
};

struct manifest {
    char realm[NAME_MAX_LEN + 1];
    struct quorum quorum;
    struct buffer quorum_key; /* DER SubjectPublicKeyInfo, RSA: new epochs are wrapped under it too */
    struct manifest_key *keys;
    size_t count;
    struct buffer signature;
};

void manifest_clear(struct manifest *manifest);
DEFINE_CLEAR(manifest_clear, struct manifest);

/* Errors: -EBADMSG (not of this form), -ENOMEM. */
MUST_CHECK int manifest_of_json(const json_t *object, struct manifest *ret);
json_t *manifest_to_json(const struct manifest *manifest); /* NULL: out of memory */
/* Errors: as above, -errno of the file. */
MUST_CHECK int manifest_load(const char *path, struct manifest *ret);
/* Adds or replaces a key. Errors: -ENOMEM, -E2BIG. */
MUST_CHECK int manifest_add(struct manifest *manifest, const struct manifest_key *key);
/* False: it named no such key. */
bool manifest_remove(struct manifest *manifest, const char *kind, uint32_t epoch);
/* NULL: it names no such key. */
const struct manifest_key *manifest_find(const struct manifest *manifest, const char *kind, uint32_t epoch);

/* Errors: -EIO (OpenSSL). */
MUST_CHECK int manifest_sign(struct manifest *manifest, EVP_PKEY *root_key);
/* The first certificate of @root_path must have signed it. Errors: -EACCES, -errno of the file, each with @why (static). */
MUST_CHECK int manifest_check(const struct manifest *manifest, const char *realm, const char *root_path,
                              const char **why);
