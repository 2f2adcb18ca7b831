/* SPDX-License-Identifier: Apache-2.0 */
/* key_pair.c - the table of key kinds; making, describing and using keys by it. */
#include "proxy/hsm/key_pair.h"

#include <string.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "include/table.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proto/rsa_public.h"
#include "proxy/hsm/template.h"

#define EC_POINT_MAX 133 /* bytes: uncompressed, P-521 */

static const struct key_kind kinds[] = {
    { CKK_RSA, 2048, true, CKM_RSA_PKCS_KEY_PAIR_GEN },
    { CKK_RSA, 3072, true, CKM_RSA_PKCS_KEY_PAIR_GEN },
    { CKK_RSA, 4096, true, CKM_RSA_PKCS_KEY_PAIR_GEN },
    { CKK_EC, 256, true, CKM_EC_KEY_PAIR_GEN },
    { CKK_EC, 384, true, CKM_EC_KEY_PAIR_GEN },
    { CKK_EC, 521, true, CKM_EC_KEY_PAIR_GEN },
    { CKK_EC_EDWARDS, 255, false, CKM_EC_EDWARDS_KEY_PAIR_GEN },
};

#define SIGNS    CK_TRUE, CK_FALSE, CK_FALSE
#define DECRYPTS CK_FALSE, CK_TRUE, CK_FALSE
#define DERIVES  CK_FALSE, CK_FALSE, CK_TRUE

static const struct key_use uses[] = {
    { CKK_RSA, KEY_SIGNS, SIGNS, { CKM_RSA_PKCS, CKM_RSA_PKCS_PSS }, 2 },
    { CKK_RSA, KEY_DECRYPTS, DECRYPTS, { CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP }, 2 },
    { CKK_EC, KEY_SIGNS, SIGNS, { CKM_ECDSA }, 1 },
    { CKK_EC, KEY_DERIVES, DERIVES, { CKM_ECDH1_DERIVE }, 1 },
    { CKK_EC_EDWARDS, KEY_SIGNS, SIGNS, { CKM_EDDSA }, 1 },
};

const struct key_kind *key_kind_find(CK_KEY_TYPE type, unsigned bits)
{
    const struct key_kind *kind;

    for (EACH_ROW(kind, kinds))
        if (kind->type == type && kind->bits == bits)
            return kind;
    return NULL;
}

const struct key_use *key_use_find(CK_KEY_TYPE type, enum key_usage usage)
{
    const struct key_use *use;

    for (EACH_ROW(use, uses))
        if (use->type == type && use->usage == usage)
            return use;
    return NULL;
}

/* -------------------------------------------------------------------------------------------------- making */

static CK_RV read_two(const struct hsm_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE first,
                      CK_ATTRIBUTE_TYPE second, struct buffer *ret_first, struct buffer *ret_second)
{
    CK_RV rv = hsm_session_attribute(session, object, first, ret_first);

    return rv == CKR_OK ? hsm_session_attribute(session, object, second, ret_second) : rv;
}

static CK_RV read_public(const struct hsm_session *session, const struct key_kind *kind,
                         CK_OBJECT_HANDLE object, struct public_key **ret)
{
    CLEANUP(buffer_clear) struct buffer first = { 0 };
    CLEANUP(buffer_clear) struct buffer second = { 0 };
    CK_RV rv;

    if (kind->type == CKK_RSA) {
        rv = read_two(session, object, CKA_MODULUS, CKA_PUBLIC_EXPONENT, &first, &second);
        return rv == CKR_OK ? public_key_of_rsa(NULL, buffer_bytes(&first), buffer_bytes(&second), ret) : rv;
    }
    rv = read_two(session, object, CKA_EC_PARAMS, CKA_EC_POINT, &first, &second);
    return rv == CKR_OK ? public_key_of_ec(NULL, kind->type, buffer_bytes(&first), buffer_bytes(&second), ret)
                        : rv;
}

CK_RV key_pair_generate(const struct hsm_session *session, const struct key_kind *kind,
                        const struct key_use *use, CK_ATTRIBUTE *template, CK_ULONG count,
                        CK_OBJECT_HANDLE *ret, struct public_key **ret_public)
{
    static const uint8_t f4[] = { 1, 0, 1 };
    struct bytes curve = public_key_ec_params(kind->type, kind->bits);
    CK_ATTRIBUTE rsa[] = {
        ATTRIBUTE_NUMBER(CKA_MODULUS_BITS, kind->bits),
        ATTRIBUTE_BYTES(CKA_PUBLIC_EXPONENT, f4, sizeof(f4)),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_BYTES(CKA_VERIFY, &use->signs, sizeof(use->signs)),
        ATTRIBUTE_BYTES(CKA_ENCRYPT, &use->decrypts, sizeof(use->decrypts)),
    };
    CK_ATTRIBUTE ec[] = {
        ATTRIBUTE_BYTES(CKA_EC_PARAMS, curve.data, curve.len),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_BYTES(CKA_VERIFY, &use->signs, sizeof(use->signs)),
        ATTRIBUTE_BYTES(CKA_DERIVE, &use->derives, sizeof(use->derives)),
    };
    bool is_rsa = kind->type == CKK_RSA;
    CK_MECHANISM mechanism = { kind->generate, NULL, 0 };
    CK_OBJECT_HANDLE public_key, private_key;
    CK_RV rv;

    rv = session->p11->C_GenerateKeyPair(session->handle, &mechanism, is_rsa ? rsa : ec,
                                         is_rsa ? ARRAY_SIZE(rsa) : ARRAY_SIZE(ec), template, count,
                                         &public_key, &private_key);
    if (rv != CKR_OK)
        return rv;
    rv = read_public(session, kind, public_key, ret_public);
    hsm_session_destroy(session, public_key);
    if (rv != CKR_OK)
        hsm_session_destroy(session, private_key);
    else
        *ret = private_key;
    return rv;
}

CK_RV key_pair_describe(const struct public_key *public_key, struct key_row *row)
{
    memcpy(row->name, public_key->name, sizeof(row->name));
    row->key_type = public_key->type;
    row->bits = public_key->bits;
    buffer_append(&row->spki, buffer_bytes(&public_key->spki));
    return row->spki.failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV key_pair_of_row(const struct key_row *row, struct public_key **ret)
{
    CLEANUP(public_key_free) struct public_key *public_key = NULL;

    if (public_key_of_spki(NULL, buffer_bytes(&row->spki), &public_key) != CKR_OK ||
        memcmp(public_key->name, row->name, sizeof(row->name)) != 0 || public_key->type != row->key_type ||
        public_key->bits != row->bits)
        return CKR_DATA_INVALID;
    *ret = TAKE(public_key);
    return CKR_OK;
}

/* ------------------------------------------------------------------------------------------------- signing */

/* A digest longer than the curve's order counts with its leftmost bits. FIPS 186-5 6.4.1 (ECDSA signature). */
static struct bytes fit_to_order(const struct public_key *key, struct bytes digest)
{
    size_t order_len = (key->bits + 7) / 8;

    return digest.len > order_len ? BYTES(digest.data, order_len) : digest;
}

static CK_RV sign_raw(const struct key_handle *key, CK_MECHANISM_TYPE raw,
                      const Privyseal__V1__PssParameters *pss, struct bytes data, uint8_t *signature,
                      size_t *len)
{
    CK_RSA_PKCS_PSS_PARAMS params = { 0 };
    CK_MECHANISM mechanism = { raw, NULL, 0 };

    if (raw == CKM_RSA_PKCS_PSS) {
        if (!pss)
            return CKR_MECHANISM_PARAM_INVALID;
        params = (CK_RSA_PKCS_PSS_PARAMS){ .hashAlg = pss->hash, .mgf = pss->mgf, .sLen = pss->salt_len };
        mechanism = (CK_MECHANISM){ raw, &params, sizeof(params) };
    }
    if (raw == CKM_ECDSA)
        data = fit_to_order(key->public_key, data);
    return hsm_session_sign(key->owner->session, &mechanism, key->object, data, signature, len);
}

CK_RV key_pair_sign(struct key_handle *key, CK_MECHANISM_TYPE raw, const Privyseal__V1__PssParameters *pss,
                    struct bytes data, bool verify, struct buffer *ret)
{
    uint8_t signature[HSM_SIGNATURE_MAX];
    size_t len = sizeof(signature);
    CK_RV rv;

    rv = sign_raw(key, raw, pss, data, signature, &len);
    if (rv != CKR_OK)
        return rv;
    if (!key->is_proved || key->public_key->type == CKK_RSA || verify) {
        if (public_key_verify_often(key->public_key, raw, pss, data, BYTES(signature, len)) != CKR_OK)
            return CKR_DATA_INVALID;
        key->is_proved = true;
    }
    buffer_append(ret, BYTES(signature, len));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

/* ---------------------------------------------------------------------------------------------- decrypting */

/* What HSMs say to a ciphertext that is not right; SoftHSM's word for it is CKR_GENERAL_ERROR, which may mean anything. */
static bool is_about_ciphertext(CK_RV rv)
{
    static const CK_RV answers[] = { CKR_GENERAL_ERROR,          CKR_FUNCTION_FAILED,
                                     CKR_DATA_INVALID,           CKR_DATA_LEN_RANGE,
                                     CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE };
    const CK_RV *answer;

    for (EACH_ROW(answer, answers))
        if (rv == *answer)
            return true;
    return false;
}

static CK_RV decrypt_raw(const struct key_handle *key, CK_MECHANISM_TYPE type,
                         const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct secret **ret)
{
    CK_RSA_PKCS_OAEP_PARAMS params = { .source = CKZ_DATA_SPECIFIED };
    CK_MECHANISM mechanism = { type, NULL, 0 };
    CK_RV rv;

    if (oaep) {
        params.hashAlg = oaep->hash;
        params.mgf = oaep->mgf;
        mechanism = (CK_MECHANISM){ type, &params, sizeof(params) };
    }
    /* SoftHSM asks for as much room as the modulus has. */
    rv = hsm_session_decrypt_by(key->owner->session, &mechanism, key->object, data, data.len, ret);
    /* SoftHSM's word for a hash it does not know. */
    return rv == CKR_ARGUMENTS_BAD ? CKR_MECHANISM_PARAM_INVALID : rv;
}

CK_RV key_pair_decrypt(struct key_handle *key, CK_MECHANISM_TYPE mechanism,
                       const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct secret **ret)
{
    CK_RV rv = key->is_proved ? CKR_OK : key_pair_prove(key, KEY_DECRYPTS);

    if (rv == CKR_OK)
        rv = decrypt_raw(key, mechanism, oaep, data, ret);
    /* Whether it is the HSM or the ciphertext that is out of order, a ciphertext of our own tells. */
    if (is_about_ciphertext(rv) && key->is_proved)
        rv = key_pair_prove(key, KEY_DECRYPTS) == CKR_OK ? CKR_ENCRYPTED_DATA_INVALID : CKR_DEVICE_ERROR;
    return rv;
}

/* ------------------------------------------------------------------------------------------------ deriving */

static CK_RV derive_raw(const struct key_handle *key, struct bytes point, struct secret **ret)
{
    const struct hsm_session *session = key->owner->session;
    size_t len = (key->public_key->bits + 7) / 8;
    CK_ECDH1_DERIVE_PARAMS params = {
        .kdf = CKD_NULL,
        .ulPublicDataLen = point.len,
        .pPublicData = (CK_BYTE *)point.data,
    };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof(params) };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, len),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_FALSE(CKA_SENSITIVE), /* it is the caller's, and leaves at once */
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
    };
    CK_OBJECT_HANDLE derived;
    CK_RV rv = session->p11->C_DeriveKey(session->handle, &mechanism, key->object, template,
                                         ARRAY_SIZE(template), &derived);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_value(session, derived, len, ret);
    hsm_session_destroy(session, derived);
    return rv;
}

CK_RV key_pair_derive(struct key_handle *key, struct bytes peer, struct secret **ret)
{
    CLEANUP(public_key_free) struct public_key *point = NULL;
    struct bytes curve = buffer_bytes(&key->public_key->ec_params);
    CK_RV rv;

    if (public_key_of_ec(NULL, CKK_EC, curve, peer, &point) != CKR_OK)
        return CKR_MECHANISM_PARAM_INVALID;
    rv = key->is_proved ? CKR_OK : key_pair_prove(key, KEY_DERIVES);
    return rv == CKR_OK ? derive_raw(key, peer, ret) : rv;
}

/* ------------------------------------------------------------------------------------------------- proving */

static CK_RV prove_signing(struct key_handle *key)
{
    const struct key_use *use = key_use_find(key->public_key->type, KEY_SIGNS);
    CLEANUP(buffer_clear) struct buffer signature = { .limit = HSM_SIGNATURE_MAX };
    uint8_t digest[HASH_LEN];

    if (!use || digest_sha256(NULL, bytes_of_text("privyseal v1 proof of a new key"), digest) < 0)
        return CKR_GENERAL_ERROR;
    return key_pair_sign(key, use->mechanisms[0], NULL, BYTES_OF_ARRAY(digest), true, &signature);
}

/* What was encrypted to the stored public key opens. */
static CK_RV prove_decrypting(struct key_handle *key)
{
    CLEANUP(buffer_clear) struct buffer ciphertext = { .limit = HSM_SIGNATURE_MAX };
    CLEANUP(secret_free) struct secret *sent = NULL;
    CLEANUP(secret_free) struct secret *opened = NULL;
    CK_RV rv;

    if (secret_random(HASH_LEN, &sent) < 0)
        return CKR_HOST_MEMORY;
    rv = rsa_public_encrypt(NULL, key->public_key, NULL, secret_bytes(sent), &ciphertext);
    if (rv == CKR_OK)
        rv = decrypt_raw(key, CKM_RSA_PKCS, NULL, buffer_bytes(&ciphertext), &opened);
    if (rv != CKR_OK)
        return is_about_ciphertext(rv) ? CKR_DATA_INVALID : rv;
    return secret_equal(secret_bytes(sent), secret_bytes(opened)) ? CKR_OK : CKR_DATA_INVALID;
}

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX *);

/* The other side of a key agreement: a key of our own on the same curve, its point, and the secret. */
static CK_RV agree(const struct public_key *key, uint8_t point[EC_POINT_MAX], size_t *point_len,
                   struct secret **ret)
{
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *generation = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *agreement = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *own = NULL;
    CLEANUP(secret_free) struct secret *shared = NULL;
    size_t len = (key->bits + 7) / 8;

    if (secret_new(len, &shared) < 0)
        return CKR_HOST_MEMORY;
    if (!generation || EVP_PKEY_keygen_init(generation) != 1 || EVP_PKEY_generate(generation, &own) != 1)
        return CKR_GENERAL_ERROR;
    agreement = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    if (!agreement || EVP_PKEY_derive_init(agreement) != 1 ||
        EVP_PKEY_derive_set_peer(agreement, key->pkey) != 1 ||
        EVP_PKEY_derive(agreement, shared->data, &len) != 1 || len != shared->len ||
        EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_PUB_KEY, point, EC_POINT_MAX, point_len) != 1)
        return CKR_GENERAL_ERROR;
    *ret = TAKE(shared);
    return CKR_OK;
}

static CK_RV prove_deriving(struct key_handle *key)
{
    CLEANUP(secret_free) struct secret *expected = NULL;
    CLEANUP(secret_free) struct secret *derived = NULL;
    uint8_t point[EC_POINT_MAX];
    size_t point_len = 0;
    CK_RV rv = agree(key->public_key, point, &point_len, &expected);

    if (rv == CKR_OK)
        rv = derive_raw(key, BYTES(point, point_len), &derived);
    if (rv != CKR_OK)
        return rv;
    return secret_equal(secret_bytes(expected), secret_bytes(derived)) ? CKR_OK : CKR_DATA_INVALID;
}

CK_RV key_pair_prove(struct key_handle *key, enum key_usage usage)
{
    static CK_RV (*const proofs[])(struct key_handle * key) = {
        [KEY_SIGNS] = prove_signing,
        [KEY_DECRYPTS] = prove_decrypting,
        [KEY_DERIVES] = prove_deriving,
    };
    CK_RV rv = proofs[usage](key);

    key->is_proved = rv == CKR_OK;
    return rv;
}

bool key_pair_is_lost(CK_RV rv)
{
    return rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID;
}
