/* SPDX-License-Identifier: Apache-2.0 */
/* session_keys.c - the keys of a lease, and its messages both ways. */
#include "proto/session_keys.h"

#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "proto/aead.h"
#include "proto/context.h"
#include "proto/digest.h"
#include "proto/pack.h"

#define REQUEST_LABEL "privyseal v1 session request"
#define REPLY_LABEL   "privyseal v1 session reply"

void session_keys_clear(struct session_keys *keys)
{
    secret_free(keys->request_key);
    secret_free(keys->reply_key);
    secret_free(keys->failure_key);
    *keys = (struct session_keys){ 0 };
}

static int hkdf_context(OSSL_LIB_CTX *libctx, struct bytes ikm, const struct context *info_context,
                        struct secret **ret)
{
    struct bytes info;
    int r = context_end(info_context, &info);

    return r < 0 ? r : digest_hkdf(libctx, ikm, BYTES_NONE, info, AEAD_KEY_LEN, ret);
}

static int derive_one(OSSL_LIB_CTX *libctx, const struct secret *master, const char *label,
                      struct secret **ret)
{
    CLEANUP(context_clear) struct context info = context_of(label);

    return hkdf_context(libctx, secret_bytes(master), &info, ret);
}

int session_keys_derive(OSSL_LIB_CTX *libctx, const char *realm, const char *token,
                        struct bytes client_secret, struct bytes challenge, struct bytes lease,
                        struct bytes certificate_hash, struct session_keys *ret)
{
    CLEANUP(context_clear) struct context info = context_of("privyseal v1 session");
    CLEANUP(session_keys_clear) struct session_keys keys = { 0 };
    CLEANUP(secret_free) struct secret *master = NULL;
    int r;

    if (client_secret.len != CLIENT_SECRET_LEN || challenge.len != CHALLENGE_LEN || lease.len != LEASE_LEN ||
        certificate_hash.len != HASH_LEN)
        return -EINVAL;
    context_text(&info, realm);
    context_text(&info, token);
    context_bytes(&info, challenge);
    context_bytes(&info, lease);
    context_bytes(&info, certificate_hash);
    memcpy(keys.lease, lease.data, sizeof(keys.lease));
    r = hkdf_context(libctx, client_secret, &info, &master);
    if (r == 0)
        r = derive_one(libctx, master, "privyseal v1 session request key", &keys.request_key);
    if (r == 0)
        r = derive_one(libctx, master, "privyseal v1 session reply key", &keys.reply_key);
    if (r == 0)
        r = derive_one(libctx, master, "privyseal v1 session failure key", &keys.failure_key);
    if (r < 0)
        return r;
    *ret = keys;
    keys = (struct session_keys){ 0 };
    return 0;
}

/* -------------------------------------------------------------------------- one message, either direction */

struct frame {
    uint8_t nonce[AEAD_NONCE_LEN];
    struct context aad;
};

static void frame_clear(struct frame *frame)
{
    context_clear(&frame->aad);
}
DEFINE_CLEAR(frame_clear, struct frame);

static struct frame frame_of(const char *label, const struct session_keys *keys, const struct method *method,
                             uint64_t sequence)
{
    struct frame frame = { .aad = context_of(label) };

    for (int i = 0; i < 8; i++)
        frame.nonce[4 + i] = (uint8_t)(sequence >> (56 - 8 * i));
    context_text(&frame.aad, method->path);
    context_bytes(&frame.aad, BYTES_OF_ARRAY(keys->lease));
    context_number(&frame.aad, sequence);
    return frame;
}

static int frame_seal(OSSL_LIB_CTX *libctx, struct aead_desk *desk, const struct secret *key,
                      const struct frame *frame, struct bytes plaintext, struct buffer *ret)
{
    struct bytes aad, nonce = BYTES_OF_ARRAY(frame->nonce);
    int r = context_end(&frame->aad, &aad);

    if (r < 0)
        return r;
    return desk ? aead_desk_seal(desk, secret_bytes(key), nonce, aad, plaintext, ret)
                : aead_seal(libctx, secret_bytes(key), nonce, aad, plaintext, ret);
}

static int frame_open(OSSL_LIB_CTX *libctx, struct aead_desk *desk, const struct secret *key,
                      const struct frame *frame, const ProtobufCBinaryData *ciphertext, struct secret **ret)
{
    struct bytes aad, nonce = BYTES_OF_ARRAY(frame->nonce);
    int r = context_end(&frame->aad, &aad);

    if (r < 0)
        return r;
    return desk ? aead_desk_open(desk, secret_bytes(key), nonce, aad, pack_lend(ciphertext), ret)
                : aead_open(libctx, secret_bytes(key), nonce, aad, pack_lend(ciphertext), ret);
}

int session_request(OSSL_LIB_CTX *libctx, const struct session_keys *keys, const struct method *method,
                    uint64_t sequence, struct bytes plaintext, struct buffer *ret_message)
{
    CLEANUP(frame_clear) struct frame frame = frame_of(REQUEST_LABEL, keys, method, sequence);
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    Privyseal__V1__Session session = PRIVYSEAL__V1__SESSION__INIT;
    int r = frame_seal(libctx, keys->desk, keys->request_key, &frame, plaintext, &ciphertext);

    if (r < 0)
        return r;
    session.lease = pack_borrow(BYTES_OF_ARRAY(keys->lease));
    session.sequence = sequence;
    session.ciphertext = pack_borrow(buffer_bytes(&ciphertext));
    return pack_append(&session.base, ret_message);
}

int session_open_request(OSSL_LIB_CTX *libctx, const struct session_keys *keys, const struct method *method,
                         const Privyseal__V1__Session *session, struct secret **ret)
{
    CLEANUP(frame_clear) struct frame frame = frame_of(REQUEST_LABEL, keys, method, session->sequence);

    if (!bytes_equal(pack_lend(&session->lease), BYTES_OF_ARRAY(keys->lease)))
        return -EBADMSG;
    return frame_open(libctx, keys->desk, keys->request_key, &frame, &session->ciphertext, ret);
}

int session_reply(OSSL_LIB_CTX *libctx, const struct session_keys *keys, const struct method *method,
                  uint64_t sequence, struct bytes plaintext, struct buffer *ret_message)
{
    CLEANUP(frame_clear) struct frame frame = frame_of(REPLY_LABEL, keys, method, sequence);
    CLEANUP(buffer_clear) struct buffer ciphertext = { 0 };
    Privyseal__V1__SessionReply reply = PRIVYSEAL__V1__SESSION_REPLY__INIT;
    int r = frame_seal(libctx, keys->desk, keys->reply_key, &frame, plaintext, &ciphertext);

    if (r < 0)
        return r;
    reply.ciphertext = pack_borrow(buffer_bytes(&ciphertext));
    return pack_append(&reply.base, ret_message);
}

static void session_reply_free(Privyseal__V1__SessionReply *reply)
{
    privyseal__v1__session_reply__free_unpacked(reply, NULL);
}
DEFINE_CLEANUP(session_reply_free, Privyseal__V1__SessionReply *);

int session_open_reply(OSSL_LIB_CTX *libctx, const struct session_keys *keys, const struct method *method,
                       uint64_t sequence, struct bytes message, struct secret **ret)
{
    CLEANUP(frame_clear) struct frame frame = frame_of(REPLY_LABEL, keys, method, sequence);
    CLEANUP(session_reply_free) Privyseal__V1__SessionReply *reply = NULL;

    if (message.len > method->reply_max)
        return -EBADMSG;
    reply = privyseal__v1__session_reply__unpack(NULL, message.len, message.data);
    return reply ? frame_open(libctx, keys->desk, keys->reply_key, &frame, &reply->ciphertext, ret)
                 : -EBADMSG;
}
