/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c - the list of master keys: its text and its signature. */
#include "proto/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>

#include "proto/certificate.h"
#include "proto/context.h"

#define QUORUM_KEY_MAX 2048 /* bytes of DER: RSA-4096 has 550 */

static const char format[] = "privyseal master keys 1";

DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX *);

void manifest_clear(struct manifest *manifest)
{
    buffer_clear(&manifest->quorum_key);
    buffer_clear(&manifest->signature);
    free(manifest->keys);
    *manifest = (struct manifest){ 0 };
}

const struct manifest_key *manifest_find(const struct manifest *manifest, const char *kind, uint32_t epoch)
{
    for (size_t i = 0; i < manifest->count; i++)
        if (manifest->keys[i].epoch == epoch && strcmp(manifest->keys[i].kind, kind) == 0)
            return &manifest->keys[i];
    return NULL;
}

int manifest_add(struct manifest *manifest, const struct manifest_key *key)
{
    const struct manifest_key *there = manifest_find(manifest, key->kind, key->epoch);
    struct manifest_key *keys;

    if (there) {
        manifest->keys[there - manifest->keys] = *key;
        return 0;
    }
    if (manifest->count == MANIFEST_KEYS_MAX)
        return -E2BIG;
    keys = reallocarray(manifest->keys, manifest->count + 1, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    keys[manifest->count++] = *key;
    manifest->keys = keys;
    return 0;
}

bool manifest_remove(struct manifest *manifest, const char *kind, uint32_t epoch)
{
    const struct manifest_key *there = manifest_find(manifest, kind, epoch);
    size_t at = there ? (size_t)(there - manifest->keys) : 0;

    if (!there)
        return false;
    manifest->count--;
    memmove(&manifest->keys[at], &manifest->keys[at + 1], (manifest->count - at) * sizeof(*manifest->keys));
    return true;
}

/* -------------------------------------------------------------------------------------------------------- text */

static int read_key(const json_t *object, struct manifest *manifest)
{
    const char *kind = json_read_text(object, "kind");
    struct manifest_key key = { 0 };
    json_int_t epoch = 0;
    int r = strlen(kind) == 0 || strlen(kind) >= sizeof(key.kind)
                ? -EBADMSG
                : json_read_number(object, "epoch", 1, UINT32_MAX, &epoch);

    if (r == 0)
        r = json_read_hex(object, "commitment", key.commitment, HASH_LEN);
    if (r < 0)
        return r;
    snprintf(key.kind, sizeof(key.kind), "%s", kind);
    key.epoch = (uint32_t)epoch;
    return manifest_find(manifest, kind, key.epoch) ? -EBADMSG : manifest_add(manifest, &key);
}

static int read_keys(const json_t *array, struct manifest *manifest)
{
    const json_t *key;
    int r = json_array_size(array) > 0 && json_array_size(array) <= MANIFEST_KEYS_MAX ? 0 : -EBADMSG;
    size_t i;

    json_array_foreach (array, i, key)
        r = r < 0 ? r : read_key(key, manifest);
    return r;
}

int manifest_of_json(const json_t *object, struct manifest *ret)
{
    CLEANUP(manifest_clear) struct manifest manifest = { 0 };
    const char *realm = json_read_text(object, "realm");
    int r = strcmp(json_read_text(object, "format"), format) == 0 && strlen(realm) < sizeof(manifest.realm)
                ? quorum_of_json(object, &manifest.quorum)
                : -EBADMSG;

    if (r == 0)
        r = json_read_hex_buffer(object, "quorum_key", QUORUM_KEY_MAX, &manifest.quorum_key);
    if (r == 0 && json_object_get(object, "signature"))
        r = json_read_hex_buffer(object, "signature", MANIFEST_SIGNATURE, &manifest.signature);
    if (r == 0)
        r = read_keys(json_object_get(object, "keys"), &manifest);
    if (r < 0)
        return r;
    snprintf(manifest.realm, sizeof(manifest.realm), "%s", realm);
    *ret = manifest;
    manifest = (struct manifest){ 0 };
    return 0;
}

json_t *manifest_to_json(const struct manifest *manifest)
{
    CLEANUP(json_decref) json_t *object = json_pack("{s:s, s:s}", "format", format, "realm", manifest->realm);
    json_t *keys = json_array();

    if (!object || json_object_update_new(object, quorum_to_json(&manifest->quorum)) < 0)
        return NULL;
    for (size_t i = 0; i < manifest->count; i++)
        json_array_append_new(keys, json_pack("{s:s, s:I, s:o}", "kind", manifest->keys[i].kind, "epoch",
                                              (json_int_t)manifest->keys[i].epoch, "commitment",
                                              json_of_hex(BYTES_OF_ARRAY(manifest->keys[i].commitment))));
    json_object_set_new(object, "quorum_key", json_of_hex(buffer_bytes(&manifest->quorum_key)));
    json_object_set_new(object, "keys", keys);
    if (manifest->signature.len)
        json_object_set_new(object, "signature", json_of_hex(buffer_bytes(&manifest->signature)));
    return TAKE(object);
}

int manifest_load(const char *path, struct manifest *ret)
{
    CLEANUP(json_decref) json_t *object = NULL;
    FILE *file = fopen(path, "re");

    if (!file)
        return -errno;
    object = json_loadf(file, JSON_REJECT_DUPLICATES, NULL);
    fclose(file);
    return object ? manifest_of_json(object, ret) : -EBADMSG;
}

/* --------------------------------------------------------------------------------------------------- signature */

static struct context signed_context(const struct manifest *manifest)
{
    struct context context = context_of("privyseal v1 master keys");

    context_text(&context, manifest->realm);
    context_number(&context, manifest->quorum.threshold);
    context_number(&context, manifest->quorum.count);
    for (size_t i = 0; i < manifest->quorum.count; i++) {
        context_text(&context, manifest->quorum.officers[i].name);
        context_bytes(&context, BYTES_OF_ARRAY(manifest->quorum.officers[i].public_key));
    }
    context_bytes(&context, buffer_bytes(&manifest->quorum_key));
    context_number(&context, manifest->count);
    for (size_t i = 0; i < manifest->count; i++) {
        context_text(&context, manifest->keys[i].kind);
        context_number(&context, manifest->keys[i].epoch);
        context_bytes(&context, BYTES_OF_ARRAY(manifest->keys[i].commitment));
    }
    return context;
}

int manifest_sign(struct manifest *manifest, EVP_PKEY *root_key)
{
    CLEANUP(context_clear) struct context context = signed_context(manifest);
    CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t signature[MANIFEST_SIGNATURE];
    size_t len = sizeof(signature);
    struct bytes bytes;
    int r = context_end(&context, &bytes);

    if (r < 0)
        return r;
    if (!md || EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, root_key) != 1 ||
        EVP_DigestSign(md, signature, &len, bytes.data, bytes.len) != 1) {
        ERR_clear_error();
        return -EIO;
    }
    buffer_clear(&manifest->signature);
    buffer_append(&manifest->signature, BYTES(signature, len));
    return manifest->signature.failed ? -ENOMEM : 0;
}

static bool is_signed_by(const struct manifest *manifest, EVP_PKEY *root_key)
{
    CLEANUP(context_clear) struct context context = signed_context(manifest);
    CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
    struct bytes bytes;
    bool is_good =
        md && context_end(&context, &bytes) == 0 &&
        EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, root_key) == 1 &&
        EVP_DigestVerify(md, manifest->signature.data, manifest->signature.len, bytes.data, bytes.len) == 1;

    ERR_clear_error();
    return is_good;
}

int manifest_check(const struct manifest *manifest, const char *realm, const char *root_path,
                   const char **why)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *roots = NULL;
    int r = certificate_load_file(NULL, root_path, &roots);

    if (r < 0) {
        *why = "the root certificate cannot be read";
        return r;
    }
    if (strcmp(manifest->realm, realm) != 0) {
        *why = "the manifest is another deployment's";
        return -EACCES;
    }
    if (!manifest->signature.len || !is_signed_by(manifest, X509_get0_pubkey(sk_X509_value(roots, 0)))) {
        *why = "the manifest is not signed by the deployment's root";
        return -EACCES;
    }
    return 0;
}
