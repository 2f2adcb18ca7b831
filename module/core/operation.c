/* SPDX-License-Identifier: Apache-2.0 */
/* operation.c - what may follow what, and what becomes of the data. */
#include "module/core/operation.h"

#include <string.h>
#include <openssl/evp.h>

#include "client/remote.h"
#include "proto/limits.h"

/* Zero, the default, is OP_REFUSED. Final may come without an Update: Java signs an empty message so. */
static const enum op_state next_state[OP_STATES][OP_EVENTS] = {
    [OP_IDLE] = { [OP_INIT] = OP_READY },
    [OP_READY] = { [OP_ONE_SHOT] = OP_IDLE, [OP_UPDATE] = OP_PARTS, [OP_FINAL] = OP_IDLE },
    [OP_PARTS] = { [OP_UPDATE] = OP_PARTS, [OP_FINAL] = OP_IDLE },
};

void operation_init(struct operation *operation)
{
    *operation = (struct operation){ .state = OP_IDLE, .message.limit = SIGN_DATA_MAX };
}

void operation_clear(struct operation *operation)
{
    EVP_MD_CTX_free(operation->hash);
    remote_consent_free(operation->consent);
    object_set_unref(operation->set);
    buffer_clear(&operation->message);
    operation_init(operation);
}

CK_RV operation_allows(const struct operation *operation, enum op_event event)
{
    if (next_state[operation->state][event] != OP_REFUSED)
        return CKR_OK;
    return operation->state == OP_IDLE ? CKR_OPERATION_NOT_INITIALIZED : CKR_OPERATION_ACTIVE;
}

/* A digest mechanism is its own hash. 0: the data is not hashed here. */
static CK_MECHANISM_TYPE hash_of(const struct mechanism *mechanism)
{
    return mechanism->use & USE_DIGEST ? mechanism->type : mechanism->hash;
}

static CK_RV start_hash(struct operation *operation, OSSL_LIB_CTX *libctx, CK_MECHANISM_TYPE hash)
{
    EVP_MD *md = EVP_MD_fetch(libctx, mechanism_hash_name(hash), NULL);
    CK_RV rv = CKR_FUNCTION_FAILED;

    operation->hash = EVP_MD_CTX_new();
    if (md && operation->hash && EVP_DigestInit_ex2(operation->hash, md, NULL) == 1)
        rv = CKR_OK;
    EVP_MD_free(md);
    return rv;
}

CK_RV operation_start(struct operation *operation, OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                      const Privyseal__V1__PssParameters *pss, struct object_set *set,
                      const struct object *key)
{
    CK_RV rv = operation_allows(operation, OP_INIT);

    if (rv != CKR_OK)
        return rv;
    if (hash_of(mechanism) && start_hash(operation, libctx, hash_of(mechanism)) != CKR_OK) {
        operation_clear(operation);
        return CKR_FUNCTION_FAILED;
    }
    operation->state = next_state[operation->state][OP_INIT];
    operation->mechanism = mechanism;
    operation->set = set ? object_set_ref(set) : NULL;
    operation->key = key;
    if (pss)
        operation->pss = *pss;
    return CKR_OK;
}

static CK_RV take_data(struct operation *operation, struct bytes data)
{
    if (operation->hash)
        return !data.len || EVP_DigestUpdate(operation->hash, data.data, data.len) == 1 ? CKR_OK
                                                                                        : CKR_FUNCTION_FAILED;
    if (data.len > SIGN_DATA_MAX - operation->message.len)
        return CKR_DATA_LEN_RANGE;
    buffer_append(&operation->message, data);
    return operation->message.failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV operation_update(struct operation *operation, struct bytes part)
{
    CK_RV rv = operation_allows(operation, OP_UPDATE);

    if (rv != CKR_OK)
        return rv;
    rv = take_data(operation, part);
    if (rv == CKR_OK)
        operation->state = next_state[operation->state][OP_UPDATE];
    else
        operation_clear(operation);
    return rv;
}

CK_RV operation_take(struct operation *operation, enum op_event event, struct output output, size_t needed,
                     struct operation *ret, bool *ret_is_taken)
{
    CK_RV rv = operation_allows(operation, event);

    *ret_is_taken = false;
    if (rv == CKR_OPERATION_ACTIVE)
        operation_clear(operation);
    if (rv != CKR_OK || (output.len && output_ends_with_length(output, needed, &rv)))
        return rv;
    *ret = *operation;
    operation_init(operation);
    *ret_is_taken = true;
    return CKR_OK;
}

static CK_RV finish_hash(struct operation *operation, struct buffer *ret)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len;

    if (EVP_DigestFinal_ex(operation->hash, digest, &len) != 1)
        return CKR_FUNCTION_FAILED;
    /* PKCS #1 v1.5 signs the digest with its algorithm's name around it. RFC 8017 9.2 (EMSA-PKCS1-v1_5). */
    if (operation->mechanism->raw == CKM_RSA_PKCS)
        return mechanism_digest_info(operation->mechanism->hash, BYTES(digest, len), ret);
    buffer_append(ret, BYTES(digest, len));
    return CKR_OK;
}

CK_RV operation_input(struct operation *operation, struct bytes last, struct buffer *ret)
{
    CK_RV rv = take_data(operation, last);

    if (rv != CKR_OK)
        return rv;
    if (operation->hash)
        rv = finish_hash(operation, ret);
    else
        buffer_append(ret, buffer_bytes(&operation->message));
    return rv == CKR_OK && ret->failed ? CKR_HOST_MEMORY : rv;
}

CK_MECHANISM_TYPE operation_input_hash(const struct operation *operation, struct bytes input)
{
    if (operation->mechanism->hash)
        return operation->mechanism->hash;
    if (operation->mechanism->has_pss)
        return operation->pss.hash;
    return operation->mechanism->raw == CKM_RSA_PKCS ? mechanism_hash_of_digest_info(input) : 0;
}
