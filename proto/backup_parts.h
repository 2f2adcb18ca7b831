/* SPDX-License-Identifier: Apache-2.0 */
/* backup_parts.h - for backup_file.c, backup_write.c and backup_read.c alone. */
#pragma once

#include <openssl/evp.h>

#include "proto/backup_file.h"
#include "proto/context.h"
#include "proto/aead.h"
#include "proto/digest.h"

#define BACKUP_CHUNK_LEN ((size_t)256 * 1024)       /* of content, in each chunk but the last */
#define BACKUP_JSON_MAX  ((size_t)16 * 1024 * 1024) /* header, index */

extern const char backup_magic[];

DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX *);

/* Nonce and associated data of a chunk, which say which one it is. @aad is the caller's to clear. */
MUST_CHECK int backup_chunk_names(const uint8_t header_digest[HASH_LEN], uint64_t number, bool is_last,
                                  struct context *aad, uint8_t nonce[AEAD_NONCE_LEN], struct bytes *ret_aad);
EVP_MD_CTX *backup_digest_new(void); /* NULL: OpenSSL failed */
/* What is signed, when @running has seen all before the signature. */
MUST_CHECK int backup_signed_digest(EVP_MD_CTX *running, uint8_t ret[HASH_LEN]);
