/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_file.h - a backup: what anybody may read of it, what only a quorum may, and who vouches for all of it.
 *
 *   file    = "privyseal backup 1\n" header chunk* 0 (4) index signature
 *   header, index, signature = length (4) and as many bytes; the first two are JSON
 *   chunk   = length (4), AES-256-GCM of a part of the content: nonce = 0 (4), number (8); aad = context("privyseal v1
 *             backup chunk", SHA-256 of the header, number, 1 if it is the last)
 *   content = ( 'F' mode (4) name | 'D' bytes | 'E' )*, names and bytes with a length (4) before them
 * The key is random, and dealt to the officers in the header's member "secret" (quorum.h). The signature is the HSM's
 * audit key's over SHA-256(context("privyseal v1 backup", SHA-256 of all before the signature's length)).
 * Errors of all: -errno of the file, -EBADMSG (not such a file, or altered), -ENOMEM, -EIO.
 */
#pragma once

#include <stdio.h>

#include "proto/quorum.h"

#define BACKUP_SECRET   "backup" /* what the officers' shares of its key are called */
#define BACKUP_NAME_MAX 1024     /* bytes of an entry's name */

/* ----------------------------------------------------------------------------------------------------- writing */

struct backup_writer;

/* A new file of mode 0600; what is not finished is removed again. @key: 32 bytes. */
MUST_CHECK int backup_create(const char *path, const json_t *header, struct bytes key,
                             struct backup_writer **ret);
void backup_writer_free(struct backup_writer *writer);
DEFINE_CLEANUP(backup_writer_free, struct backup_writer *);
MUST_CHECK int backup_begin(struct backup_writer *writer, const char *name, uint32_t mode);
MUST_CHECK int backup_data(struct backup_writer *writer, struct bytes data);
MUST_CHECK int backup_end(struct backup_writer *writer);
/* @ret_entries: an array {name, size}, which @index should have as well. Lent. */
const json_t *backup_entries(const struct backup_writer *writer);
/* No more entries: writes the index. @ret: what is to be signed. */
MUST_CHECK int backup_seal(struct backup_writer *writer, const json_t *index, uint8_t ret[HASH_LEN]);
/* On the disk under its name when this returns. */
MUST_CHECK int backup_finish(struct backup_writer *writer, struct bytes signature);

/* ----------------------------------------------------------------------------------------------------- reading */

struct backup_file {
    FILE *file;
    json_t *header, *index;
    uint8_t header_digest[HASH_LEN];
    uint8_t digest[HASH_LEN]; /* what the signature is over */
    struct buffer signature;
    long content; /* where the chunks begin */
};

/* Reads all of it once. What it says is worth nothing before the signature was checked. */
MUST_CHECK int backup_open(const char *path, struct backup_file *ret);
void backup_file_clear(struct backup_file *backup);
DEFINE_CLEAR(backup_file_clear, struct backup_file);

/* An entry's begin, data, end. Names are relative, without "..". */
struct backup_sink {
    int (*begin)(void *arg, const char *name, uint32_t mode);
    int (*data)(void *arg, struct bytes data);
    int (*end)(void *arg);
};

/* Errors: also what @sink returns. */
MUST_CHECK int backup_extract(struct backup_file *backup, struct bytes key, const struct backup_sink *sink,
                              void *arg);
