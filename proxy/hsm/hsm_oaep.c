/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_oaep.c - which hashes the HSM knows for RSA-OAEP, by trial. */
#include "include/table.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/key_pair.h"
#include "proxy/hsm/template.h"

#define TRIAL_BITS 2048

/* An HSM that knows the hash begins, and then finds no OAEP in a block of nothing: which also ends what was begun. */
static bool knows(const struct hsm *hsm, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE hash,
                  CK_RSA_PKCS_MGF_TYPE mgf)
{
    CK_RSA_PKCS_OAEP_PARAMS params = { .hashAlg = hash, .mgf = mgf, .source = CKZ_DATA_SPECIFIED };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };
    CK_BYTE block[TRIAL_BITS / 8] = { 0 }, opened[TRIAL_BITS / 8];
    CK_FUNCTION_LIST *p11 = hsm->session.p11;
    CK_ULONG len = sizeof(opened);

    if (p11->C_DecryptInit(hsm->session.handle, &mechanism, key) != CKR_OK)
        return false;
    p11->C_Decrypt(hsm->session.handle, block, sizeof(block), opened, &len);
    return true;
}

static CK_RV make_key(struct hsm *hsm, CK_OBJECT_HANDLE *ret)
{
    const struct key_use *use = key_use_find(CKK_RSA, KEY_DECRYPTS);
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_ATTRIBUTE template[] = { ATTRIBUTE_FALSE(CKA_TOKEN), ATTRIBUTE_TRUE(CKA_PRIVATE),
                                ATTRIBUTE_TRUE(CKA_SENSITIVE), KEY_USE_ATTRIBUTES(use) };

    hsm->objects_made += 2;
    return key_pair_generate(&hsm->session, key_kind_find(CKK_RSA, TRIAL_BITS), use, template,
                             ARRAY_SIZE(template), ret, &public_key);
}

CK_RV hsm_oaep_hashes(struct hsm *hsm, const CK_MECHANISM_TYPE **ret, size_t *ret_count)
{
    CK_MECHANISM_TYPE hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_OBJECT_HANDLE key;
    CK_RV rv = hsm->knows_oaep ? CKR_OK : make_key(hsm, &key);

    if (rv != CKR_OK)
        return rv;
    if (!hsm->knows_oaep) {
        for (size_t i = 0; (hash = mechanism_oaep_hash_at(i, &mgf)) != 0; i++)
            if (knows(hsm, key, hash, mgf))
                hsm->oaep_hashes[hsm->oaep_count++] = hash;
        hsm_session_destroy(&hsm->session, key);
        hsm->knows_oaep = true;
    }
    *ret = hsm->oaep_hashes;
    *ret_count = hsm->oaep_count;
    return CKR_OK;
}
