/* SPDX-License-Identifier: Apache-2.0 */
/* aead.c - one message at a time, in a context that is new or rested. */
#include "proto/aead.h"

#include <errno.h>
#include <pthread.h>
#include <openssl/evp.h>

DEFINE_CLEANUP(EVP_CIPHER_free, EVP_CIPHER *);
DEFINE_CLEANUP(EVP_CIPHER_CTX_free, EVP_CIPHER_CTX *);

/* ------------------------------------------------------------------------------------------------------- contexts */

/* What our own programs fetch once. The module's library context comes and goes with C_Initialize, and so do desks. */
static struct {
    pthread_once_t once;
    EVP_CIPHER *aes_gcm;
} fetched = { .once = PTHREAD_ONCE_INIT };

static void fetch_ours(void)
{
    fetched.aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

/* With a reference. NULL: OpenSSL has none. */
static EVP_CIPHER *aes_gcm_get(OSSL_LIB_CTX *libctx)
{
    if (libctx)
        return EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL);
    pthread_once(&fetched.once, fetch_ours);
    return fetched.aes_gcm && EVP_CIPHER_up_ref(fetched.aes_gcm) ? fetched.aes_gcm : NULL;
}

/* Without a key. NULL: OpenSSL has none. */
static EVP_CIPHER_CTX *context_new(OSSL_LIB_CTX *libctx)
{
    CLEANUP(EVP_CIPHER_free) EVP_CIPHER *cipher = aes_gcm_get(libctx);
    CLEANUP(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    if (!cipher || !context || EVP_CipherInit_ex2(context, cipher, NULL, NULL, 1, NULL) != 1)
        return NULL;
    return TAKE(context);
}

void aead_desk_init(struct aead_desk *desk, OSSL_LIB_CTX *libctx)
{
    desk->libctx = libctx;
    atomic_init(&desk->resting, NULL);
}

void aead_desk_clear(struct aead_desk *desk)
{
    EVP_CIPHER_CTX_free(atomic_exchange(&desk->resting, NULL));
}

static EVP_CIPHER_CTX *desk_take(struct aead_desk *desk)
{
    EVP_CIPHER_CTX *rested = atomic_exchange(&desk->resting, NULL);

    return rested ? rested : context_new(desk->libctx);
}

/* A key of zeros overwrites all that was made of the last one; two contexts, where threads met, become one. */
static void desk_give(struct aead_desk *desk, EVP_CIPHER_CTX *context)
{
    static const uint8_t zeros[AEAD_KEY_LEN];

    if (context && EVP_CipherInit_ex2(context, NULL, zeros, NULL, 1, NULL) == 1)
        context = atomic_exchange(&desk->resting, context);
    EVP_CIPHER_CTX_free(context);
}

/* ------------------------------------------------------------------------------------------------------- messages */

/* Key, nonce and associated data into @context; @encrypt as EVP_CipherInit_ex2 has it. */
static int begin(EVP_CIPHER_CTX *context, struct bytes key, struct bytes nonce, struct bytes aad, int encrypt)
{
    int ignored;

    if (key.len != AEAD_KEY_LEN || nonce.len != AEAD_NONCE_LEN || aad.len > SECRET_MAX)
        return -EINVAL;
    if (!context || EVP_CipherInit_ex2(context, NULL, key.data, nonce.data, encrypt, NULL) != 1)
        return -EIO;
    return aad.len && EVP_CipherUpdate(context, NULL, &ignored, aad.data, (int)aad.len) != 1 ? -EIO : 0;
}

static int seal(EVP_CIPHER_CTX *context, struct bytes key, struct bytes nonce, struct bytes aad,
                struct bytes plaintext, struct buffer *ret)
{
    size_t before = ret->len;
    int len = 0, last = 0, r;
    uint8_t *out;

    if (plaintext.len > SECRET_MAX)
        return -EINVAL;
    r = begin(context, key, nonce, aad, 1);
    if (r < 0)
        return r;
    out = buffer_extend(ret, plaintext.len + AEAD_TAG_LEN);
    if (!out)
        return -ENOMEM;
    if ((plaintext.len && EVP_CipherUpdate(context, out, &len, plaintext.data, (int)plaintext.len) != 1) ||
        EVP_CipherFinal_ex(context, out + len, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, out + plaintext.len) != 1) {
        ret->len = before;
        return -EIO;
    }
    return 0;
}

static int open(EVP_CIPHER_CTX *context, struct bytes key, struct bytes nonce, struct bytes aad,
                struct bytes ciphertext, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *out = NULL;
    struct bytes body;
    int len = 0, last = 0, r;

    if (ciphertext.len < AEAD_TAG_LEN)
        return -EBADMSG;
    body = BYTES(ciphertext.data, ciphertext.len - AEAD_TAG_LEN);
    r = begin(context, key, nonce, aad, 0);
    if (r < 0)
        return r;
    r = body.len ? secret_new(body.len, &out)
                 : secret_copy(BYTES_NONE, &out); /* nothing is a plaintext too */
    if (r < 0)
        return r;
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, (void *)(body.data + body.len)) !=
        1)
        return -EIO;
    if (body.len && EVP_CipherUpdate(context, out->data, &len, body.data, (int)body.len) != 1)
        return -EIO;
    if (EVP_CipherFinal_ex(context, out->data + len, &last) != 1)
        return -EBADMSG; /* the secret's clean-up wipes what was decrypted before the tag was checked */
    *ret = TAKE(out);
    return 0;
}

int aead_seal(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes nonce, struct bytes aad,
              struct bytes plaintext, struct buffer *ret)
{
    CLEANUP(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *context = context_new(libctx);

    return seal(context, key, nonce, aad, plaintext, ret);
}

int aead_desk_seal(struct aead_desk *desk, struct bytes key, struct bytes nonce, struct bytes aad,
                   struct bytes plaintext, struct buffer *ret)
{
    EVP_CIPHER_CTX *context = desk_take(desk);
    int r = seal(context, key, nonce, aad, plaintext, ret);

    desk_give(desk, context);
    return r;
}

int aead_open(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes nonce, struct bytes aad,
              struct bytes ciphertext, struct secret **ret)
{
    CLEANUP(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *context = context_new(libctx);

    return open(context, key, nonce, aad, ciphertext, ret);
}

int aead_desk_open(struct aead_desk *desk, struct bytes key, struct bytes nonce, struct bytes aad,
                   struct bytes ciphertext, struct secret **ret)
{
    EVP_CIPHER_CTX *context = desk_take(desk);
    int r = open(context, key, nonce, aad, ciphertext, ret);

    desk_give(desk, context);
    return r;
}
