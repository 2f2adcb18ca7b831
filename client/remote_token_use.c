/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_token_use.c - the calls of a login: use keys, make them, rename and delete them, put certificates.
 *
 * Each goes out under a lease and a number of its own. A signer that does not know the lease has done nothing: we
 * unlock again and send the same request, request id included, so that every signature an application receives has
 * exactly one record.
 */
#include <stdio.h>
#include <string.h>

#include "client/clock.h"
#include "client/remote_token_state.h"
#include "include/splitmix.h"
#include "proto/pack.h"

#define LEASES_MAX 3 /* a call's first and two more: signers are recycled, but not that fast */

/* What binds a session's failure to its request: lease, then sequence (big-endian). proto/failure.h. */
static void append_binding(const struct lease *lease, uint64_t sequence, struct buffer *ret)
{
    buffer_append(ret, BYTES_OF_ARRAY(lease->keys.lease));
    buffer_append_u64(ret, sequence);
}

CK_RV remote_token_call(struct remote_token *token, struct lease *lease, const struct method *method,
                        struct bytes request, int64_t deadline_ms, struct secret **ret,
                        struct remote_error *error)
{
    struct remote *remote = token->remote;
    uint64_t sequence = lease_next_sequence(lease);
    CLEANUP(buffer_clear) struct buffer message = { 0 }, binding = { 0 };
    CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };
    int r = session_request(remote->libctx, &lease->keys, method, sequence, request, &message);

    append_binding(lease, sequence, &binding);
    if (r < 0 || binding.failed)
        return remote_error_errno(error, r < 0 ? r : -ENOMEM, method->name);
    atomic_fetch_add(&lease->calls, 1);
    remote_carry(remote, method, buffer_bytes(&message), deadline_ms, &reply);
    atomic_fetch_sub(&lease->calls, 1);
    memcpy(error->request_id, reply.request_id, sizeof(error->request_id));
    if (reply.status != GRPC_OK)
        return remote_refused(remote, method, secret_bytes(lease->keys.failure_key), buffer_bytes(&binding),
                              &reply, error);
    r = session_open_reply(remote->libctx, &lease->keys, method, sequence, buffer_bytes(&reply.body), ret);
    return r < 0 ? remote_error_errno(error, r, "the answer is not the signer's") : CKR_OK;
}

CK_RV remote_token_call_in_login(struct remote_token *token, enum method_id id,
                                 const ProtobufCMessage *request, int64_t deadline_ms, ProtobufCMessage **ret,
                                 struct remote_error *error)
{
    const struct method *method = method_by_id(id);
    CLEANUP(login_unref) struct login *login = NULL;
    CLEANUP(lease_unref) struct lease *stale = NULL;
    CLEANUP(secret_free) struct secret *message = NULL, *reply = NULL;
    CK_RV rv = remote_token_login_get(token, &login, error);
    int r = remote_pack_secret(request, &message);

    if (rv == CKR_OK && r < 0)
        rv = remote_error_errno(error, r, method->name);
    for (unsigned round = 0; rv == CKR_OK && round < LEASES_MAX; round++) {
        struct lease *lease = NULL;

        rv = remote_token_lease_get(token, login, method->permission == PERM_USE_KEY, stale, deadline_ms,
                                    &lease, error);
        lease_unref(stale);
        stale = lease;
        if (rv != CKR_OK)
            break;
        rv = remote_token_call(token, lease, method, secret_bytes(message), deadline_ms, &reply, error);
        if (rv == CKR_OK)
            return remote_unpack(method, secret_bytes(reply), ret, error);
        if (error->failure.reason == REASON_POLICY_SPENT && error->failure.is_authentic)
            remote_token_end_login(token,
                                   login); /* what is left of it opens nothing: the PIN is asked for anew */
        if (error->failure.reason != REASON_UNLOCK_REQUIRED)
            break;
        remote_token_keep_challenge(token, &error->failure);
        rv = round + 1 < LEASES_MAX ? CKR_OK : CKR_DEVICE_ERROR;
    }
    /* To an application in the middle of its work the token is in trouble, not gone. */
    return error->rv = rv == CKR_DEVICE_REMOVED ? CKR_DEVICE_ERROR : rv;
}

/* The application's call, as the audit record names it: 16 hexadecimal digits, a name and no secret. */
static void make_request_id(struct remote *remote, char ret[REQUEST_ID_LEN + 1])
{
    uint64_t number = splitmix(atomic_fetch_add(&remote->request_number, SPLITMIX_STEP));

    hex_encode(BYTES(&number, sizeof(number)), ret);
}

static CK_RV take_signature(const ProtobufCBinaryData *signature, struct buffer *ret,
                            struct remote_error *error)
{
    if (signature->len == 0)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the signer sent an empty signature");
    buffer_append(ret, pack_lend(signature));
    return ret->failed ? remote_error_set(error, CKR_HOST_MEMORY, "out of memory") : CKR_OK;
}

/* Borrows from @request and @request_id. */
static Privyseal__V1__SignRequest sign_request(const struct remote_sign *request, char *request_id)
{
    Privyseal__V1__SignRequest message = PRIVYSEAL__V1__SIGN_REQUEST__INIT;

    message.key = pack_borrow(request->key_name);
    message.mechanism = request->raw;
    message.pss = (Privyseal__V1__PssParameters *)request->pss;
    message.data = pack_borrow(request->data);
    message.request_id = request_id;
    message.hash_mechanism = request->hash;
    return message;
}

CK_RV remote_token_sign(struct remote_token *token, const struct remote_sign *request, struct buffer *ret,
                        struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->sign_timeout_ms;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    Privyseal__V1__SignRequest message;
    char request_id[REQUEST_ID_LEN + 1];
    CK_RV rv;

    make_request_id(token->remote, request_id);
    message = sign_request(request, request_id);
    rv = remote_token_call_in_login(token, METHOD_Sign, &message.base, deadline_ms, &reply, error);
    return rv == CKR_OK ? take_signature(&((const Privyseal__V1__SignResponse *)reply)->signature, ret, error)
                        : rv;
}

CK_RV remote_token_sign_once(struct remote_token *token, const struct login *consent,
                             const struct remote_sign *request, struct buffer *ret,
                             struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->sign_timeout_ms;
    Privyseal__V1__SignOnceRequest message = PRIVYSEAL__V1__SIGN_ONCE_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    Privyseal__V1__SignRequest sign;
    char request_id[REQUEST_ID_LEN + 1];
    uint8_t ticket[TICKET_LEN];
    CK_RV rv;

    make_request_id(token->remote, request_id);
    sign = sign_request(request, request_id);
    message.sign = &sign;
    message.token = token->name;
    message.pin_version = consent->pin_version;
    message.stretched_pin = pack_borrow(secret_bytes(consent->stretched));
    message.ticket = remote_token_ticket(token, ticket);
    rv = remote_token_sealed(token, METHOD_SignOnce, &message.base, &message.certificate_hash, deadline_ms,
                             &reply, error);
    return rv == CKR_OK
               ? take_signature(&((const Privyseal__V1__SignOnceResponse *)reply)->signature, ret, error)
               : rv;
}

CK_RV remote_take_secret(ProtobufCBinaryData *field, struct secret **ret, struct remote_error *error)
{
    int r = secret_copy(pack_lend(field), ret);

    if (field->len)
        secret_wipe(field->data, field->len);
    return r < 0 ? remote_error_errno(error, r, "keeping a secret") : CKR_OK;
}

CK_RV remote_token_decrypt(struct remote_token *token, const struct remote_decrypt *request,
                           struct secret **ret, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->sign_timeout_ms;
    Privyseal__V1__DecryptRequest message = PRIVYSEAL__V1__DECRYPT_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    char request_id[REQUEST_ID_LEN + 1];
    CK_RV rv;

    make_request_id(token->remote, request_id);
    message.key = pack_borrow(request->key_name);
    message.mechanism = request->mechanism;
    message.oaep = (Privyseal__V1__OaepParameters *)request->oaep;
    message.data = pack_borrow(request->data);
    message.request_id = request_id;
    rv = remote_token_call_in_login(token, METHOD_Decrypt, &message.base, deadline_ms, &reply, error);
    return rv == CKR_OK
               ? remote_take_secret(&((Privyseal__V1__DecryptResponse *)reply)->plaintext, ret, error)
               : rv;
}

CK_RV remote_token_derive(struct remote_token *token, struct bytes key_name, struct bytes peer,
                          struct secret **ret, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + token->remote->deployment->sign_timeout_ms;
    Privyseal__V1__DeriveRequest message = PRIVYSEAL__V1__DERIVE_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    char request_id[REQUEST_ID_LEN + 1];
    CK_RV rv;

    make_request_id(token->remote, request_id);
    message.key = pack_borrow(key_name);
    message.mechanism = CKM_ECDH1_DERIVE;
    message.peer = pack_borrow(peer);
    message.request_id = request_id;
    rv = remote_token_call_in_login(token, METHOD_Derive, &message.base, deadline_ms, &reply, error);
    return rv == CKR_OK ? remote_take_secret(&((Privyseal__V1__DeriveResponse *)reply)->secret, ret, error)
                        : rv;
}

/* What we changed ourselves shows at once. The change stands whether or not the listing can be had just now. */
static void renew_snapshot(struct remote_token *token, int64_t deadline_ms)
{
    CLEANUP(login_unref) struct login *login = NULL;
    struct remote_error ignored;

    if (remote_token_fetch(token, deadline_ms, &ignored) == CKR_OK &&
        remote_token_login_get(token, &login, &ignored) == CKR_OK)
        (void)!remote_token_confirm(token, login, deadline_ms, &ignored);
}

CK_RV remote_token_manage(struct remote_token *token, enum method_id id, const ProtobufCMessage *request,
                          ProtobufCMessage **ret, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(id)->deadline_ms;

    return remote_token_call_in_login(token, id, request, deadline_ms, ret, error);
}

CK_RV remote_token_generate(struct remote_token *token, const struct remote_new_key *new_key,
                            uint8_t ret_name[32], struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(METHOD_GenerateKey)->deadline_ms;
    Privyseal__V1__GenerateKeyRequest message = PRIVYSEAL__V1__GENERATE_KEY_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    const Privyseal__V1__KeyInfo *key;
    char request_id[REQUEST_ID_LEN + 1];
    CK_RV rv;

    make_request_id(token->remote, request_id);
    message.key_type = new_key->type;
    message.bits = new_key->bits;
    message.usage = new_key->usage;
    message.always_authenticate = new_key->always_authenticate;
    message.label = new_key->label ? (char *)new_key->label : message.label;
    message.id = pack_borrow(new_key->id);
    message.request_id = request_id;
    rv = remote_token_call_in_login(token, METHOD_GenerateKey, &message.base, deadline_ms, &reply, error);
    if (rv != CKR_OK)
        return rv;
    key = ((const Privyseal__V1__GenerateKeyResponse *)reply)->key;
    if (!key || key->name.len != KEY_NAME_LEN)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the signer sent no name of the new key");
    memcpy(ret_name, key->name.data, KEY_NAME_LEN);
    renew_snapshot(token, deadline_ms);
    return CKR_OK;
}

CK_RV remote_token_put_chain(struct remote_token *token, const struct bytes *ders, size_t count,
                             const char *label, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(METHOD_PutCertificate)->deadline_ms;
    Privyseal__V1__PutCertificateRequest message = PRIVYSEAL__V1__PUT_CERTIFICATE_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    ProtobufCBinaryData chain[CERTIFICATES_MAX];
    CK_RV rv;

    if (count < 1 || count > CERTIFICATES_MAX)
        return CKR_ARGUMENTS_BAD;
    for (size_t i = 1; i < count; i++)
        chain[i - 1] = pack_borrow(ders[i]);
    message.der = pack_borrow(ders[0]);
    message.n_chain = count - 1;
    message.chain = chain;
    message.label = label ? (char *)label : message.label;
    rv = remote_token_call_in_login(token, METHOD_PutCertificate, &message.base, deadline_ms, &reply, error);
    if (rv == CKR_OK)
        renew_snapshot(token, deadline_ms);
    return rv;
}

CK_RV remote_token_put_certificate(struct remote_token *token, struct bytes der, const char *label,
                                   struct remote_error *error)
{
    return remote_token_put_chain(token, &der, 1, label, error);
}

CK_RV remote_token_renew_certificate(struct remote_token *token, struct bytes key, struct bytes of_key,
                                     uint64_t *ret_not_after_unix, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(METHOD_RenewCertificate)->deadline_ms;
    Privyseal__V1__RenewCertificateRequest message = PRIVYSEAL__V1__RENEW_CERTIFICATE_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    CK_RV rv;

    message.key = pack_borrow(key);
    message.of_key = pack_borrow(of_key);
    rv =
        remote_token_call_in_login(token, METHOD_RenewCertificate, &message.base, deadline_ms, &reply, error);
    if (rv != CKR_OK)
        return rv;
    *ret_not_after_unix = ((const Privyseal__V1__RenewCertificateResponse *)reply)->not_after_unix;
    renew_snapshot(token, deadline_ms);
    return CKR_OK;
}

CK_RV remote_token_update(struct remote_token *token, struct bytes key_name, Privyseal__V1__ObjectKind kind,
                          const char *label, struct bytes id, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(METHOD_UpdateObject)->deadline_ms;
    Privyseal__V1__UpdateObjectRequest message = PRIVYSEAL__V1__UPDATE_OBJECT_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    CK_RV rv;

    message.key = pack_borrow(key_name);
    message.kind = kind;
    message.label = (char *)label;
    message.id = pack_borrow(id);
    rv = remote_token_call_in_login(token, METHOD_UpdateObject, &message.base, deadline_ms, &reply, error);
    if (rv == CKR_OK)
        renew_snapshot(token, deadline_ms);
    return rv;
}

CK_RV remote_token_delete(struct remote_token *token, struct bytes key_name, Privyseal__V1__ObjectKind kind,
                          struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(METHOD_DeleteObject)->deadline_ms;
    Privyseal__V1__DeleteObjectRequest message = PRIVYSEAL__V1__DELETE_OBJECT_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    CK_RV rv;

    message.key = pack_borrow(key_name);
    message.kind = kind;
    rv = remote_token_call_in_login(token, METHOD_DeleteObject, &message.base, deadline_ms, &reply, error);
    if (rv == CKR_OK)
        renew_snapshot(token, deadline_ms);
    return rv;
}

CK_RV remote_token_own_records(struct remote_token *token, uint32_t signer, uint64_t from,
                               ProtobufCMessage **ret, struct remote_error *error)
{
    int64_t deadline_ms = clock_now_ms() + method_by_id(METHOD_ReadOwnRecords)->deadline_ms;
    Privyseal__V1__ReadOwnRecordsRequest message = PRIVYSEAL__V1__READ_OWN_RECORDS_REQUEST__INIT;

    message.signer = signer;
    message.from = from;
    return remote_token_call_in_login(token, METHOD_ReadOwnRecords, &message.base, deadline_ms, ret, error);
}
