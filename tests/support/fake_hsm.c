/* SPDX-License-Identifier: Apache-2.0 */
/* fake_hsm.c - HMAC-SHA256 under keys that are their own kind and epoch, repeated. */
#include "tests/support/fake_hsm.h"

#include <string.h>

#include "proto/digest.h"

CK_RV hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
              uint8_t ret[HASH_LEN])
{
    uint8_t value[HASH_LEN];

    hsm->calls++;
    if (hsm->failure != CKR_OK)
        return hsm->failure;
    if (epoch > hsm->epoch || epoch < hsm->oldest_epoch)
        return CKR_KEY_NEEDED;
    memset(value, (int)(16 * key + epoch), sizeof(value));
    return digest_hmac(NULL, BYTES_OF_ARRAY(value), input, ret) < 0 ? CKR_DEVICE_ERROR : CKR_OK;
}

uint32_t hsm_epoch_mac(const struct hsm *hsm, enum hsm_mac_key key)
{
    (void)key;
    return hsm->epoch;
}
