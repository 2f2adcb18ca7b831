/* SPDX-License-Identifier: Apache-2.0 */
/* officer_share.c - shares sealed, opened and told apart; and what they open together. */
#include "proto/officer_share.h"

#include <errno.h>
#include <string.h>

#include "proto/context.h"
#include "proto/digest.h"

static struct context share_context(const char *label, const struct officer_quorum *quorum, uint32_t number)
{
    struct context context = context_of(label);

    context_text(&context, quorum->realm);
    context_text(&context, quorum->token);
    context_bytes(&context, quorum->name);
    context_number(&context, number);
    context_number(&context, quorum->needed);
    return context;
}

static struct context info_context(const struct officer_quorum *quorum)
{
    struct context context = context_of("privyseal v1 officers");

    context_text(&context, quorum->realm);
    return context;
}

int officer_share_seal(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum, uint32_t number,
                       struct bytes officer_key, struct bytes share, uint8_t ret[OFFICER_SEALED_LEN])
{
    CLEANUP(context_clear) struct context aad = share_context("privyseal v1 officer share", quorum, number);
    CLEANUP(context_clear) struct context info = info_context(quorum);
    CLEANUP(hpke_shared_clear) struct hpke_shared shared = { 0 };
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    struct bytes aad_bytes, info_bytes;
    int r;

    if (context_end(&aad, &aad_bytes) < 0 || context_end(&info, &info_bytes) < 0)
        return -ENOMEM;
    r = hpke_seal(libctx, officer_key, info_bytes, aad_bytes, share, BYTES_NONE, ret, &ciphertext, &shared);
    if (r < 0)
        return r;
    if (ciphertext.len != OFFICER_SEALED_LEN - HPKE_KEY_LEN)
        return -EIO;
    memcpy(ret + HPKE_KEY_LEN, ciphertext.data, ciphertext.len);
    return 0;
}

int officer_share_open(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum, uint32_t number,
                       struct bytes private_key, struct bytes sealed, struct secret **ret)
{
    CLEANUP(context_clear) struct context aad = share_context("privyseal v1 officer share", quorum, number);
    CLEANUP(context_clear) struct context info = info_context(quorum);
    CLEANUP(hpke_shared_clear) struct hpke_shared shared = { 0 };
    struct bytes aad_bytes, info_bytes;

    if (sealed.len != OFFICER_SEALED_LEN)
        return -EBADMSG;
    if (context_end(&aad, &aad_bytes) < 0 || context_end(&info, &info_bytes) < 0)
        return -ENOMEM;
    return hpke_open(libctx, private_key, BYTES(sealed.data, HPKE_KEY_LEN), info_bytes, aad_bytes,
                     BYTES(sealed.data + HPKE_KEY_LEN, sealed.len - HPKE_KEY_LEN), ret, &shared);
}

/* A context's memory is not wiped, so a share gets into the hash by way of its own. */
int officer_share_digest(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum, uint32_t number,
                         struct bytes share, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear)
    struct context context = share_context("privyseal v1 officer share digest", quorum, number);
    struct bytes input;

    if (context_end(&context, &input) < 0)
        return -ENOMEM;
    return digest_hmac(libctx, share, input, ret);
}

int officer_quorum_secret(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum, struct bytes q,
                          struct secret **ret)
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 officers secret");
    struct bytes info;

    context_text(&context, quorum->realm);
    context_text(&context, quorum->token);
    context_bytes(&context, quorum->name);
    if (context_end(&context, &info) < 0)
        return -ENOMEM;
    return digest_hkdf(libctx, q, BYTES_NONE, info, STRETCHED_PIN_LEN, ret);
}
