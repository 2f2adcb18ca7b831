/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - the few primitives everything else is made of, fetched from the caller's library context. */
#include "proto/digest.h"

#include <errno.h>
#include <pthread.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

DEFINE_CLEANUP(EVP_KDF_free, EVP_KDF *);
DEFINE_CLEANUP(EVP_KDF_CTX_free, EVP_KDF_CTX *);
DEFINE_CLEANUP(EVP_CIPHER_free, EVP_CIPHER *);
DEFINE_CLEANUP(EVP_MD_free, EVP_MD *);
DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX *);
DEFINE_CLEANUP(EVP_CIPHER_CTX_free, EVP_CIPHER_CTX *);

/*
 * What our own programs fetch once: OpenSSL 3.0 looks an algorithm up by its name, under locks, each time it is asked.
 * The module's library context comes and goes with C_Initialize, so there it is asked.
 */
static struct {
    pthread_once_t once;
    EVP_MD *sha256;
    EVP_CIPHER *aes_gcm;
} fetched = { .once = PTHREAD_ONCE_INIT };

static void fetch_ours(void)
{
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

/* With a reference. NULL: OpenSSL has none. */
static EVP_MD *sha256_get(OSSL_LIB_CTX *libctx)
{
    if (libctx)
        return EVP_MD_fetch(libctx, "SHA256", NULL);
    pthread_once(&fetched.once, fetch_ours);
    return fetched.sha256 && EVP_MD_up_ref(fetched.sha256) ? fetched.sha256 : NULL;
}

static EVP_CIPHER *aes_gcm_get(OSSL_LIB_CTX *libctx)
{
    if (libctx)
        return EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL);
    pthread_once(&fetched.once, fetch_ours);
    return fetched.aes_gcm && EVP_CIPHER_up_ref(fetched.aes_gcm) ? fetched.aes_gcm : NULL;
}

int digest_sha256_parts(OSSL_LIB_CTX *libctx, const struct bytes *parts, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(EVP_MD_free) EVP_MD *sha256 = sha256_get(libctx);
    CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned len = 0;

    if (!sha256 || !ctx || EVP_DigestInit_ex2(ctx, sha256, NULL) != 1)
        return -EIO;
    for (size_t i = 0; i < count; i++)
        if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1)
            return -EIO;
    return EVP_DigestFinal_ex(ctx, ret, &len) == 1 && len == HASH_LEN ? 0 : -EIO;
}

int digest_sha256(OSSL_LIB_CTX *libctx, struct bytes input, uint8_t ret[HASH_LEN])
{
    return digest_sha256_parts(libctx, &input, 1, ret);
}

int digest_hmac(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes input, uint8_t ret[HASH_LEN])
{
    size_t len = 0;

    /* OpenSSL takes a NULL key for "the one from before", of which there is none. */
    if (!EVP_Q_mac(libctx, "HMAC", NULL, "SHA256", NULL, key.len ? key.data : (const uint8_t *)"", key.len,
                   input.data, input.len, ret, HASH_LEN, &len))
        return -EIO;
    return len == HASH_LEN ? 0 : -EIO;
}

static OSSL_PARAM octets(const char *name, struct bytes bytes)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)bytes.data, bytes.len);
}

/* RFC 5869 2: @mode takes one step or both; extract has no @info, expand no @salt. */
static int run_hkdf(OSSL_LIB_CTX *libctx, int mode, struct bytes key, struct bytes salt, struct bytes info,
                    size_t len, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *out = NULL;
    CLEANUP(EVP_KDF_free) EVP_KDF *kdf = NULL;
    CLEANUP(EVP_KDF_CTX_free) EVP_KDF_CTX *kdf_ctx = NULL;
    OSSL_PARAM params[6];
    size_t count = 0;
    int r = secret_new(len, &out);

    if (r < 0)
        return r;
    params[count++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
    params[count++] = octets(OSSL_KDF_PARAM_KEY, key);
    if (salt.len)
        params[count++] = octets(OSSL_KDF_PARAM_SALT, salt);
    if (info.len)
        params[count++] = octets(OSSL_KDF_PARAM_INFO, info);
    params[count] = OSSL_PARAM_construct_end();

    kdf = EVP_KDF_fetch(libctx, "HKDF", NULL);
    kdf_ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    if (!kdf_ctx || EVP_KDF_derive(kdf_ctx, out->data, out->len, params) != 1)
        return -EIO;
    *ret = TAKE(out);
    return 0;
}

int digest_hkdf(OSSL_LIB_CTX *libctx, struct bytes ikm, struct bytes salt, struct bytes info, size_t len,
                struct secret **ret)
{
    return run_hkdf(libctx, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, ikm, salt, info, len, ret);
}

int digest_hkdf_extract(OSSL_LIB_CTX *libctx, struct bytes salt, struct bytes ikm, struct secret **ret)
{
    return run_hkdf(libctx, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, ikm, salt, BYTES_NONE, HASH_LEN, ret);
}

int digest_hkdf_expand(OSSL_LIB_CTX *libctx, struct bytes prk, struct bytes info, size_t len,
                       struct secret **ret)
{
    return run_hkdf(libctx, EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, BYTES_NONE, info, len, ret);
}

/* A cipher context with key, nonce and associated data in it; @encrypt as EVP_CipherInit_ex2 has it. */
static int begin_aead(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes nonce, struct bytes aad,
                      int encrypt, EVP_CIPHER_CTX **ret)
{
    CLEANUP(EVP_CIPHER_free) EVP_CIPHER *cipher = NULL;
    CLEANUP(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
    int ignored;

    if (key.len != AEAD_KEY_LEN || nonce.len != AEAD_NONCE_LEN || aad.len > SECRET_MAX)
        return -EINVAL;
    cipher = aes_gcm_get(libctx);
    ctx = EVP_CIPHER_CTX_new();
    if (!cipher || !ctx || EVP_CipherInit_ex2(ctx, cipher, key.data, nonce.data, encrypt, NULL) != 1)
        return -EIO;
    if (aad.len && EVP_CipherUpdate(ctx, NULL, &ignored, aad.data, (int)aad.len) != 1)
        return -EIO;
    *ret = TAKE(ctx);
    return 0;
}

int aead_seal(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes nonce, struct bytes aad,
              struct bytes plaintext, struct buffer *ret)
{
    CLEANUP(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
    CLEANUP(free_bytes) uint8_t *out = NULL;
    int len = 0, last = 0;
    int r;

    if (plaintext.len > SECRET_MAX)
        return -EINVAL;
    r = begin_aead(libctx, key, nonce, aad, 1, &ctx);
    if (r < 0)
        return r;
    out = malloc(plaintext.len + AEAD_TAG_LEN);
    if (!out)
        return -ENOMEM;
    if (plaintext.len && EVP_CipherUpdate(ctx, out, &len, plaintext.data, (int)plaintext.len) != 1)
        return -EIO;
    if (EVP_CipherFinal_ex(ctx, out + len, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, out + plaintext.len) != 1)
        return -EIO;
    buffer_append(ret, BYTES(out, plaintext.len + AEAD_TAG_LEN));
    return ret->failed ? -ENOMEM : 0;
}

int aead_open(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes nonce, struct bytes aad,
              struct bytes ciphertext, struct secret **ret)
{
    CLEANUP(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
    CLEANUP(secret_free) struct secret *out = NULL;
    struct bytes body;
    int len = 0, last = 0;
    int r;

    if (ciphertext.len < AEAD_TAG_LEN)
        return -EBADMSG;
    body = BYTES(ciphertext.data, ciphertext.len - AEAD_TAG_LEN);
    r = begin_aead(libctx, key, nonce, aad, 0, &ctx);
    if (r < 0)
        return r;
    r = body.len ? secret_new(body.len, &out)
                 : secret_copy(BYTES_NONE, &out); /* nothing is a plaintext too */
    if (r < 0)
        return r;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, (void *)(body.data + body.len)) != 1)
        return -EIO;
    if (body.len && EVP_CipherUpdate(ctx, out->data, &len, body.data, (int)body.len) != 1)
        return -EIO;
    if (EVP_CipherFinal_ex(ctx, out->data + len, &last) != 1)
        return -EBADMSG; /* the secret's clean-up wipes what was decrypted before the tag was checked */
    *ret = TAKE(out);
    return 0;
}
