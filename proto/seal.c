/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - Sealed and SealedReply: what the front carries and cannot read. */
#include "proto/seal.h"

#include <errno.h>
#include <string.h>

#include "proto/aead.h"
#include "proto/context.h"
#include "proto/digest.h"
#include "proto/limits.h"
#include "proto/pack.h"

void seal_call_clear(struct seal_call *call)
{
    secret_free(call->reply_key);
    secret_free(call->failure_key);
    *call = (struct seal_call){ 0 };
}

/* The same for a request and its reply: both belong to one method and one challenge. */
static struct context call_aad(const struct method *method, struct bytes challenge)
{
    struct context aad = context_of("privyseal v1 sealed request");

    context_text(&aad, method->path);
    context_bytes(&aad, challenge);
    return aad;
}

static struct context realm_info(const char *realm)
{
    struct context info = context_of("privyseal v1 sealed");

    context_text(&info, realm);
    return info;
}

/* The keys of the way back; both ends export the same. */
static int export_keys(OSSL_LIB_CTX *libctx, const struct hpke_shared *shared, struct bytes challenge,
                       struct seal_call *ret)
{
    CLEANUP(seal_call_clear) struct seal_call call = { 0 };
    int r;

    r = hpke_export(libctx, shared, bytes_of_text("privyseal v1 sealed reply"), AEAD_KEY_LEN,
                    &call.reply_key);
    if (r < 0)
        return r;
    r = hpke_export(libctx, shared, bytes_of_text("privyseal v1 sealed failure"), HASH_LEN,
                    &call.failure_key);
    if (r < 0)
        return r;
    memcpy(call.challenge, challenge.data, sizeof(call.challenge));
    *ret = call;
    call = (struct seal_call){ 0 };
    return 0;
}

static int pack_sealed(OSSL_LIB_CTX *libctx, struct bytes recipient, struct bytes challenge, struct bytes enc,
                       struct bytes ciphertext, struct buffer *ret)
{
    Privyseal__V1__Sealed sealed = PRIVYSEAL__V1__SEALED__INIT;
    uint8_t key_id[HASH_LEN];
    int r = digest_sha256(libctx, recipient, key_id);

    if (r < 0)
        return r;
    sealed.seal_key_id = pack_borrow(BYTES_OF_ARRAY(key_id));
    sealed.challenge = pack_borrow(challenge);
    sealed.enc = pack_borrow(enc);
    sealed.ciphertext = pack_borrow(ciphertext);
    return pack_append(&sealed.base, ret);
}

int seal_request(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method, struct bytes recipient,
                 struct bytes challenge, struct bytes plaintext, struct seal_call *ret_call,
                 struct buffer *ret_message)
{
    CLEANUP(context_clear) struct context info_context = realm_info(realm);
    CLEANUP(context_clear) struct context aad_context = call_aad(method, challenge);
    CLEANUP(hpke_shared_clear) struct hpke_shared shared = { 0 };
    CLEANUP(seal_call_clear) struct seal_call call = { 0 };
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    uint8_t enc[HPKE_KEY_LEN];
    struct bytes info, aad;
    int r;

    if (challenge.len != CHALLENGE_LEN)
        return -EINVAL;
    r = context_end(&info_context, &info);
    if (r == 0)
        r = context_end(&aad_context, &aad);
    if (r == 0)
        r = hpke_seal(libctx, recipient, info, aad, plaintext, BYTES_NONE, enc, &ciphertext, &shared);
    if (r == 0)
        r = export_keys(libctx, &shared, challenge, &call);
    if (r == 0)
        r = pack_sealed(libctx, recipient, challenge, BYTES_OF_ARRAY(enc), buffer_bytes(&ciphertext),
                        ret_message);
    if (r < 0)
        return r;
    *ret_call = call;
    call = (struct seal_call){ 0 };
    return 0;
}

int seal_open_request(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                      struct bytes private_key, const Privyseal__V1__Sealed *sealed,
                      struct seal_call *ret_call, struct secret **ret)
{
    struct bytes challenge = pack_lend(&sealed->challenge);
    CLEANUP(context_clear) struct context info_context = realm_info(realm);
    CLEANUP(context_clear) struct context aad_context = call_aad(method, challenge);
    CLEANUP(hpke_shared_clear) struct hpke_shared shared = { 0 };
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    struct bytes info, aad;
    int r;

    if (challenge.len != CHALLENGE_LEN)
        return -EBADMSG;
    r = context_end(&info_context, &info);
    if (r == 0)
        r = context_end(&aad_context, &aad);
    if (r == 0)
        r = hpke_open(libctx, private_key, pack_lend(&sealed->enc), info, aad, pack_lend(&sealed->ciphertext),
                      &plaintext, &shared);
    if (r == 0)
        r = export_keys(libctx, &shared, challenge, ret_call);
    if (r == 0)
        *ret = TAKE(plaintext);
    return r;
}

/* ------------------------------------------------------------------------------------------- the way back */

int seal_reply(OSSL_LIB_CTX *libctx, const struct method *method, const struct seal_call *call,
               struct bytes plaintext, struct buffer *ret_message)
{
    CLEANUP(context_clear) struct context aad_context = call_aad(method, BYTES_OF_ARRAY(call->challenge));
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    CLEANUP(secret_free) struct secret *nonce = NULL;
    Privyseal__V1__SealedReply reply = PRIVYSEAL__V1__SEALED_REPLY__INIT;
    struct bytes aad;
    int r;

    r = context_end(&aad_context, &aad);
    if (r == 0)
        r = secret_random(AEAD_NONCE_LEN, &nonce); /* not secret, but this is where random bytes come from */
    if (r == 0)
        r = aead_seal(libctx, secret_bytes(call->reply_key), secret_bytes(nonce), aad, plaintext,
                      &ciphertext);
    if (r < 0)
        return r;
    reply.nonce = pack_borrow(secret_bytes(nonce));
    reply.ciphertext = pack_borrow(buffer_bytes(&ciphertext));
    return pack_append(&reply.base, ret_message);
}

static void sealed_reply_free(Privyseal__V1__SealedReply *reply)
{
    privyseal__v1__sealed_reply__free_unpacked(reply, NULL);
}
DEFINE_CLEANUP(sealed_reply_free, Privyseal__V1__SealedReply *);

int seal_open_reply(OSSL_LIB_CTX *libctx, const struct method *method, const struct seal_call *call,
                    struct bytes message, struct secret **ret)
{
    CLEANUP(context_clear) struct context aad_context = call_aad(method, BYTES_OF_ARRAY(call->challenge));
    CLEANUP(sealed_reply_free) Privyseal__V1__SealedReply *reply = NULL;
    struct bytes aad;
    int r;

    if (message.len > method->reply_max)
        return -EBADMSG;
    r = context_end(&aad_context, &aad);
    if (r < 0)
        return r;
    reply = privyseal__v1__sealed_reply__unpack(NULL, message.len, message.data);
    if (!reply || reply->nonce.len != AEAD_NONCE_LEN)
        return -EBADMSG;
    return aead_open(libctx, secret_bytes(call->reply_key), pack_lend(&reply->nonce), aad,
                     pack_lend(&reply->ciphertext), ret);
}
