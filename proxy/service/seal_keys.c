/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_keys.c - from Kseal to X25519 key pairs, one for each epoch that still lives in the HSM.
 */
#include "proxy/service/seal_keys.h"

#include "proto/context.h"
#include "proto/digest.h"

void seal_epoch_clear(struct seal_epoch *epoch)
{
    secret_free(epoch->private_key);
    *epoch = (struct seal_epoch){ 0 };
}

static CK_RV derive_ikm(struct hsm *hsm, const char *realm, uint32_t number, struct secret **ret)
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 seal key");
    CLEANUP(secret_free) struct secret *ikm = NULL;
    struct bytes input;
    CK_RV rv;

    context_text(&context, realm);
    context_number(&context, number);
    if (context_end(&context, &input) < 0 || secret_new(HASH_LEN, &ikm) < 0)
        return CKR_HOST_MEMORY;
    rv = hsm_mac(hsm, HSM_SEAL, number, input, ikm->data);
    if (rv != CKR_OK)
        return rv;
    *ret = TAKE(ikm);
    return CKR_OK;
}

CK_RV seal_epoch_derive(struct hsm *hsm, const char *realm, uint32_t number, struct seal_epoch *ret)
{
    CLEANUP(secret_free) struct secret *ikm = NULL;
    CLEANUP(secret_free) struct secret *private_key = NULL;
    struct seal_epoch epoch = { .epoch = number };
    CK_RV rv = derive_ikm(hsm, realm, number, &ikm);

    if (rv != CKR_OK)
        return rv;
    if (hpke_derive_key_pair(NULL, secret_bytes(ikm), &private_key, epoch.public_key) < 0)
        return CKR_GENERAL_ERROR;
    if (digest_sha256(NULL, BYTES_OF_ARRAY(epoch.public_key), epoch.key_id) < 0)
        return CKR_GENERAL_ERROR;
    epoch.private_key = TAKE(private_key);
    *ret = epoch;
    return CKR_OK;
}

CK_RV seal_epochs_derive(struct hsm *hsm, const char *realm, struct seal_epoch ret[SEAL_EPOCHS_MAX],
                         size_t *ret_count)
{
    uint32_t newest = hsm_epoch_mac(hsm, HSM_SEAL);
    size_t count = 0;

    for (uint32_t number = newest; number > 0 && count < SEAL_EPOCHS_MAX; number--) {
        CK_RV rv = seal_epoch_derive(hsm, realm, number, &ret[count]);

        if (rv == CKR_KEY_NEEDED && number != newest)
            continue; /* destroyed: what was sealed to it stays sealed */
        if (rv != CKR_OK) {
            while (count > 0)
                seal_epoch_clear(&ret[--count]);
            return rv;
        }
        count++;
    }
    *ret_count = count;
    return count ? CKR_OK : CKR_KEY_NEEDED;
}
