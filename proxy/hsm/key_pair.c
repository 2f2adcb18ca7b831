/* SPDX-License-Identifier: Apache-2.0 */
/* key_pair.c - the table of key kinds; making, describing and using keys by it. */
#include "proxy/hsm/key_pair.h"

#include <string.h>

#include "include/table.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proxy/hsm/template.h"

#define RSA_MECHANISMS     CKM_RSA_PKCS_KEY_PAIR_GEN, { CKM_RSA_PKCS, CKM_RSA_PKCS_PSS }, 2
#define EC_MECHANISMS      CKM_EC_KEY_PAIR_GEN, { CKM_ECDSA }, 1
#define EDWARDS_MECHANISMS CKM_EC_EDWARDS_KEY_PAIR_GEN, { CKM_EDDSA }, 1

static const struct key_kind kinds[] = {
    { CKK_RSA, 2048, true, RSA_MECHANISMS },
    { CKK_RSA, 3072, true, RSA_MECHANISMS },
    { CKK_RSA, 4096, true, RSA_MECHANISMS },
    { CKK_EC, 256, true, EC_MECHANISMS },
    { CKK_EC, 384, true, EC_MECHANISMS },
    { CKK_EC, 521, true, EC_MECHANISMS },
    { CKK_EC_EDWARDS, 255, false, EDWARDS_MECHANISMS },
};

const struct key_kind *key_kind_find(CK_KEY_TYPE type, unsigned bits)
{
    const struct key_kind *kind;

    for (EACH_ROW(kind, kinds))
        if (kind->type == type && kind->bits == bits)
            return kind;
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
                        CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *ret,
                        struct public_key **ret_public)
{
    static const uint8_t f4[] = { 1, 0, 1 };
    struct bytes curve = public_key_ec_params(kind->type, kind->bits);
    CK_ATTRIBUTE rsa[] = {
        ATTRIBUTE_NUMBER(CKA_MODULUS_BITS, kind->bits),
        ATTRIBUTE_BYTES(CKA_PUBLIC_EXPONENT, f4, sizeof(f4)),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_VERIFY),
    };
    CK_ATTRIBUTE ec[] = {
        ATTRIBUTE_BYTES(CKA_EC_PARAMS, curve.data, curve.len),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_VERIFY),
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
        if (public_key_verify(NULL, key->public_key, raw, pss, data, BYTES(signature, len)) != CKR_OK)
            return CKR_DATA_INVALID;
        key->is_proved = true;
    }
    buffer_append(ret, BYTES(signature, len));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV key_pair_prove(struct key_handle *key)
{
    const struct key_kind *kind = key_kind_find(key->public_key->type, key->public_key->bits);
    CLEANUP(buffer_clear) struct buffer signature = { .limit = HSM_SIGNATURE_MAX };
    uint8_t digest[HASH_LEN];

    if (!kind || digest_sha256(NULL, bytes_of_text("privyseal v1 proof of a new key"), digest) < 0)
        return CKR_GENERAL_ERROR;
    return key_pair_sign(key, kind->mechanisms[0], NULL, BYTES_OF_ARRAY(digest), true, &signature);
}

bool key_pair_is_lost(CK_RV rv)
{
    return rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID;
}
