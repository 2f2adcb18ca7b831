/* SPDX-License-Identifier: Apache-2.0 */
/* decrypt.c - one block of RSA, there and back. */
#include "module/core/decrypt.h"

#include "module/core/begin.h"
#include "module/core/lock.h"
#include "module/core/mechanism_use.h"
#include "proto/rsa_public.h"

static const struct key_use encrypting = { USE_DECRYPT, CKO_PUBLIC_KEY, OF_DECRYPTING };
static const struct key_use decrypting = { USE_DECRYPT, CKO_PRIVATE_KEY, OF_DECRYPTING };

static CK_RV check_parameter(const struct beginning *beginning, const Privyseal__V1__OaepParameters *oaep)
{
    static const uint8_t block[CIPHERTEXT_MAX];
    unsigned bits = beginning->key->public_key->bits;

    /* Whether hash and mask agree is known now: any block will do to ask. */
    return mechanism_check_decrypt(beginning->mechanism->type, beginning->key->key_type, bits, oaep,
                                   BYTES(block, (bits + 7) / 8));
}

static CK_RV init(struct session *session, struct operation *operation, const CK_MECHANISM *mechanism,
                  CK_OBJECT_HANDLE key, const struct key_use *need)
{
    CLEANUP(beginning_clear) struct beginning beginning = { 0 };
    const Privyseal__V1__OaepParameters *oaep = NULL;
    Privyseal__V1__OaepParameters memory;
    CK_RV rv;

    if (!mechanism)
        return begin_cancel(session, operation);
    rv = begin_check(session, operation);
    if (rv == CKR_OK)
        rv = begin_find(session, mechanism->mechanism, key, need, &beginning);
    if (rv == CKR_OK)
        rv = mechanism_read_oaep(object_set_snapshot(beginning.set)->content, beginning.mechanism, mechanism,
                                 &memory, &oaep);
    if (rv == CKR_OK)
        rv = check_parameter(&beginning, oaep);
    if (rv != CKR_OK)
        return rv;
    LOCKED(&session->lock);
    rv = operation_start(operation, session->slot->link->libctx, beginning.mechanism, NULL, beginning.set,
                         beginning.key);
    if (rv == CKR_OK && oaep) {
        operation->oaep = memory;
        operation->has_oaep = true;
    }
    return rv;
}

CK_RV encrypt_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return init(session, &session->encrypt, mechanism, key, &encrypting);
}

CK_RV decrypt_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return init(session, &session->decrypt, mechanism, key, &decrypting);
}

CK_RV decrypt_update(struct session *session, struct operation *operation, struct bytes part,
                     struct output output)
{
    CK_RV rv = CKR_OK;

    LOCKED(&session->lock);
    /* A question for the length: there is none, and no part is taken. v3.1 5.2 (variable-length buffers). */
    rv = output.data ? operation_update(operation, part) : operation_allows(operation, OP_UPDATE);
    if (rv == CKR_OK)
        *output.len = 0;
    return rv;
}

static size_t block_len(const struct operation *operation)
{
    return operation->state == OP_IDLE ? 0 : (operation->key->public_key->bits + 7) / 8;
}

static const Privyseal__V1__OaepParameters *oaep_of(const struct operation *operation)
{
    return operation->has_oaep ? &operation->oaep : NULL;
}

static CK_RV take(struct session *session, struct operation *operation, enum op_event event,
                  struct output output, struct operation *ret, bool *ret_is_taken)
{
    LOCKED(&session->lock);
    return operation_take(operation, event, output, block_len(operation), ret, ret_is_taken);
}

CK_RV encrypt_finish(struct session *session, enum op_event event, struct bytes data,
                     struct output ciphertext)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    CLEANUP(buffer_clear) struct buffer input = { 0 }, result = { 0 };
    bool is_taken;
    CK_RV rv = take(session, &session->encrypt, event, ciphertext, &taken, &is_taken);

    if (!is_taken)
        return rv;
    rv = operation_input(&taken, data, &input);
    if (rv == CKR_OK)
        rv = rsa_public_encrypt(session->slot->link->libctx, taken.key->public_key, oaep_of(&taken),
                                buffer_bytes(&input), &result);
    if (input.len)
        secret_wipe(input.data, input.len);
    return rv == CKR_OK ? output_write(ciphertext, buffer_bytes(&result)) : rv;
}

static CK_RV ask_server(struct session *session, const struct operation *operation, struct bytes data,
                        struct secret **ret, struct remote_error *error)
{
    const struct remote_decrypt request = {
        .key_name = BYTES_OF_ARRAY(operation->key->public_key->name),
        .mechanism = operation->mechanism->type,
        .oaep = oaep_of(operation),
        .data = data,
    };
    struct remote_token *token;
    CK_RV rv = mechanism_check_decrypt(request.mechanism, operation->key->key_type,
                                       operation->key->public_key->bits, request.oaep, data);

    if (rv == CKR_OK)
        rv = slot_token(session->slot, &token, error);
    if (rv == CKR_OK)
        rv = remote_token_decrypt(token, &request, ret, error);
    return slot_session_rv(session->slot, rv);
}

/* Back into the session, unless another operation has begun there meanwhile. */
static void put_back(struct session *session, struct operation *operation, struct operation *taken)
{
    LOCKED(&session->lock);
    if (operation->state != OP_IDLE)
        return;
    *operation = *taken;
    operation_init(taken);
}

CK_RV decrypt_finish(struct session *session, enum op_event event, struct bytes data, struct output plaintext,
                     struct remote_error *error)
{
    CLEANUP(operation_clear) struct operation taken = { .state = OP_IDLE };
    CLEANUP(buffer_clear) struct buffer input = { 0 };
    CLEANUP(secret_free) struct secret *secret = NULL;
    CK_ULONG room = CK_UNAVAILABLE_INFORMATION; /* as if there were enough: whether, shows at the end */
    struct output hoped = plaintext.data ? OUTPUT(plaintext.data, &room) : plaintext;
    bool is_taken;
    CK_RV rv = take(session, &session->decrypt, event, hoped, &taken, &is_taken);

    if (!is_taken)
        return rv;
    buffer_append(&input, buffer_bytes(&taken.message));
    buffer_append(&input, data);
    rv = input.failed ? CKR_HOST_MEMORY : ask_server(session, &taken, buffer_bytes(&input), &secret, error);
    if (rv == CKR_OK)
        rv = output_write(plaintext, secret_bytes(secret));
    if (rv == CKR_BUFFER_TOO_SMALL)
        put_back(session, &session->decrypt, &taken);
    return rv;
}
