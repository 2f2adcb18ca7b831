/* SPDX-License-Identifier: Apache-2.0 */
/* key.c - objects, keys and their public halves. */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "conformance/checks/key.h"

CK_ULONG objects_find(struct check *check, CK_ATTRIBUTE *filter, CK_ULONG filter_count,
                      CK_OBJECT_HANDLE *objects, CK_ULONG room)
{
    CK_ULONG found = 0, got = 0;

    REQUIRE(check, C_FindObjectsInit(check->session, filter, filter_count));
    do {
        REQUIRE(check, C_FindObjects(check->session, objects + found, room - found, &got));
        found += got;
    } while (got && found < room);
    REQUIRE(check, C_FindObjectsFinal(check->session));
    return found;
}

CK_OBJECT_HANDLE object_find(struct check *check, CK_OBJECT_CLASS class, const CK_BYTE *id, CK_ULONG id_len)
{
    CK_ATTRIBUTE filter[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, (CK_BYTE *)id, id_len } };
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;

    return objects_find(check, filter, COUNT(filter), &object, 1) ? object : CK_INVALID_HANDLE;
}

CK_OBJECT_HANDLE object_find_class(struct check *check, CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE filter = { CKA_CLASS, &class, sizeof(class) };
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;

    return objects_find(check, &filter, 1, &object, 1) ? object : CK_INVALID_HANDLE;
}

bool object_read(struct check *check, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value,
                 CK_ULONG *len)
{
    CK_ATTRIBUTE attribute = { type, value, *len };

    if (check->p11->C_GetAttributeValue(check->session, object, &attribute, 1) != CKR_OK ||
        attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION)
        return false;
    *len = attribute.ulValueLen;
    return true;
}

/* How long a signature by the key is, from its public half. */
static CK_ULONG signature_len(struct check *check, const struct key *key)
{
    EVP_PKEY *public = key_public(check, key);
    CK_ULONG len = 0;

    if (!public)
        return 0;
    if (key->type == CKK_EC)
        len = 2 * (CK_ULONG)((EVP_PKEY_get_bits(public) + 7) / 8);
    else
        len = (CK_ULONG)EVP_PKEY_get_size(public);
    EVP_PKEY_free(public);
    return len;
}

static void key_load(struct check *check, CK_OBJECT_HANDLE handle, struct key *key)
{
    CK_ULONG type_len = sizeof(key->type), label_len = sizeof(key->label) - 1;

    memset(key, 0, sizeof(*key));
    key->handle = handle;
    key->id_len = sizeof(key->id);
    expect_true(check, object_read(check, handle, CKA_KEY_TYPE, &key->type, &type_len),
                "a key has no CKA_KEY_TYPE");
    expect_true(check, object_read(check, handle, CKA_ID, key->id, &key->id_len), "a key has no CKA_ID");
    if (!object_read(check, handle, CKA_LABEL, key->label, &label_len))
        key->label[0] = '\0';
    key->signature_len = signature_len(check, key);
}

size_t keys_load(struct check *check, struct key *keys)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE filter[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_SIGN, &yes, sizeof(yes) } };
    CK_OBJECT_HANDLE handles[KEYS_MAX];
    CK_ULONG count = objects_find(check, filter, COUNT(filter), handles, COUNT(handles));

    for (CK_ULONG i = 0; i < count; i++)
        key_load(check, handles[i], &keys[i]);
    return count;
}

struct key key_of_type(struct check *check, CK_KEY_TYPE type)
{
    struct key keys[KEYS_MAX];
    size_t count = keys_load(check, keys);

    for (size_t i = 0; i < count; i++)
        if (keys[i].type == type)
            return keys[i];
    check_skip(check, "the token has no key of type %lu", type);
}

bool mechanism_does(struct check *check, CK_MECHANISM_TYPE type, CK_FLAGS flags)
{
    CK_MECHANISM_INFO info;

    return check->p11->C_GetMechanismInfo(check->slot, type, &info) == CKR_OK &&
           (info.flags & flags) == flags;
}

bool mechanism_signs(struct check *check, CK_MECHANISM_TYPE type)
{
    return mechanism_does(check, type, CKF_SIGN);
}

bool key_find_any(struct check *check, struct key *ret, const struct mechanism **ret_mechanism)
{
    struct key keys[KEYS_MAX];
    size_t count = keys_load(check, keys);

    for (int wants_digest = 1; wants_digest >= 0; wants_digest--)
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < mechanism_count; j++) {
                const struct mechanism *mechanism = &mechanisms[j];

                if (mechanism->key_type != keys[i].type || (mechanism->digest != NULL) != wants_digest ||
                    !mechanism_signs(check, mechanism->type))
                    continue;
                *ret = keys[i];
                *ret_mechanism = mechanism;
                return true;
            }
    return false;
}

static EVP_PKEY *build_key(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    EVP_PKEY_fromdata_init(ctx);
    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *read_rsa(struct check *check, CK_OBJECT_HANDLE object)
{
    CK_BYTE modulus[2048], exponent[16];
    CK_ULONG modulus_len = sizeof(modulus), exponent_len = sizeof(exponent);
    OSSL_PARAM_BLD *builder;
    BIGNUM *n, *e;
    EVP_PKEY *key;

    if (!object_read(check, object, CKA_MODULUS, modulus, &modulus_len) ||
        !object_read(check, object, CKA_PUBLIC_EXPONENT, exponent, &exponent_len))
        return NULL;
    builder = OSSL_PARAM_BLD_new();
    n = BN_bin2bn(modulus, (int)modulus_len, NULL);
    e = BN_bin2bn(exponent, (int)exponent_len, NULL);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
    key = build_key("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

/* CKA_EC_PARAMS names the curve by its OID, CKA_EC_POINT is a DER OCTET STRING. v3.1 6.3.3 (EC public key objects). */
static EVP_PKEY *read_ec(struct check *check, CK_OBJECT_HANDLE object, bool is_edwards)
{
    CK_BYTE params[64], point[256];
    CK_ULONG params_len = sizeof(params), point_len = sizeof(point);
    const unsigned char *at = params;
    ASN1_OBJECT *curve;
    ASN1_OCTET_STRING *octets;
    OSSL_PARAM_BLD *builder;
    EVP_PKEY *key = NULL;

    if (!object_read(check, object, CKA_EC_PARAMS, params, &params_len) ||
        !object_read(check, object, CKA_EC_POINT, point, &point_len))
        return NULL;
    curve = is_edwards ? NULL : d2i_ASN1_OBJECT(NULL, &at, (long)params_len);
    at = point;
    octets = d2i_ASN1_OCTET_STRING(NULL, &at, (long)point_len);
    if (octets && is_edwards)
        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, ASN1_STRING_get0_data(octets),
                                          (size_t)ASN1_STRING_length(octets));
    if (octets && curve) {
        builder = OSSL_PARAM_BLD_new();
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, OBJ_nid2sn(OBJ_obj2nid(curve)),
                                        0);
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, ASN1_STRING_get0_data(octets),
                                         (size_t)ASN1_STRING_length(octets));
        key = build_key("EC", builder);
        OSSL_PARAM_BLD_free(builder);
    }
    ASN1_OBJECT_free(curve);
    ASN1_OCTET_STRING_free(octets);
    return key;
}

EVP_PKEY *key_from_public_object(struct check *check, const struct key *key)
{
    CK_OBJECT_HANDLE object = object_find(check, CKO_PUBLIC_KEY, key->id, key->id_len);

    if (object == CK_INVALID_HANDLE)
        return NULL;
    return key->type == CKK_RSA ? read_rsa(check, object)
                                : read_ec(check, object, key->type == CKK_EC_EDWARDS);
}

EVP_PKEY *key_from_certificate(struct check *check, const struct key *key)
{
    CK_OBJECT_HANDLE object = object_find(check, CKO_CERTIFICATE, key->id, key->id_len);
    CK_BYTE value[16384];
    CK_ULONG len = sizeof(value);
    const unsigned char *at = value;
    X509 *certificate;
    EVP_PKEY *public;

    if (object == CK_INVALID_HANDLE || !object_read(check, object, CKA_VALUE, value, &len))
        return NULL;
    certificate = d2i_X509(NULL, &at, (long)len);
    public = X509_get_pubkey(certificate);
    X509_free(certificate);
    return public;
}

EVP_PKEY *key_public(struct check *check, const struct key *key)
{
    EVP_PKEY *public = key_from_public_object(check, key);

    return public ? public : key_from_certificate(check, key);
}

CK_RV sign_init(struct check *check, CK_SESSION_HANDLE session, const struct mechanism *mechanism,
                CK_OBJECT_HANDLE key)
{
    struct mechanism_use use;

    mechanism_use_init(&use, mechanism, mechanism_digest_len(mechanism));
    expect_begin(check, "C_SignInit(session, mechanism, key)");
    return check->p11->C_SignInit(session, &use.ck, key);
}
