/* SPDX-License-Identifier: Apache-2.0 */
/* master_commit.c - what a master key is known by, computed by the HSM that holds it. */
#include <errno.h>

#include "include/table.h"
#include "proto/context.h"
#include "proto/aead.h"
#include "proto/digest.h"
#include "proto/public_key.h"
#include "proxy/hsm/master_keys.h"
#include "proxy/hsm/template.h"

#define PAIR_SIGNATURE_LEN 64 /* P-256: r || s */

/* Nothing else is ever put to a master key under this label. */
static CK_RV fixed_input(enum master_kind kind, uint32_t epoch, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 master key commitment");
    struct bytes bytes;

    context_text(&context, master_keys_name(kind));
    context_number(&context, epoch);
    if (context_end(&context, &bytes) < 0)
        return CKR_HOST_MEMORY;
    return digest_sha256(NULL, bytes, ret) < 0 ? CKR_GENERAL_ERROR : CKR_OK;
}

static CK_RV hash(struct bytes bytes, uint8_t ret[HASH_LEN])
{
    return digest_sha256(NULL, bytes, ret) < 0 ? CKR_GENERAL_ERROR : CKR_OK;
}

static CK_RV commit_mac(const struct hsm_session *session, CK_OBJECT_HANDLE key,
                        const uint8_t input[HASH_LEN], uint8_t ret[HASH_LEN])
{
    CK_MECHANISM mechanism = { CKM_SHA256_HMAC, NULL, 0 };
    uint8_t mac[HASH_LEN];
    size_t len = sizeof(mac);
    CK_RV rv = hsm_session_sign(session, &mechanism, key, BYTES(input, HASH_LEN), mac, &len);

    return rv == CKR_OK ? hash(BYTES(mac, len), ret) : rv;
}

/* What the key derived from @input encrypts zeros to, just as a row's is used: it need not be readable. */
static CK_RV commit_derived(const struct hsm_session *session, CK_OBJECT_HANDLE key,
                            const uint8_t input[HASH_LEN], uint8_t ret[HASH_LEN])
{
    static const uint8_t nonce[AEAD_NONCE_LEN], zeros[HASH_LEN];
    CK_AES_CBC_ENCRYPT_DATA_PARAMS params = { .pData = (CK_BYTE *)input, .length = HASH_LEN };
    CK_MECHANISM mechanism = { CKM_AES_CBC_ENCRYPT_DATA, &params, sizeof(params) };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, HASH_LEN),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_ENCRYPT),
        ATTRIBUTE_FALSE(CKA_DECRYPT),
        ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_AES_GCM),
    };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    CK_OBJECT_HANDLE derived;
    CK_RV rv =
        session->p11->C_DeriveKey(session->handle, &mechanism, key, template, ARRAY_SIZE(template), &derived);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_encrypt(session, derived, BYTES_OF_ARRAY(nonce), BYTES(input, HASH_LEN),
                             BYTES_OF_ARRAY(zeros), &sealed);
    hsm_session_destroy(session, derived);
    return rv == CKR_OK ? hash(buffer_bytes(&sealed), ret) : rv;
}

/* RFC 5649 has no randomness: a key that all know is wrapped to the same bytes each time. */
static CK_RV commit_wrapped(const struct hsm_session *session, CK_OBJECT_HANDLE key,
                            const uint8_t input[HASH_LEN], uint8_t ret[HASH_LEN])
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
        ATTRIBUTE_BYTES(CKA_VALUE, input, HASH_LEN),
    };
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    CK_OBJECT_HANDLE known;
    CK_RV rv = session->p11->C_CreateObject(session->handle, template, ARRAY_SIZE(template), &known);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_wrap(session, key, known, &wrapped);
    hsm_session_destroy(session, known);
    return rv == CKR_OK ? hash(secret_bytes(wrapped), ret) : rv;
}

/* The public object beside a private one has its label. */
static CK_RV public_half(const struct hsm_session *session, CK_OBJECT_HANDLE key, struct public_key **ret)
{
    CLEANUP(buffer_clear) struct buffer label = { 0 };
    CLEANUP(buffer_clear) struct buffer point = { 0 };
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;
    CK_RV rv = hsm_session_attribute(session, key, CKA_LABEL, &label);
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PUBLIC_KEY),
                                ATTRIBUTE_BYTES(CKA_LABEL, label.data, label.len) };

    if (rv == CKR_OK)
        rv = hsm_session_find(session, template, ARRAY_SIZE(template), &object, 1, &count);
    if (rv == CKR_OK && count == 0)
        rv = CKR_KEY_NEEDED;
    if (rv == CKR_OK)
        rv = hsm_session_attribute(session, object, CKA_EC_POINT, &point);
    return rv == CKR_OK
               ? public_key_of_ec(NULL, CKK_EC, public_key_ec_params(CKK_EC, 256), buffer_bytes(&point), ret)
               : rv;
}

static CK_RV commit_pair(const struct hsm_session *session, CK_OBJECT_HANDLE key,
                         const uint8_t input[HASH_LEN], uint8_t ret[HASH_LEN])
{
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    uint8_t signature[PAIR_SIGNATURE_LEN];
    size_t len = sizeof(signature);
    CK_RV rv = public_half(session, key, &public_key);

    if (rv == CKR_OK)
        rv = hsm_session_sign(session, &mechanism, key, BYTES(input, HASH_LEN), signature, &len);
    if (rv == CKR_OK && public_key_verify(NULL, public_key, CKM_ECDSA, NULL, BYTES(input, HASH_LEN),
                                          BYTES(signature, len)) != CKR_OK)
        rv = CKR_DATA_INVALID;
    return rv == CKR_OK ? hash(buffer_bytes(&public_key->spki), ret) : rv;
}

typedef CK_RV commit_fn(const struct hsm_session *session, CK_OBJECT_HANDLE key,
                        const uint8_t input[HASH_LEN], uint8_t ret[HASH_LEN]);

static commit_fn *const forms[] = {
    [MASTER_FORM_MACS] = commit_mac,
    [MASTER_FORM_DERIVES] = commit_derived,
    [MASTER_FORM_WRAPS] = commit_wrapped,
    [MASTER_FORM_PAIR] = commit_pair,
};

CK_RV master_commit(const struct hsm_session *session, enum master_kind kind, CK_OBJECT_HANDLE key,
                    uint32_t epoch, uint8_t ret[HASH_LEN])
{
    uint8_t input[HASH_LEN];
    CK_RV rv = fixed_input(kind, epoch, input);

    return rv == CKR_OK ? forms[master_keys_form(kind)](session, key, input, ret) : rv;
}
