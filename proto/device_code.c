/* SPDX-License-Identifier: Apache-2.0 */
/* device_code.c - two keys out of one code. */
#include "proto/device_code.h"

#include <errno.h>
#include <sys/random.h>

#include "proto/aead.h"
#include "proto/context.h"
#include "proto/digest.h"

static struct context code_context(const char *label, const char *realm, const char *user)
{
    struct context context = context_of(label);

    context_text(&context, realm);
    context_text(&context, user);
    return context;
}

/* @ret_info: lent by @context. */
static int derive(OSSL_LIB_CTX *libctx, const struct context *context, struct bytes code,
                  struct bytes *ret_info, struct secret **ret)
{
    int r = context_end(context, ret_info);

    if (r == 0 && code.len != DEVICE_CODE_LEN)
        r = -EINVAL;
    return r < 0 ? r : digest_hkdf(libctx, code, BYTES_NONE, *ret_info, HASH_LEN, ret);
}

int device_code_proof(OSSL_LIB_CTX *libctx, const char *realm, const char *user, struct bytes code,
                      struct secret **ret)
{
    CLEANUP(context_clear)
    struct context context = code_context("privyseal v1 device code proof", realm, user);
    struct bytes info;

    return derive(libctx, &context, code, &info, ret);
}

int recovery_code_secret(OSSL_LIB_CTX *libctx, const char *realm, const char *user, struct bytes code,
                         struct secret **ret)
{
    CLEANUP(context_clear) struct context context = code_context("privyseal v1 recovery code", realm, user);
    struct bytes info;

    _Static_assert(RECOVERY_CODE_LEN == DEVICE_CODE_LEN && STRETCHED_PIN_LEN == HASH_LEN,
                   "as for the others");
    return derive(libctx, &context, code, &info, ret);
}

int device_code_seal(OSSL_LIB_CTX *libctx, const char *realm, const char *user, struct bytes code,
                     struct bytes device_secret, struct buffer *ret)
{
    CLEANUP(context_clear)
    struct context context = code_context("privyseal v1 device code secret", realm, user);
    CLEANUP(secret_free) struct secret *key = NULL;
    uint8_t nonce[AEAD_NONCE_LEN];
    struct bytes info;
    int r = derive(libctx, &context, code, &info, &key);

    if (r == 0 && device_secret.len != DEVICE_SECRET_LEN)
        r = -EINVAL;
    if (r == 0 && getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
        r = -EIO;
    if (r < 0)
        return r;
    buffer_append(ret, BYTES_OF_ARRAY(nonce));
    return aead_seal(libctx, secret_bytes(key), BYTES_OF_ARRAY(nonce), info, device_secret, ret);
}

int device_code_open(OSSL_LIB_CTX *libctx, const char *realm, const char *user, struct bytes code,
                     struct bytes sealed, struct secret **ret)
{
    CLEANUP(context_clear)
    struct context context = code_context("privyseal v1 device code secret", realm, user);
    CLEANUP(secret_free) struct secret *key = NULL;
    struct reader reader = reader_of(sealed);
    struct bytes nonce = reader_run(&reader, AEAD_NONCE_LEN);
    struct bytes info;
    int r = derive(libctx, &context, code, &info, &key);

    if (r == 0 && sealed.len != DEVICE_SECRET_SEALED_LEN)
        r = -EINVAL;
    return r < 0 ? r : aead_open(libctx, secret_bytes(key), nonce, info, reader.rest, ret);
}
