/* SPDX-License-Identifier: Apache-2.0 */
/* fake_hsm.c - HMAC-SHA256 under keys that are their own kind and epoch, repeated; seals that hide a little. */
#include "tests/support/fake_hsm.h"

#include <string.h>

#include "proto/digest.h"
#include "proxy/hsm/row_seal.h"

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

uint32_t hsm_epoch_derive(const struct hsm *hsm)
{
    return hsm->epoch;
}

CK_RV hsm_random(struct hsm *hsm, uint8_t *data, size_t len)
{
    hsm->calls++;
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(hsm->random += 37);
    return hsm->failure;
}

/* What stands before the hidden content: a MAC over what the row is sealed for. */
static CK_RV seal_tag(struct hsm *hsm, const struct row_seal *seal, uint8_t ret[HASH_LEN])
{
    struct bytes aad;

    return context_end(seal->aad, &aad) < 0 ? CKR_HOST_MEMORY
                                            : hsm_mac(hsm, HSM_SEAL, seal->kd_epoch, aad, ret);
}

CK_RV row_seal(struct hsm *hsm, const struct row_seal *seal, struct bytes plaintext, struct buffer *ret)
{
    uint8_t tag[HASH_LEN];
    CK_RV rv = seal_tag(hsm, seal, tag);

    buffer_append(ret, BYTES_OF_ARRAY(tag));
    for (size_t i = 0; i < plaintext.len; i++)
        buffer_append_u8(ret, plaintext.data[i] ^ tag[i % HASH_LEN]);
    return rv;
}

CK_RV row_open(struct hsm *hsm, const struct row_seal *seal, struct bytes sealed, struct secret **ret)
{
    uint8_t tag[HASH_LEN];
    CK_RV rv = seal_tag(hsm, seal, tag);

    if (rv != CKR_OK)
        return rv;
    if (sealed.len <= HASH_LEN || memcmp(sealed.data, tag, HASH_LEN) != 0)
        return CKR_ENCRYPTED_DATA_INVALID;
    if (secret_copy(BYTES(sealed.data + HASH_LEN, sealed.len - HASH_LEN), ret) < 0)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; i < (*ret)->len; i++)
        (*ret)->data[i] ^= tag[i % HASH_LEN];
    return CKR_OK;
}
