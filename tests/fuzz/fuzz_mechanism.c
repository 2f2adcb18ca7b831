/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mechanism.c - what an application wants signed: a DigestInfo or not, and whether it may be. */
#include "proto/mechanism.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

/* The first bytes choose mechanism, key and parameters; the rest is the data. */
struct header {
    uint8_t mechanism, key_type, pss_hash, pss_mgf;
    uint16_t bits, salt_len;
};

static void check_raw(const struct header *header, struct bytes data)
{
    static const CK_KEY_TYPE types[] = { CKK_RSA, CKK_EC, CKK_EC_EDWARDS, CKK_AES };
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;
    const struct mechanism *mechanism = mechanism_at(header->mechanism % 32);
    CK_KEY_TYPE type = types[header->key_type % 4];
    CK_RV rv;

    pss.hash = header->pss_hash % 2 ? CKM_SHA256 : header->pss_hash;
    pss.mgf = header->pss_mgf;
    pss.salt_len = header->salt_len;
    rv = mechanism_check_raw(mechanism ? mechanism->type : header->mechanism, type, header->bits,
                             header->pss_hash & 0x80 ? NULL : &pss, data);
    if (rv == CKR_OK)
        fuzz_require(mechanism && mechanism->raw == mechanism->type && mechanism->key_type == type &&
                     data.len <= 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buffer_clear) struct buffer again = { 0 };
    struct header header;
    CK_MECHANISM_TYPE hash = mechanism_hash_of_digest_info(BYTES(data, size));
    size_t len = mechanism_hash_len(hash);

    if (hash) {
        fuzz_require(mechanism_digest_info(hash, BYTES(data + size - len, len), &again) == CKR_OK);
        fuzz_require(bytes_equal(buffer_bytes(&again), BYTES(data, size)));
    }
    if (size < sizeof(header))
        return 0;
    memcpy(&header, data, sizeof(header));
    check_raw(&header, BYTES(data + sizeof(header), size - sizeof(header)));
    return 0;
}
