/* SPDX-License-Identifier: Apache-2.0 */
/* mechanism.c - the table of mechanisms, of their hashes, and of what each raw one may sign. */
#include "proto/mechanism.h"

#include "include/table.h"
#include "proto/limits.h"

#define NO_KEY       CK_UNAVAILABLE_INFORMATION
#define SIGN_VERIFY  (USE_SIGN | USE_VERIFY)
#define RECOVER      (USE_SIGN_RECOVER | USE_VERIFY_RECOVER)
#define RSA_BITS     2048, 4096
#define EC_BITS      256, 521
#define ED25519_BITS 255, 255

/*
 * In the order in which an application sees them: hashing mechanisms first, because pkcs11-tool --test and
 * others take the first that fits, and a digest made here costs nothing at the server. PKCS#11 v3.1 6.1
 * (RSA), 6.3 (Elliptic Curve), 6.20 to 6.24 (SHA-2).
 */
/* clang-format off */
static const struct mechanism mechanisms[] = {
#define ROW(type_, ...) { .type = type_, .name = #type_, __VA_ARGS__ }
#define RSA(use, hash, raw)     CKK_RSA, use, hash, raw, RSA_BITS, false
#define PSS(use, hash, raw)     CKK_RSA, use, hash, raw, RSA_BITS, true
#define EC(use, hash, raw)      CKK_EC, use, hash, raw, EC_BITS, false
#define ED25519(use, hash, raw) CKK_EC_EDWARDS, use, hash, raw, ED25519_BITS, false
#define DIGEST                  NO_KEY, USE_DIGEST, 0, 0, 0, 0, false
    ROW(CKM_SHA256_RSA_PKCS,         RSA(SIGN_VERIFY,  CKM_SHA256, CKM_RSA_PKCS)),
    ROW(CKM_SHA384_RSA_PKCS,         RSA(SIGN_VERIFY,  CKM_SHA384, CKM_RSA_PKCS)),
    ROW(CKM_SHA512_RSA_PKCS,         RSA(SIGN_VERIFY,  CKM_SHA512, CKM_RSA_PKCS)),
    ROW(CKM_SHA256_RSA_PKCS_PSS,     PSS(SIGN_VERIFY,  CKM_SHA256, CKM_RSA_PKCS_PSS)),
    ROW(CKM_SHA384_RSA_PKCS_PSS,     PSS(SIGN_VERIFY,  CKM_SHA384, CKM_RSA_PKCS_PSS)),
    ROW(CKM_SHA512_RSA_PKCS_PSS,     PSS(SIGN_VERIFY,  CKM_SHA512, CKM_RSA_PKCS_PSS)),
    ROW(CKM_RSA_PKCS,                RSA(SIGN_VERIFY | RECOVER | USE_DECRYPT, 0, CKM_RSA_PKCS)),
    ROW(CKM_RSA_PKCS_PSS,            PSS(SIGN_VERIFY,  0,          CKM_RSA_PKCS_PSS)),
    ROW(CKM_ECDSA_SHA256,            EC(SIGN_VERIFY,   CKM_SHA256, CKM_ECDSA)),
    ROW(CKM_ECDSA_SHA384,            EC(SIGN_VERIFY,   CKM_SHA384, CKM_ECDSA)),
    ROW(CKM_ECDSA_SHA512,            EC(SIGN_VERIFY,   CKM_SHA512, CKM_ECDSA)),
    ROW(CKM_ECDSA,                   EC(SIGN_VERIFY,   0,          CKM_ECDSA)),
    ROW(CKM_EDDSA,                   ED25519(SIGN_VERIFY, 0,       CKM_EDDSA)),
    ROW(CKM_RSA_PKCS_OAEP,           RSA(USE_DECRYPT,  0,          CKM_RSA_PKCS_OAEP)),
    ROW(CKM_ECDH1_DERIVE,            EC(USE_DERIVE,    0,          CKM_ECDH1_DERIVE)),
    ROW(CKM_SHA256,                  DIGEST),
    ROW(CKM_SHA384,                  DIGEST),
    ROW(CKM_SHA512,                  DIGEST),
    ROW(CKM_RSA_PKCS_KEY_PAIR_GEN,   RSA(USE_GENERATE, 0, 0)),
    ROW(CKM_EC_KEY_PAIR_GEN,         EC(USE_GENERATE,  0, 0)),
    ROW(CKM_EC_EDWARDS_KEY_PAIR_GEN, ED25519(USE_GENERATE, 0, 0)),
};
/* clang-format on */

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type)
{
    const struct mechanism *row;

    for (EACH_ROW(row, mechanisms))
        if (row->type == type)
            return row;
    return NULL;
}

const struct mechanism *mechanism_at(size_t index)
{
    return index < ARRAY_SIZE(mechanisms) ? &mechanisms[index] : NULL;
}

/* By number of the bit: rows are only ever added. */
static const CK_MECHANISM_TYPE wire_mechanisms[] = {
    CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA, CKM_EDDSA, CKM_RSA_PKCS_OAEP, CKM_ECDH1_DERIVE,
};

uint32_t mechanism_wire_bit(CK_MECHANISM_TYPE raw)
{
    for (size_t i = 0; i < ARRAY_SIZE(wire_mechanisms); i++)
        if (wire_mechanisms[i] == raw)
            return UINT32_C(1) << i;
    return 0;
}

uint32_t mechanism_wire_bits(void)
{
    return (UINT32_C(1) << ARRAY_SIZE(wire_mechanisms)) - 1;
}

/* ------------------------------------------------------------------------------------------------- hashes */

/* RFC 8017 9.2 (EMSA-PKCS1-v1_5), note 1: DigestInfo up to its digest. */
#define DIGEST_INFO_PREFIX_LEN 19

#define DIGEST_INFO(len, sha2, digest_len)                                                                   \
    {                                                                                                        \
        0x30, len, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, sha2, 0x05, 0x00, \
            0x04, digest_len                                                                                 \
    }

static const struct hash {
    CK_MECHANISM_TYPE type;
    const char *name;
    size_t len;
    CK_RSA_PKCS_MGF_TYPE mgf;
    uint8_t prefix[DIGEST_INFO_PREFIX_LEN];
} hashes[] = {
    { CKM_SHA256, "SHA256", 32, CKG_MGF1_SHA256, DIGEST_INFO(0x31, 0x01, 0x20) },
    { CKM_SHA384, "SHA384", 48, CKG_MGF1_SHA384, DIGEST_INFO(0x41, 0x02, 0x30) },
    { CKM_SHA512, "SHA512", 64, CKG_MGF1_SHA512, DIGEST_INFO(0x51, 0x03, 0x40) },
};

static const struct hash *hash_find(CK_MECHANISM_TYPE type)
{
    const struct hash *row;

    for (EACH_ROW(row, hashes))
        if (row->type == type)
            return row;
    return NULL;
}

const char *mechanism_hash_name(CK_MECHANISM_TYPE type)
{
    const struct hash *hash = hash_find(type);

    return hash ? hash->name : NULL;
}

size_t mechanism_hash_len(CK_MECHANISM_TYPE type)
{
    const struct hash *hash = hash_find(type);

    return hash ? hash->len : 0;
}

CK_RSA_PKCS_MGF_TYPE mechanism_hash_mgf(CK_MECHANISM_TYPE type)
{
    const struct hash *hash = hash_find(type);

    return hash ? hash->mgf : 0;
}

CK_RV mechanism_digest_info(CK_MECHANISM_TYPE type, struct bytes digest, struct buffer *ret)
{
    const struct hash *hash = hash_find(type);

    if (!hash)
        return CKR_MECHANISM_INVALID;
    if (digest.len != hash->len)
        return CKR_DATA_LEN_RANGE;
    buffer_append(ret, BYTES_OF_ARRAY(hash->prefix));
    buffer_append(ret, digest);
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_MECHANISM_TYPE mechanism_hash_of_digest_info(struct bytes data)
{
    const struct hash *row;

    for (EACH_ROW(row, hashes)) {
        if (data.len != sizeof(row->prefix) + row->len)
            continue;
        if (bytes_equal(BYTES(data.data, sizeof(row->prefix)), BYTES_OF_ARRAY(row->prefix)))
            return row->type;
    }
    return 0;
}

/* --------------------------------------------------------------------------------- what may be signed raw */

#define PKCS1_PADDING_MIN 11 /* RFC 8017 9.2: 00 01, eight bytes or more of ff, 00 */
#define ECDSA_DATA_MAX    64 /* the longest digest there is here; a longer one was never a digest */

/* Any content: TLS sends a DigestInfo, pkcs11-tool what it is given. v3.1 6.1.6 (PKCS #1 v1.5 RSA). */
static CK_RV check_rsa_pkcs(unsigned bits, const Privyseal__V1__PssParameters *pss, struct bytes data)
{
    if (pss)
        return CKR_MECHANISM_PARAM_INVALID;
    return data.len <= bits / 8 - PKCS1_PADDING_MIN ? CKR_OK : CKR_DATA_LEN_RANGE;
}

/* One hash for digest and mask: others are legal, and wanted by nobody. v3.1 6.1.10 (PKCS #1 RSA PSS). */
static CK_RV check_rsa_pss(unsigned bits, const Privyseal__V1__PssParameters *pss, struct bytes data)
{
    const struct hash *hash = pss ? hash_find(pss->hash) : NULL;
    size_t encoded_len = (bits - 1 + 7) / 8; /* RFC 8017 9.1.1: emLen = ceil((modBits - 1) / 8) */

    if (!hash || pss->mgf != hash->mgf || pss->salt_len > encoded_len - hash->len - 2)
        return CKR_MECHANISM_PARAM_INVALID;
    return data.len == hash->len ? CKR_OK : CKR_DATA_LEN_RANGE;
}

/* Of a digest longer than the order both ends use its beginning. v3.1 6.3.12 (ECDSA without hashing). */
static CK_RV check_ecdsa(unsigned bits, const Privyseal__V1__PssParameters *pss, struct bytes data)
{
    (void)bits;
    if (pss)
        return CKR_MECHANISM_PARAM_INVALID;
    return data.len >= 1 && data.len <= ECDSA_DATA_MAX ? CKR_OK : CKR_DATA_LEN_RANGE;
}

/* The message itself: pure Ed25519 takes no digest. v3.1 6.3.14 (EdDSA). */
static CK_RV check_eddsa(unsigned bits, const Privyseal__V1__PssParameters *pss, struct bytes data)
{
    (void)bits;
    if (pss)
        return CKR_MECHANISM_PARAM_INVALID;
    return data.len <= SIGN_DATA_MAX ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static const struct raw_rule {
    CK_MECHANISM_TYPE raw;
    CK_RV (*check)(unsigned bits, const Privyseal__V1__PssParameters *pss, struct bytes data);
} raw_rules[] = {
    { CKM_RSA_PKCS, check_rsa_pkcs },
    { CKM_RSA_PKCS_PSS, check_rsa_pss },
    { CKM_ECDSA, check_ecdsa },
    { CKM_EDDSA, check_eddsa },
};

CK_RV mechanism_check_raw(CK_MECHANISM_TYPE raw, CK_KEY_TYPE key_type, unsigned bits,
                          const Privyseal__V1__PssParameters *pss, struct bytes data)
{
    const struct mechanism *mechanism = mechanism_find(raw);
    const struct raw_rule *rule;

    for (EACH_ROW(rule, raw_rules)) {
        if (!mechanism || rule->raw != raw)
            continue;
        if (mechanism->key_type != key_type)
            return CKR_KEY_TYPE_INCONSISTENT;
        if (bits < mechanism->min_bits || bits > mechanism->max_bits)
            return CKR_KEY_SIZE_RANGE;
        return rule->check(bits, pss, data);
    }
    return CKR_MECHANISM_INVALID;
}

/* ------------------------------------------------------------------------------------ what may be decrypted */

/* SHA-1 too: in OAEP nobody needs a collision, and many HSMs know no other. RFC 8017 7.1 (RSAES-OAEP). */
static const struct oaep_hash {
    CK_MECHANISM_TYPE type;
    const char *name;
    CK_RSA_PKCS_MGF_TYPE mgf;
} oaep_hashes[] = {
    { CKM_SHA_1, "SHA1", CKG_MGF1_SHA1 },
    { CKM_SHA256, "SHA256", CKG_MGF1_SHA256 },
    { CKM_SHA384, "SHA384", CKG_MGF1_SHA384 },
    { CKM_SHA512, "SHA512", CKG_MGF1_SHA512 },
};

static const struct oaep_hash *oaep_hash_find(CK_MECHANISM_TYPE type)
{
    const struct oaep_hash *row;

    for (EACH_ROW(row, oaep_hashes))
        if (row->type == type)
            return row;
    return NULL;
}

const char *mechanism_oaep_hash_name(CK_MECHANISM_TYPE hash)
{
    const struct oaep_hash *row = oaep_hash_find(hash);

    return row ? row->name : NULL;
}

_Static_assert(ARRAY_SIZE(oaep_hashes) == MECHANISM_OAEP_HASHES, "as many as the header says");

CK_MECHANISM_TYPE mechanism_oaep_hash_at(size_t index, CK_RSA_PKCS_MGF_TYPE *ret_mgf)
{
    if (index >= ARRAY_SIZE(oaep_hashes))
        return 0;
    *ret_mgf = oaep_hashes[index].mgf;
    return oaep_hashes[index].type;
}

static bool oaep_is_good(const Privyseal__V1__OaepParameters *oaep)
{
    const struct oaep_hash *hash = oaep ? oaep_hash_find(oaep->hash) : NULL;

    return hash && hash->mgf == oaep->mgf;
}

CK_RV mechanism_check_decrypt(CK_MECHANISM_TYPE type, CK_KEY_TYPE key_type, unsigned bits,
                              const Privyseal__V1__OaepParameters *oaep, struct bytes data)
{
    const struct mechanism *mechanism = mechanism_find(type);

    if (!mechanism || !(mechanism->use & USE_DECRYPT))
        return CKR_MECHANISM_INVALID;
    if (mechanism->key_type != key_type)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (type == CKM_RSA_PKCS_OAEP ? !oaep_is_good(oaep) : oaep != NULL)
        return CKR_MECHANISM_PARAM_INVALID;
    return data.len == (bits + 7) / 8 ? CKR_OK : CKR_ENCRYPTED_DATA_LEN_RANGE;
}

/* ------------------------------------------------------------------------------------------------- lengths */

size_t mechanism_signature_len(CK_KEY_TYPE key_type, unsigned bits)
{
    size_t bytes = (bits + 7) / 8;

    return key_type == CKK_RSA ? bytes
                               : 2 * bytes; /* ECDSA: r and s; Ed25519: a point and a number of 32 each */
}
