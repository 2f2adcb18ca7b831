/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_seal.c - derive, en- or decrypt once, destroy. The derivation happens in the HSM, so every guess of a secret is
 * one call of it.
 */
#include "proxy/hsm/row_seal.h"

#include "include/table.h"
#include "proto/aead.h"
#include "proto/digest.h"
#include "proxy/hsm/hsm_state.h"

static CK_RV row_key(struct hsm *hsm, const struct row_seal *seal, CK_OBJECT_HANDLE *ret)
{
    CLEANUP(secret_free) struct secret *input = NULL;
    struct bytes purpose;

    if (context_end(seal->purpose, &purpose) < 0)
        return CKR_HOST_MEMORY;
    if (digest_hkdf(NULL, seal->secret, BYTES_NONE, purpose, AEAD_KEY_LEN, &input) < 0)
        return CKR_GENERAL_ERROR;
    return hsm_derive_key(hsm, seal->kd_epoch, secret_bytes(input), ret);
}

CK_RV row_seal(struct hsm *hsm, const struct row_seal *seal, struct bytes plaintext, struct buffer *ret)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    struct bytes aad;
    CK_RV rv;

    if (context_end(seal->aad, &aad) < 0)
        return CKR_HOST_MEMORY;
    rv = hsm_random(hsm, seal->nonce, AEAD_NONCE_LEN);
    if (rv == CKR_OK)
        rv = row_key(hsm, seal, &key);
    if (rv == CKR_OK)
        rv = hsm_session_encrypt(&hsm->session, key, BYTES(seal->nonce, AEAD_NONCE_LEN), aad, plaintext, ret);
    hsm_session_destroy(&hsm->session, key);
    return rv;
}

/* What HSMs say when a tag does not fit; SoftHSM's word for it is CKR_GENERAL_ERROR, which may mean anything. */
static bool is_not_authentic(CK_RV rv)
{
    static const CK_RV answers[] = { CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_DATA_INVALID,
                                     CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE };
    const CK_RV *answer;

    for (EACH_ROW(answer, answers))
        if (rv == *answer)
            return true;
    return false;
}

CK_RV row_open(struct hsm *hsm, const struct row_seal *seal, struct bytes sealed, struct secret **ret)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    struct bytes aad;
    CK_RV rv;

    if (context_end(seal->aad, &aad) < 0)
        return CKR_HOST_MEMORY;
    rv = row_key(hsm, seal, &key);
    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_decrypt(&hsm->session, key, BYTES(seal->nonce, AEAD_NONCE_LEN), aad, sealed, ret);
    hsm_session_destroy(&hsm->session, key);
    if (rv == CKR_OK || !is_not_authentic(rv))
        return rv;
    return hsm_probe(hsm) == CKR_OK ? CKR_ENCRYPTED_DATA_INVALID : CKR_DEVICE_ERROR;
}

/* ---------------------------------------------------------------------------------------------- access rows */

/* Names one access row. */
static struct context access_context(const char *label, const struct custody_config *config,
                                     const char *token, const struct access_row *row)
{
    struct context context = context_of(label);

    context_text(&context, config->realm);
    context_text(&context, token);
    context_number(&context, row->kind);
    context_bytes(&context, BYTES_OF_ARRAY(row->row_name));
    context_number(&context, row->version);
    context_number(&context, row->kd_epoch);
    return context;
}

CK_RV access_row_seal(const struct custody_config *config, const char *token, struct bytes s, struct bytes u,
                      struct access_row *row)
{
    row->kd_epoch = hsm_epoch_derive(config->hsm); /* part of both contexts */

    CLEANUP(context_clear) struct context purpose = access_context("privyseal v1 pin", config, token, row);
    CLEANUP(context_clear) struct context aad = access_context("privyseal v1 pin row", config, token, row);
    struct row_seal seal = { row->kd_epoch, s, &purpose, &aad, row->nonce };

    row->sealed.len = 0;
    return row_seal(config->hsm, &seal, u, &row->sealed);
}

CK_RV access_row_open(const struct custody_config *config, const char *token, struct bytes s,
                      const struct access_row *row, struct secret **ret)
{
    CLEANUP(context_clear) struct context purpose = access_context("privyseal v1 pin", config, token, row);
    CLEANUP(context_clear) struct context aad = access_context("privyseal v1 pin row", config, token, row);
    struct row_seal seal = { row->kd_epoch, s, &purpose, &aad, (uint8_t *)row->nonce };
    CK_RV rv;

    if (row->sealed.len != TOKEN_SECRET_LEN + AEAD_TAG_LEN)
        return CKR_PIN_INCORRECT;
    rv = row_open(config->hsm, &seal, buffer_bytes(&row->sealed), ret);
    return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_PIN_INCORRECT : rv;
}
