/* SPDX-License-Identifier: Apache-2.0 */
/* self_test_bench.c - keys to try things with, and the things. */
#include "proxy/hsm/self_test_bench.h"

#include "include/table.h"
#include "proxy/hsm/template.h"

#define OUTPUT_MAX 4096

static const uint8_t sealed_nonce[12] = { 1 };

/* ---------------------------------------------------------------------------------------------- single calls */

CK_OBJECT_HANDLE bench_newest(const struct bench *bench, enum master_kind kind)
{
    return master_keys_newest(&bench->hsm->keys, kind)->handle;
}

/* An attempt that made something succeeded; the thing goes away again. */
static CK_RV made(const struct bench *bench, CK_RV rv, CK_OBJECT_HANDLE object)
{
    if (rv == CKR_OK)
        hsm_session_destroy(&bench->session, object);
    return rv;
}

CK_RV bench_any_of(const struct bench *bench, attempt_fn *const *attempts, size_t count)
{
    CK_RV rv = CKR_FUNCTION_REJECTED;

    for (size_t i = 0; i < count && rv != CKR_OK; i++)
        rv = attempts[i](bench);
    return rv;
}

CK_RV bench_read_value(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CLEANUP(buffer_clear) struct buffer value = { 0 };
    CK_RV rv = hsm_session_attribute(&bench->session, object, type, &value);

    if (value.len)
        secret_wipe(value.data, value.len);
    return rv == CKR_OK && value.len == 0 ? CKR_ATTRIBUTE_SENSITIVE : rv;
}

CK_RV bench_derive(const struct bench *bench, CK_OBJECT_HANDLE base, CK_MECHANISM *mechanism,
                   bool is_readable)
{
    CK_BBOOL sensitive = !is_readable, extractable = is_readable;
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 32),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        { CKA_SENSITIVE, &sensitive, sizeof(sensitive) },
        { CKA_EXTRACTABLE, &extractable, sizeof(extractable) },
    };
    CK_OBJECT_HANDLE child = CK_INVALID_HANDLE;
    CK_RV rv = bench->session.p11->C_DeriveKey(bench->session.handle, mechanism, base, template,
                                               ARRAY_SIZE(template), &child);

    if (rv == CKR_OK && is_readable)
        rv = bench_read_value(bench, child, CKA_VALUE);
    hsm_session_destroy(&bench->session, child);
    return rv;
}

CK_RV bench_derive_cbc(const struct bench *bench, CK_OBJECT_HANDLE base, bool is_readable)
{
    CK_BYTE guess[32] = { 0 };
    CK_AES_CBC_ENCRYPT_DATA_PARAMS params = { .pData = guess, .length = sizeof(guess) };
    CK_MECHANISM mechanism = { CKM_AES_CBC_ENCRYPT_DATA, &params, sizeof(params) };

    return bench_derive(bench, base, &mechanism, is_readable);
}

CK_RV bench_encrypt_with(const struct bench *bench, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type)
{
    CK_BYTE iv[16] = { 0 }, block[32] = { 0 }, output[OUTPUT_MAX];
    CK_MECHANISM mechanism = { type, iv, sizeof(iv) };
    CK_ULONG len = sizeof(output);
    CK_RV rv = bench->session.p11->C_EncryptInit(bench->session.handle, &mechanism, key);

    return rv == CKR_OK
               ? bench->session.p11->C_Encrypt(bench->session.handle, block, sizeof(block), output, &len)
               : rv;
}

CK_RV bench_sign_with(const struct bench *bench, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    uint8_t digest[HASH_LEN] = { 1 }, signature[HSM_SIGNATURE_MAX];
    size_t len = sizeof(signature);

    return hsm_session_sign(&bench->session, &mechanism, key, BYTES_OF_ARRAY(digest), signature, &len);
}

CK_RV bench_wrap_with(const struct bench *bench, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key)
{
    CLEANUP(secret_free) struct secret *wrapped = NULL;

    return hsm_session_wrap(&bench->session, wrapping_key, key, &wrapped);
}

CK_RV bench_set_flag(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL flag = value;
    CK_ATTRIBUTE template = { type, &flag, sizeof(flag) };

    return bench->session.p11->C_SetAttributeValue(bench->session.handle, object, &template, 1);
}

CK_RV bench_copy_with(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL flag = value;
    CK_ATTRIBUTE template[] = { ATTRIBUTE_FALSE(CKA_TOKEN), { type, &flag, sizeof(flag) } };
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    CK_RV rv = bench->session.p11->C_CopyObject(bench->session.handle, object, template, ARRAY_SIZE(template),
                                                &copy);

    return made(bench, rv, copy);
}

CK_RV bench_unwrap(const struct bench *bench, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *ret)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };

    return bench->session.p11->C_UnwrapKey(bench->session.handle, &mechanism, bench->kw->handle,
                                           bench->wrapped->data, bench->wrapped->len, template, count, ret);
}

CK_RV bench_unwrap_as(const struct bench *bench, CK_ATTRIBUTE *template, CK_ULONG count)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = bench_unwrap(bench, template, count, &key);

    return made(bench, rv, key);
}

CK_RV bench_unwrap_otherwise(const struct bench *bench, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL flag = value;
    CK_ATTRIBUTE template[] = { MASTER_UNWRAP_COMMON, KEY_USE_ATTRIBUTES(bench->use),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), MASTER_UNWRAP_FIXED };
    CK_ATTRIBUTE *attribute;

    for (EACH_ROW(attribute, template))
        if (attribute->type == type)
            *attribute = (CK_ATTRIBUTE){ type, &flag, sizeof(flag) };
    return bench_unwrap_as(bench, template, ARRAY_SIZE(template));
}

CK_RV bench_open_row(const struct bench *bench, const char *aad)
{
    CLEANUP(secret_free) struct secret *opened = NULL;

    return hsm_session_decrypt(&bench->session, bench->row_key, BYTES_OF_ARRAY(sealed_nonce),
                               bytes_of_text(aad), buffer_bytes(&bench->sealed), &opened);
}

/* ------------------------------------------------------------------------------------------------ the bench */

static CK_RV make_wrapped(struct bench *bench)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_FALSE(CKA_TOKEN),      ATTRIBUTE_TRUE(CKA_PRIVATE),    ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE), KEY_USE_ATTRIBUTES(bench->use),
    };
    CK_OBJECT_HANDLE born;
    CK_RV rv = key_pair_generate(&bench->session, key_kind_find(CKK_EC, 256), bench->use, template,
                                 ARRAY_SIZE(template), &born, &bench->public_key);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_wrap(&bench->session, bench->kw->handle, born, &bench->wrapped);
    hsm_session_destroy(&bench->session, born);
    return rv;
}

static CK_RV make_foreign(struct bench *bench)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 32),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_WRAP),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
    };
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };

    return bench->session.p11->C_GenerateKey(bench->session.handle, &mechanism, template,
                                             ARRAY_SIZE(template), &bench->foreign);
}

/* These are the ways that must work: else every refusal below might have another reason. */
static CK_RV make_unwrapped(struct bench *bench)
{
    CK_ATTRIBUTE template[] = { MASTER_UNWRAP_COMMON, KEY_USE_ATTRIBUTES(bench->use),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), MASTER_UNWRAP_FIXED };
    struct handle_owner owner = { .session = &bench->session };
    struct key_handle key = { .public_key = bench->public_key, .owner = &owner };
    CK_RV rv = bench_unwrap(bench, template, ARRAY_SIZE(template), &bench->unwrapped);

    key.object = bench->unwrapped;
    return rv == CKR_OK ? key_pair_prove(&key, bench->use->usage) : rv;
}

static CK_RV make_sealed(struct bench *bench)
{
    uint8_t input[32] = { 1 };
    CK_RV rv =
        hsm_derive_key(bench->hsm, hsm_epoch_derive(bench->hsm), BYTES_OF_ARRAY(input), &bench->row_key);

    if (rv == CKR_OK)
        rv = hsm_session_encrypt(&bench->session, bench->row_key, BYTES_OF_ARRAY(sealed_nonce),
                                 bytes_of_text(BENCH_AAD), BYTES_OF_ARRAY(input), &bench->sealed);
    return rv == CKR_OK ? bench_open_row(bench, BENCH_AAD) : rv;
}

void bench_clear(struct bench *bench)
{
    if (bench->session.p11) {
        hsm_session_destroy(&bench->session, bench->unwrapped);
        hsm_session_destroy(&bench->session, bench->foreign);
        hsm_session_destroy(&bench->session, bench->row_key);
    }
    hsm_session_close(&bench->session);
    secret_free(bench->wrapped);
    public_key_free(bench->public_key);
    buffer_clear(&bench->sealed);
}
CK_RV bench_init(struct hsm *hsm, const struct master_key *kw, enum key_usage usage, struct bench *ret)
{
    CK_RV rv;

    *ret = (struct bench){ .hsm = hsm, .kw = kw, .use = key_use_find(CKK_EC, usage) };
    rv = hsm_session_open(hsm->library->p11, hsm->token.slot, CKF_RW_SESSION, &ret->session);
    if (rv == CKR_OK)
        rv = make_wrapped(ret);
    if (rv == CKR_OK)
        rv = make_foreign(ret);
    if (rv == CKR_OK)
        rv = make_unwrapped(ret);
    if (rv == CKR_OK)
        rv = make_sealed(ret);
    return rv;
}
