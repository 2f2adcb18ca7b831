/* SPDX-License-Identifier: Apache-2.0 */
/* carrier.c - RSA keys in and out of the HSM, and AES keys under them. */
#include "proxy/hsm/carrier.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "include/table.h"
#include "proto/public_key.h"
#include "proxy/hsm/template.h"

#define COMPONENT_MAX  1024 /* bytes of a number of an RSA key */
#define RSA_COMPONENTS 8

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(BN_clear_free, BIGNUM *);

/* The numbers of an RSA key, and which attribute each is. v3.1 6.1.2, 6.1.3 (RSA public and private key objects) */
static const struct component {
    const char *name;
    CK_ATTRIBUTE_TYPE attribute;
} components[RSA_COMPONENTS] = {
    { OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS },
    { OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT },
    { OSSL_PKEY_PARAM_RSA_D, CKA_PRIVATE_EXPONENT },
    { OSSL_PKEY_PARAM_RSA_FACTOR1, CKA_PRIME_1 },
    { OSSL_PKEY_PARAM_RSA_FACTOR2, CKA_PRIME_2 },
    { OSSL_PKEY_PARAM_RSA_EXPONENT1, CKA_EXPONENT_1 },
    { OSSL_PKEY_PARAM_RSA_EXPONENT2, CKA_EXPONENT_2 },
    { OSSL_PKEY_PARAM_RSA_COEFFICIENT1, CKA_COEFFICIENT },
};

#define PUBLIC_COMPONENTS 2

/* Appends the first @count numbers of @key to @template; they lie in @room, COMPONENT_MAX bytes each. */
static CK_RV add_components(const EVP_PKEY *key, size_t count, uint8_t *room, CK_ATTRIBUTE *template,
                            CK_ULONG *template_count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(BN_clear_free) BIGNUM *number = NULL;
        uint8_t *at = room + i * COMPONENT_MAX;

        if (!EVP_PKEY_get_bn_param(key, components[i].name, &number) || BN_num_bytes(number) > COMPONENT_MAX)
            return CKR_DATA_INVALID;
        template[(*template_count)++] =
            (CK_ATTRIBUTE){ components[i].attribute, at, (CK_ULONG)BN_bn2bin(number, at) };
    }
    return CKR_OK;
}

CK_RV carrier_import_public(const struct hsm_session *session, struct bytes spki, CK_OBJECT_HANDLE *ret)
{
    const unsigned char *at = spki.data;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    CK_ATTRIBUTE template[4 + PUBLIC_COMPONENTS] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PUBLIC_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_RSA),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_WRAP),
    };
    uint8_t room[PUBLIC_COMPONENTS * COMPONENT_MAX];
    CK_ULONG count = 4;
    CK_RV rv = key && EVP_PKEY_is_a(key, "RSA")
                   ? add_components(key, PUBLIC_COMPONENTS, room, template, &count)
                   : CKR_DATA_INVALID;

    ERR_clear_error();
    return rv == CKR_OK ? session->p11->C_CreateObject(session->handle, template, count, ret) : rv;
}

CK_RV carrier_import_private(const struct hsm_session *session, struct bytes der, CK_OBJECT_HANDLE *ret)
{
    const unsigned char *at = der.data;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    CK_ATTRIBUTE template[7 + RSA_COMPONENTS] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_RSA),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_UNWRAP),
    };
    CLEANUP(secret_free) struct secret *room = NULL;
    CK_ULONG count = 7;
    CK_RV rv = CKR_DATA_INVALID;

    if (secret_new(RSA_COMPONENTS * COMPONENT_MAX, &room) < 0)
        return CKR_HOST_MEMORY;
    if (key && EVP_PKEY_is_a(key, "RSA"))
        rv = add_components(key, RSA_COMPONENTS, room->data, template, &count);
    ERR_clear_error();
    return rv == CKR_OK ? session->p11->C_CreateObject(session->handle, template, count, ret) : rv;
}

/* ----------------------------------------------------------------------------------------------- born in an HSM */

static CK_RV read_public(const struct hsm_session *session, CK_OBJECT_HANDLE object, struct buffer *ret)
{
    CLEANUP(public_key_free) struct public_key *key = NULL;
    CLEANUP(buffer_clear) struct buffer modulus = { 0 };
    CLEANUP(buffer_clear) struct buffer exponent = { 0 };
    CK_RV rv = hsm_session_attribute(session, object, CKA_MODULUS, &modulus);

    if (rv == CKR_OK)
        rv = hsm_session_attribute(session, object, CKA_PUBLIC_EXPONENT, &exponent);
    if (rv == CKR_OK)
        rv = public_key_of_rsa(NULL, buffer_bytes(&modulus), buffer_bytes(&exponent), &key);
    if (rv != CKR_OK)
        return rv;
    buffer_append(ret, buffer_bytes(&key->spki));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV carrier_make(const struct hsm_session *session, struct buffer *ret_public, CK_OBJECT_HANDLE *ret)
{
    static const CK_BYTE exponent[] = { 1, 0, 1 };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE public_template[] = {
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_NUMBER(CKA_MODULUS_BITS, CARRIER_RSA_BITS),
        ATTRIBUTE_BYTES(CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)),
        ATTRIBUTE_TRUE(CKA_WRAP),
    };
    CK_ATTRIBUTE private_template[] = {
        ATTRIBUTE_FALSE(CKA_TOKEN),       ATTRIBUTE_TRUE(CKA_PRIVATE), ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE), ATTRIBUTE_FALSE(CKA_SIGN),   ATTRIBUTE_FALSE(CKA_DECRYPT),
        ATTRIBUTE_TRUE(CKA_UNWRAP),
    };
    CK_OBJECT_HANDLE public_key, private_key;
    CK_RV rv = session->p11->C_GenerateKeyPair(session->handle, &mechanism, public_template,
                                               ARRAY_SIZE(public_template), private_template,
                                               ARRAY_SIZE(private_template), &public_key, &private_key);

    if (rv != CKR_OK)
        return rv;
    rv = read_public(session, public_key, ret_public);
    hsm_session_destroy(session, public_key);
    if (rv == CKR_OK)
        *ret = private_key;
    else
        hsm_session_destroy(session, private_key);
    return rv;
}

/* ------------------------------------------------------------------------------------------- what they carry */

static CK_RSA_PKCS_OAEP_PARAMS oaep_params(void)
{
    return (
        CK_RSA_PKCS_OAEP_PARAMS){ .hashAlg = CKM_SHA_1, .mgf = CKG_MGF1_SHA1, .source = CKZ_DATA_SPECIFIED };
}

CK_RV carrier_wrap(const struct hsm_session *session, CK_OBJECT_HANDLE carrier, CK_OBJECT_HANDLE key,
                   struct buffer *ret)
{
    CK_RSA_PKCS_OAEP_PARAMS params = oaep_params();
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };
    uint8_t wrapped[COMPONENT_MAX];
    CK_ULONG len = sizeof(wrapped);
    CK_RV rv = session->p11->C_WrapKey(session->handle, &mechanism, carrier, key, wrapped, &len);

    if (rv != CKR_OK)
        return rv;
    buffer_append(ret, BYTES(wrapped, len));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV carrier_unwrap(const struct hsm_session *session, CK_OBJECT_HANDLE carrier, struct bytes wrapped,
                     CK_OBJECT_HANDLE *ret)
{
    CK_RSA_PKCS_OAEP_PARAMS params = oaep_params();
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_UNWRAP),
        ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_AES_KEY_WRAP_PAD),
    };

    return session->p11->C_UnwrapKey(session->handle, &mechanism, carrier, (CK_BYTE *)wrapped.data,
                                     wrapped.len, template, ARRAY_SIZE(template), ret);
}
