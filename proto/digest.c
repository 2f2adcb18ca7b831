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
DEFINE_CLEANUP(EVP_MD_free, EVP_MD *);
DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX *);

/*
 * What our own programs fetch once: OpenSSL 3.0 looks an algorithm up by its name, under locks, each time it is asked.
 * The module's library context comes and goes with C_Initialize, so there it is asked.
 */
static struct {
    pthread_once_t once;
    EVP_MD *sha256;
} fetched = { .once = PTHREAD_ONCE_INIT };

static void fetch_ours(void)
{
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* With a reference. NULL: OpenSSL has none. */
static EVP_MD *sha256_get(OSSL_LIB_CTX *libctx)
{
    if (libctx)
        return EVP_MD_fetch(libctx, "SHA256", NULL);
    pthread_once(&fetched.once, fetch_ours);
    return fetched.sha256 && EVP_MD_up_ref(fetched.sha256) ? fetched.sha256 : NULL;
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
