/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_pair.c - the master keys that are pairs: they sign checkpoints of the audit logs, and certificates. */
#include <stdio.h>
#include <string.h>

#include "include/table.h"
#include "proto/public_key.h"
#include "proxy/hsm/hsm.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/template.h"

#define PUBLIC_LABEL_MAX 64
#define SIGNATURE_LEN    64 /* P-256: r || s */

static const enum master_kind ca_kinds[HSM_CAS] = {
    [HSM_CA_DEVICE] = MASTER_CA_DEVICE,
    [HSM_CA_DOCUMENT] = MASTER_CA_DOCUMENT,
};

static CK_RV pair_sign(struct hsm *hsm, enum master_kind kind, const uint8_t digest[HASH_LEN],
                       uint8_t ret[SIGNATURE_LEN])
{
    const struct master_key *master = master_keys_newest(&hsm->keys, kind);
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    size_t len = SIGNATURE_LEN;
    CK_RV rv;

    rv = hsm_session_sign(&hsm->session, &mechanism, master->handle, BYTES(digest, HASH_LEN), ret, &len);
    return rv == CKR_OK && len != SIGNATURE_LEN ? CKR_DEVICE_ERROR : rv;
}

/* The public half has no rights to check: what it is worth, the certificate or file it is published in says. */
static CK_RV pair_public_key(struct hsm *hsm, enum master_kind kind, struct buffer *ret)
{
    const struct master_key *master = master_keys_newest(&hsm->keys, kind);
    CLEANUP(public_key_free) struct public_key *key = NULL;
    CLEANUP(buffer_clear) struct buffer point = { 0 };
    CK_OBJECT_HANDLE object;
    char label[PUBLIC_LABEL_MAX];
    CK_ULONG count;
    CK_RV rv;

    snprintf(label, sizeof(label), "privyseal %s epoch %u", master_keys_name(kind), master->epoch);
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PUBLIC_KEY),
                                ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)) };

    rv = hsm_session_find(&hsm->session, template, ARRAY_SIZE(template), &object, 1, &count);
    if (rv == CKR_OK && count == 0)
        rv = CKR_KEY_NEEDED;
    if (rv == CKR_OK)
        rv = hsm_session_attribute(&hsm->session, object, CKA_EC_POINT, &point);
    if (rv == CKR_OK)
        rv = public_key_of_ec(NULL, CKK_EC, public_key_ec_params(CKK_EC, 256), buffer_bytes(&point), &key);
    if (rv != CKR_OK)
        return rv;
    buffer_append(ret, buffer_bytes(&key->spki));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV hsm_sign_checkpoint(struct hsm *hsm, const uint8_t digest[HASH_LEN], uint8_t ret[SIGNATURE_LEN])
{
    return pair_sign(hsm, MASTER_AUDIT, digest, ret);
}

CK_RV hsm_audit_public_key(struct hsm *hsm, struct buffer *ret)
{
    return pair_public_key(hsm, MASTER_AUDIT, ret);
}

CK_RV hsm_ca_sign(struct hsm *hsm, enum hsm_ca ca, const uint8_t digest[HASH_LEN], uint8_t ret[SIGNATURE_LEN])
{
    return pair_sign(hsm, ca_kinds[ca], digest, ret);
}

CK_RV hsm_ca_public_key(struct hsm *hsm, enum hsm_ca ca, struct buffer *ret)
{
    return pair_public_key(hsm, ca_kinds[ca], ret);
}
