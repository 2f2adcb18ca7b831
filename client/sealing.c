/* SPDX-License-Identifier: Apache-2.0 */
/* sealing.c - looks whether it is the chain of before. */
#include "client/sealing.h"

#include <errno.h>
#include <string.h>

#include "client/clock.h"
#include "proto/certificate.h"

#define BELIEVED_MS 60000

void sealing_init(struct sealing *sealing)
{
    *sealing = (struct sealing){ 0 };
    pthread_mutex_init(&sealing->lock, NULL);
}

void sealing_clear(struct sealing *sealing)
{
    buffer_clear(&sealing->chain);
    pthread_mutex_destroy(&sealing->lock);
}

static bool find(struct sealing *sealing, struct bytes chain, uint8_t ret[32])
{
    bool is_known;

    pthread_mutex_lock(&sealing->lock);
    is_known = bytes_equal(buffer_bytes(&sealing->chain), chain) &&
               clock_boot_ms() - sealing->checked_ms < BELIEVED_MS;
    if (is_known)
        memcpy(ret, sealing->key, sizeof(sealing->key));
    pthread_mutex_unlock(&sealing->lock);
    return is_known;
}

/* Takes @chain's memory. */
static void remember(struct sealing *sealing, struct buffer *chain, const uint8_t key[32])
{
    struct buffer former;

    pthread_mutex_lock(&sealing->lock);
    former = sealing->chain;
    sealing->chain = *chain;
    memcpy(sealing->key, key, sizeof(sealing->key));
    sealing->checked_ms = clock_boot_ms();
    pthread_mutex_unlock(&sealing->lock);
    *chain = former;
}

static int check(OSSL_LIB_CTX *libctx, X509_STORE *trust, const struct bytes *ders, size_t count,
                 uint8_t ret[32], const char **why)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    int r;

    *why = "there is no root to check it against";
    if (!trust)
        return -EACCES;
    *why = "not a chain of certificates";
    r = certificate_parse_chain(libctx, ders, count, &chain);
    return r < 0 ? r : certificate_seal_key(libctx, chain, trust, ret, why);
}

int sealing_key(struct sealing *sealing, OSSL_LIB_CTX *libctx, X509_STORE *trust, const struct bytes *ders,
                size_t count, uint8_t ret[32], const char **why)
{
    CLEANUP(buffer_clear) struct buffer chain = { 0 };
    int r;

    for (size_t i = 0; i < count; i++) {
        buffer_append_u32(&chain, (uint32_t)ders[i].len);
        buffer_append(&chain, ders[i]);
    }
    *why = "out of memory";
    if (chain.failed)
        return -ENOMEM;
    if (chain.len && find(sealing, buffer_bytes(&chain), ret))
        return 0;
    r = check(libctx, trust, ders, count, ret, why);
    if (r == 0)
        remember(sealing, &chain, ret);
    return r;
}
