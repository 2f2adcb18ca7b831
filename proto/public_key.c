/* SPDX-License-Identifier: Apache-2.0 */
/*
 * public_key.c - keys from SubjectPublicKeyInfo or from an HSM's attributes, all through the same parts.
 *
 * However a key arrives, it is built from its parts and encoded anew: one key has one encoding
 * and so one name. Source: RFC 5280 4.1.2.7, RFC 3279 2.3 (RSA), RFC 5480 2 (EC), RFC 8410 (Ed25519).
 */
#include "proto/public_key.h"

#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "include/table.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proto/spki.h"

#define SPKI_MAX         1024 /* bytes; an RSA-4096 key's has about 550 */
#define RSA_EXPONENT_MAX 8    /* bytes: what OpenSSL verifies with at every size */

DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX *);
DEFINE_CLEANUP(BN_free, BIGNUM *);
DEFINE_CLEANUP(OSSL_PARAM_BLD_free, OSSL_PARAM_BLD *);
DEFINE_CLEANUP(OSSL_PARAM_free, OSSL_PARAM *);

static const struct curve {
    CK_KEY_TYPE type;
    unsigned bits;
    const char *group; /* OpenSSL's name of the group, or of the key type */
    size_t point_len;
    size_t params_len;
    uint8_t params[10]; /* the DER OID. RFC 5480 2.1.1.1 (Named Curve), RFC 8410 3 */
} curves[] = {
    { CKK_EC, 256, "prime256v1", 65, 10, { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 } },
    { CKK_EC, 384, "secp384r1", 97, 7, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 } },
    { CKK_EC, 521, "secp521r1", 133, 7, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 } },
    { CKK_EC_EDWARDS, 255, "ED25519", 32, 5, { 0x06, 0x03, 0x2b, 0x65, 0x70 } },
};

/* The other name of Ed25519, as a DER PrintableString "edwards25519". PKCS#11 v3.1 6.3 (Elliptic Curve). */
static const uint8_t edwards25519_name[] = { 0x13, 0x0c, 'e', 'd', 'w', 'a', 'r',
                                             'd',  's',  '2', '5', '5', '1', '9' };

static struct bytes curve_params(const struct curve *curve)
{
    return BYTES(curve->params, curve->params_len);
}

struct bytes public_key_ec_params(CK_KEY_TYPE type, unsigned bits)
{
    const struct curve *curve;

    for (EACH_ROW(curve, curves))
        if (curve->type == type && curve->bits == bits)
            return curve_params(curve);
    return BYTES_NONE;
}

static const struct curve *curve_of_params(CK_KEY_TYPE type, struct bytes params)
{
    const struct curve *curve;

    if (type == CKK_EC_EDWARDS && bytes_equal(params, BYTES_OF_ARRAY(edwards25519_name)))
        params = public_key_ec_params(CKK_EC_EDWARDS, 255);
    for (EACH_ROW(curve, curves))
        if (curve->type == type && bytes_equal(curve_params(curve), params))
            return curve;
    return NULL;
}

void public_key_free(struct public_key *key)
{
    if (!key)
        return;
    buffer_clear(&key->spki);
    buffer_clear(&key->modulus);
    buffer_clear(&key->exponent);
    buffer_clear(&key->ec_params);
    buffer_clear(&key->ec_point);
    EVP_PKEY_CTX_free(key->verifying);
    EVP_PKEY_free(key->pkey);
    free(key);
}

/* --------------------------------------------------------------------------------------- out of the parts */

/* Takes @pkey, encodes and names it. Whoever calls this adds the parts. */
static CK_RV key_new(OSSL_LIB_CTX *libctx, const struct spki *spki, unsigned bits, EVP_PKEY *pkey,
                     struct public_key **ret)
{
    CLEANUP(public_key_free) struct public_key *key = calloc(1, sizeof(*key));

    if (!key) {
        EVP_PKEY_free(pkey);
        return CKR_HOST_MEMORY;
    }
    key->type = spki->type;
    key->bits = bits;
    key->pkey = pkey;
    spki_write(spki, &key->spki);
    if (key->spki.failed)
        return CKR_HOST_MEMORY;
    if (digest_sha256(libctx, buffer_bytes(&key->spki), key->name) < 0)
        return CKR_GENERAL_ERROR;
    *ret = TAKE(key);
    return CKR_OK;
}

/*
 * Key types by OID, RFC 8017 appendix A.1 and RFC 5480 2.1.1, where "RSA" and "EC" would do: under a name that
 * OpenSSL knows from old times, an engine that the host has made its default (OpenSSL's own pkcs11 engine, which is
 * how it comes to load us) would be given the key, whatever @libctx says.
 */
#define OID_RSA "1.2.840.113549.1.1.1"
#define OID_EC  "1.2.840.10045.2.1"

static CK_RV pkey_of_parts(OSSL_LIB_CTX *libctx, const char *type, OSSL_PARAM *params, EVP_PKEY **ret)
{
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, NULL);

    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
        return CKR_GENERAL_ERROR;
    return EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) == 1 ? CKR_OK : CKR_DATA_INVALID;
}

static CK_RV rsa_pkey(OSSL_LIB_CTX *libctx, struct bytes modulus, struct bytes exponent, EVP_PKEY **ret)
{
    CLEANUP(BN_free) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
    CLEANUP(BN_free) BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    CLEANUP(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    CLEANUP(OSSL_PARAM_free) OSSL_PARAM *params = NULL;

    if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return CKR_HOST_MEMORY;
    params = OSSL_PARAM_BLD_to_param(builder);
    return params ? pkey_of_parts(libctx, OID_RSA, params, ret) : CKR_HOST_MEMORY;
}

/* HSMs pad numbers as they like; our attributes and lengths have no zeros in front. */
static struct bytes without_zeros(struct bytes number)
{
    while (number.len && number.data[0] == 0)
        number = BYTES(number.data + 1, number.len - 1);
    return number;
}

CK_RV public_key_of_rsa(OSSL_LIB_CTX *libctx, struct bytes modulus, struct bytes exponent,
                        struct public_key **ret)
{
    const struct mechanism *row = mechanism_find(CKM_RSA_PKCS);
    CLEANUP(public_key_free) struct public_key *key = NULL;
    EVP_PKEY *pkey = NULL;
    size_t bits;
    CK_RV rv;

    modulus = without_zeros(modulus);
    exponent = without_zeros(exponent);
    bits = modulus.len * 8;
    /* A modulus fills its bytes: a signature's length tells the key's size, and padding has its room. */
    if (bits < row->min_bits || bits > row->max_bits || !(modulus.data[0] & 0x80))
        return CKR_KEY_SIZE_RANGE;
    if (exponent.len == 0 || exponent.len > RSA_EXPONENT_MAX)
        return CKR_DATA_INVALID;
    if (!(modulus.data[modulus.len - 1] & 1) || !(exponent.data[exponent.len - 1] & 1) ||
        (exponent.len == 1 && exponent.data[0] == 1))
        return CKR_DATA_INVALID;
    rv = rsa_pkey(libctx, modulus, exponent, &pkey);
    if (rv != CKR_OK)
        return rv;
    rv = key_new(libctx, &(struct spki){ .type = CKK_RSA, .modulus = modulus, .exponent = exponent },
                 (unsigned)bits, pkey, &key);
    if (rv != CKR_OK)
        return rv;
    buffer_append(&key->modulus, modulus);
    buffer_append(&key->exponent, exponent);
    if (key->modulus.failed || key->exponent.failed)
        return CKR_HOST_MEMORY;
    *ret = TAKE(key);
    return CKR_OK;
}

static CK_RV ec_pkey(OSSL_LIB_CTX *libctx, const struct curve *curve, struct bytes point, EVP_PKEY **ret)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point.data, point.len),
        OSSL_PARAM_construct_end(),
    };

    if (curve->type == CKK_EC)
        return point.data[0] == POINT_CONVERSION_UNCOMPRESSED ? pkey_of_parts(libctx, OID_EC, params, ret)
                                                              : CKR_DATA_INVALID;
    *ret = EVP_PKEY_new_raw_public_key_ex(libctx, curve->group, NULL, point.data, point.len);
    return *ret ? CKR_OK : CKR_DATA_INVALID;
}

/* The header of a DER OCTET STRING of @len bytes; its own length, 2 or 3, is the answer. */
static size_t octet_string_header(size_t len, uint8_t ret[3])
{
    ret[0] = 0x04;
    ret[1] = len < 0x80 ? (uint8_t)len : 0x81;
    ret[2] = (uint8_t)len;
    return len < 0x80 ? 2 : 3;
}

/*
 * A point as HSMs hand it out: as it is, or in the OCTET STRING that the standard asks for. Its length
 * decides, for an uncompressed point starts with an OCTET STRING's tag. PKCS#11 v3.1 6.3.3 (Short Weierstrass
 * EC public keys).
 */
static struct bytes bare_point(const struct curve *curve, struct bytes point)
{
    uint8_t header[3];
    size_t len = octet_string_header(curve->point_len, header);

    if (point.len == len + curve->point_len && memcmp(point.data, header, len) == 0)
        return BYTES(point.data + len, curve->point_len);
    return point.len == curve->point_len ? point : BYTES_NONE;
}

static CK_RV key_of_point(OSSL_LIB_CTX *libctx, const struct curve *curve, struct bytes point,
                          struct public_key **ret)
{
    CLEANUP(public_key_free) struct public_key *key = NULL;
    EVP_PKEY *pkey = NULL;
    uint8_t header[3];
    CK_RV rv;

    rv = ec_pkey(libctx, curve, point, &pkey);
    if (rv != CKR_OK)
        return rv;
    rv = key_new(libctx, &(struct spki){ .type = curve->type, .params = curve_params(curve), .point = point },
                 curve->bits, pkey, &key);
    if (rv != CKR_OK)
        return rv;
    buffer_append(&key->ec_params, curve_params(curve));
    buffer_append(&key->ec_point, BYTES(header, octet_string_header(point.len, header)));
    buffer_append(&key->ec_point, point);
    if (key->ec_params.failed || key->ec_point.failed)
        return CKR_HOST_MEMORY;
    *ret = TAKE(key);
    return CKR_OK;
}

CK_RV public_key_of_ec(OSSL_LIB_CTX *libctx, CK_KEY_TYPE type, struct bytes params, struct bytes point,
                       struct public_key **ret)
{
    const struct curve *curve = curve_of_params(type, params);

    if (!curve)
        return CKR_KEY_TYPE_INCONSISTENT;
    point = bare_point(curve, point);
    return point.len ? key_of_point(libctx, curve, point, ret) : CKR_DATA_INVALID;
}

/* -------------------------------------------------------------------------- out of a SubjectPublicKeyInfo */

/* The point as its own encoding has it: what an HSM may pad or wrap is not looked for here. */
static CK_RV key_of_curve(OSSL_LIB_CTX *libctx, const struct spki *spki, struct public_key **ret)
{
    const struct curve *curve = curve_of_params(spki->type, spki->params);

    if (!curve)
        return CKR_KEY_TYPE_INCONSISTENT;
    return spki->point.len == curve->point_len ? key_of_point(libctx, curve, spki->point, ret)
                                               : CKR_DATA_INVALID;
}

CK_RV public_key_of_spki(OSSL_LIB_CTX *libctx, struct bytes der, struct public_key **ret)
{
    struct spki spki;
    CK_RV rv;

    if (der.len == 0 || der.len > SPKI_MAX)
        return CKR_DATA_INVALID;
    rv = spki_read(der, &spki);
    if (rv != CKR_OK)
        return rv;
    return spki.type == CKK_RSA ? public_key_of_rsa(libctx, spki.modulus, spki.exponent, ret)
                                : key_of_curve(libctx, &spki, ret);
}
