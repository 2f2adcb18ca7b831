/* SPDX-License-Identifier: Apache-2.0 */
/* mechanism_use.c - a token's mechanisms, as far as an application is concerned. */
#include "module/core/mechanism_use.h"

#include <string.h>

#include "include/table.h"
#include "proto/pkcs11_more.h"

#define DIGEST_MAX 64 /* bytes of the longest hash, SHA-512 */

struct flag_row {
    unsigned use;
    CK_FLAGS flags;
};

/* Signing and generation happen in the HSM behind the token, so they say CKF_HW, without which pkcs11-tool
 * --test passes them over; hashing is done here and does not. */
static const struct flag_row flag_rows[] = {
    { USE_SIGN, CKF_SIGN | CKF_MESSAGE_SIGN | CKF_MULTI_MESSAGE | CKF_HW },
    { USE_VERIFY, CKF_VERIFY | CKF_MESSAGE_VERIFY },
    { USE_DIGEST, CKF_DIGEST },
    { USE_GENERATE, CKF_GENERATE_KEY_PAIR | CKF_HW },
    { USE_DECRYPT, CKF_DECRYPT | CKF_ENCRYPT | CKF_HW },
    { USE_DERIVE, CKF_DERIVE | CKF_HW },
    { USE_SIGN_RECOVER, CKF_SIGN_RECOVER | CKF_HW },
    { USE_VERIFY_RECOVER, CKF_VERIFY_RECOVER },
};

/* What mechanisms of a private key's usage have. */
static const unsigned use_of_usage[] = {
    [PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN] = USE_SIGN,
    [PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT] = USE_DECRYPT,
    [PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE] = USE_DERIVE,
};

static bool snapshot_has(const Privyseal__V1__Snapshot *snapshot, CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < snapshot->n_mechanism; i++) {
        if (snapshot->mechanism[i] == type)
            return true;
    }
    return false;
}

static bool is_offered(const Privyseal__V1__Snapshot *snapshot, const struct mechanism *row)
{
    if (row->use & USE_DIGEST)
        return true;
    return snapshot_has(snapshot, row->use & USE_GENERATE ? row->type : row->raw);
}

static void list_add(struct mechanism_list *list, CK_MECHANISM_TYPE type)
{
    if (list->count < MECHANISMS_MAX)
        list->type[list->count++] = type;
}

void mechanism_list_offered(const Privyseal__V1__Snapshot *snapshot, struct mechanism_list *ret)
{
    const struct mechanism *row;

    ret->count = 0;
    for (size_t i = 0; (row = mechanism_at(i)); i++) {
        if (is_offered(snapshot, row))
            list_add(ret, row->type);
    }
}

void mechanism_list_allowed(const Privyseal__V1__Snapshot *snapshot, CK_KEY_TYPE key_type,
                            Privyseal__V1__KeyUsage usage, struct mechanism_list *ret)
{
    unsigned use = (size_t)usage < ARRAY_SIZE(use_of_usage) ? use_of_usage[usage] : 0;
    const struct mechanism *row;

    ret->count = 0;
    for (size_t i = 0; (row = mechanism_at(i)); i++) {
        if (row->use & use && row->key_type == key_type && is_offered(snapshot, row))
            list_add(ret, row->type);
    }
}

CK_RV mechanism_offered(const Privyseal__V1__Snapshot *snapshot, CK_MECHANISM_TYPE type,
                        enum mechanism_use use, const struct mechanism **ret)
{
    const struct mechanism *row = mechanism_find(type);

    if (!row || !(row->use & use) || !is_offered(snapshot, row))
        return CKR_MECHANISM_INVALID;
    *ret = row;
    return CKR_OK;
}

void mechanism_describe(const struct mechanism *row, CK_MECHANISM_INFO *ret)
{
    const struct flag_row *flag;

    *ret = (CK_MECHANISM_INFO){ .ulMinKeySize = row->min_bits, .ulMaxKeySize = row->max_bits };
    for (EACH_ROW(flag, flag_rows)) {
        if (row->use & flag->use)
            ret->flags |= flag->flags;
    }
    /* v3.1 6.3 (Elliptic curve): prime fields, named by an OID, points uncompressed. */
    if (row->key_type == CKK_EC)
        ret->flags |= CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
}

static CK_RV read_pss(const struct mechanism *row, const CK_MECHANISM *mechanism,
                      Privyseal__V1__PssParameters *ret)
{
    CK_RSA_PKCS_PSS_PARAMS params;

    if (!mechanism->pParameter || mechanism->ulParameterLen != sizeof(params))
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&params, mechanism->pParameter, sizeof(params)); /* the application's may lie unaligned */
    if (!mechanism_hash_len(params.hashAlg) || (row->hash && row->hash != params.hashAlg))
        return CKR_MECHANISM_PARAM_INVALID;
    if (params.sLen > UINT32_MAX)
        return CKR_MECHANISM_PARAM_INVALID;
    ret->hash = params.hashAlg;
    ret->mgf = params.mgf;
    ret->salt_len = (uint32_t)params.sLen;
    return CKR_OK;
}

CK_RV mechanism_read_parameter(const struct mechanism *row, const CK_MECHANISM *mechanism, unsigned bits,
                               Privyseal__V1__PssParameters *ret)
{
    static const uint8_t zeros[DIGEST_MAX];
    CK_RV rv;

    privyseal__v1__pss_parameters__init(ret);
    if (bits < row->min_bits || bits > row->max_bits)
        return CKR_KEY_SIZE_RANGE;
    if (!row->has_pss)
        return mechanism->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
    rv = read_pss(row, mechanism, ret);
    if (rv != CKR_OK)
        return rv;
    /* Whether mask and salt suit hash and key is known now, and any digest will do to ask. */
    return mechanism_check_raw(row->raw, row->key_type, bits, ret,
                               BYTES(zeros, mechanism_hash_len(ret->hash)));
}

static bool has_oaep_hash(const Privyseal__V1__Snapshot *snapshot, CK_MECHANISM_TYPE hash)
{
    for (size_t i = 0; i < snapshot->n_oaep_hash; i++) {
        if (snapshot->oaep_hash[i] == hash)
            return true;
    }
    return false;
}

CK_RV mechanism_read_oaep(const Privyseal__V1__Snapshot *snapshot, const struct mechanism *row,
                          const CK_MECHANISM *mechanism, Privyseal__V1__OaepParameters *memory,
                          const Privyseal__V1__OaepParameters **ret_oaep)
{
    CK_RSA_PKCS_OAEP_PARAMS params;

    *ret_oaep = NULL;
    if (row->type != CKM_RSA_PKCS_OAEP)
        return mechanism->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
    if (!mechanism->pParameter || mechanism->ulParameterLen != sizeof(params))
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&params, mechanism->pParameter, sizeof(params)); /* the application's may lie unaligned */
    if (params.ulSourceDataLen || (params.source && params.source != CKZ_DATA_SPECIFIED) ||
        !has_oaep_hash(snapshot, params.hashAlg))
        return CKR_MECHANISM_PARAM_INVALID;
    privyseal__v1__oaep_parameters__init(memory);
    memory->hash = params.hashAlg;
    memory->mgf = params.mgf;
    *ret_oaep = memory;
    return CKR_OK;
}
