/* SPDX-License-Identifier: Apache-2.0 */
/* backup_file.c - what writer and reader of a backup share: its chunks' names and what is signed. */
#include "proto/backup_parts.h"

#include <errno.h>
#include <openssl/err.h>

#include "proto/context.h"
#include "proto/digest.h"

const char backup_magic[] = "privyseal backup 1\n";

int backup_chunk_names(const uint8_t header_digest[HASH_LEN], uint64_t number, bool is_last,
                       struct context *aad, uint8_t nonce[AEAD_NONCE_LEN], struct bytes *ret_aad)
{
    for (int i = 0; i < AEAD_NONCE_LEN; i++)
        nonce[i] = i < 4 ? 0 : (uint8_t)(number >> (8 * (AEAD_NONCE_LEN - 1 - i)));
    *aad = context_of("privyseal v1 backup chunk");
    context_bytes(aad, BYTES(header_digest, HASH_LEN));
    context_number(aad, number);
    context_number(aad, is_last);
    return context_end(aad, ret_aad);
}

int backup_signed_digest(EVP_MD_CTX *running, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 backup");
    uint8_t digest[HASH_LEN];
    struct bytes bytes;

    if (EVP_DigestFinal_ex(running, digest, NULL) != 1) {
        ERR_clear_error();
        return -EIO;
    }
    context_bytes(&context, BYTES_OF_ARRAY(digest));
    return context_end(&context, &bytes) < 0 ? -ENOMEM : digest_sha256(NULL, bytes, ret);
}

EVP_MD_CTX *backup_digest_new(void)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    if (digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1)
        return digest;
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    return NULL;
}
