/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_public_key.c - a SubjectPublicKeyInfo out of a certificate or a request: one key has one encoding. */
#include "proto/public_key.h"

#include "proto/mechanism.h"
#include "tests/fuzz/fuzz.h"

/* From its own attributes it is the same key again. */
static struct public_key *from_attributes(const struct public_key *key)
{
    struct public_key *again = NULL;
    CK_RV rv = key->type == CKK_RSA ? public_key_of_rsa(NULL, buffer_bytes(&key->modulus),
                                                        buffer_bytes(&key->exponent), &again)
                                    : public_key_of_ec(NULL, key->type, buffer_bytes(&key->ec_params),
                                                       buffer_bytes(&key->ec_point), &again);

    fuzz_require(rv == CKR_OK);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zeros[512];
    CLEANUP(public_key_free) struct public_key *key = NULL;
    CLEANUP(public_key_free) struct public_key *again = NULL;
    size_t signature_len;

    if (public_key_of_spki(NULL, BYTES(data, size), &key) != CKR_OK)
        return 0;
    fuzz_require(bytes_equal(buffer_bytes(&key->spki), BYTES(data, size)));
    again = from_attributes(key);
    fuzz_require(bytes_equal(buffer_bytes(&again->spki), BYTES(data, size)));
    signature_len = mechanism_signature_len(key->type, key->bits);
    if (key->type == CKK_EC)
        fuzz_require(public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES(zeros, 32),
                                       BYTES(zeros, signature_len)) == CKR_SIGNATURE_INVALID);
    return 0;
}
