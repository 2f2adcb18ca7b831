/* SPDX-License-Identifier: Apache-2.0 */
/* backup_read.c - a backup read through once for its signature, and once for its content. */
#include <errno.h>
#include <string.h>

#include "proto/backup_parts.h"

#define CHUNK_MAX     (BACKUP_CHUNK_LEN + AEAD_TAG_LEN)
#define SIGNATURE_MAX 1024

/* Reads @len bytes of the file into @ret, past the running digest if there is one. */
static int get(FILE *file, EVP_MD_CTX *digest, size_t len, struct buffer *ret)
{
    CLEANUP(free_bytes) uint8_t *bytes = malloc(len + 1);

    if (!bytes)
        return -ENOMEM;
    if (fread(bytes, 1, len, file) != len)
        return ferror(file) ? -EIO : -EBADMSG;
    if (digest && EVP_DigestUpdate(digest, bytes, len) != 1)
        return -EIO;
    buffer_append(ret, BYTES(bytes, len));
    return ret->failed ? -ENOMEM : 0;
}

static int get_run(FILE *file, EVP_MD_CTX *digest, size_t max, struct buffer *ret)
{
    CLEANUP(buffer_clear) struct buffer head = { 0 };
    struct reader reader;
    uint32_t len;
    int r = get(file, digest, 4, &head);

    if (r < 0)
        return r;
    reader = reader_of(buffer_bytes(&head));
    len = reader_u32(&reader);
    return len > max ? -EBADMSG : get(file, digest, len, ret);
}

static int get_json(FILE *file, EVP_MD_CTX *digest, json_t **ret, uint8_t ret_digest[HASH_LEN])
{
    CLEANUP(buffer_clear) struct buffer text = { .limit = BACKUP_JSON_MAX };
    int r = get_run(file, digest, BACKUP_JSON_MAX, &text);

    if (r == 0)
        r = digest_sha256(NULL, buffer_bytes(&text), ret_digest);
    if (r < 0)
        return r;
    *ret = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(*ret) ? 0 : -EBADMSG;
}

static int skip_chunks(FILE *file, EVP_MD_CTX *digest)
{
    size_t len = 1;
    int r = 0;

    while (r == 0 && len > 0) {
        CLEANUP(buffer_clear) struct buffer chunk = { 0 };

        r = get_run(file, digest, CHUNK_MAX, &chunk);
        len = chunk.len;
    }
    return r;
}

static int scan(struct backup_file *backup, EVP_MD_CTX *digest)
{
    CLEANUP(buffer_clear) struct buffer magic = { 0 };
    uint8_t ignored[HASH_LEN];
    int r = get(backup->file, digest, strlen(backup_magic), &magic);

    if (r == 0 && !bytes_equal(buffer_bytes(&magic), bytes_of_text(backup_magic)))
        r = -EBADMSG;
    if (r == 0)
        r = get_json(backup->file, digest, &backup->header, backup->header_digest);
    backup->content = ftell(backup->file);
    if (r == 0)
        r = skip_chunks(backup->file, digest);
    if (r == 0)
        r = get_json(backup->file, digest, &backup->index, ignored);
    if (r == 0)
        r = backup_signed_digest(digest, backup->digest);
    if (r == 0)
        r = get_run(backup->file, NULL, SIGNATURE_MAX, &backup->signature);
    return r == 0 && fgetc(backup->file) != EOF ? -EBADMSG : r;
}

int backup_open(const char *path, struct backup_file *ret)
{
    CLEANUP(backup_file_clear) struct backup_file backup = { .file = fopen(path, "re") };
    CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *digest = backup_digest_new();
    int r;

    if (!backup.file)
        return -errno;
    r = digest ? scan(&backup, digest) : -ENOMEM;
    if (r < 0)
        return r;
    *ret = backup;
    backup = (struct backup_file){ 0 };
    return 0;
}

void backup_file_clear(struct backup_file *backup)
{
    if (backup->file)
        fclose(backup->file);
    json_decref(backup->header);
    json_decref(backup->index);
    buffer_clear(&backup->signature);
    *backup = (struct backup_file){ 0 };
}

/* -------------------------------------------------------------------------------------------------- the content */

/* Content on its way from chunks to entries. */
struct extraction {
    struct backup_file *backup;
    struct bytes key;
    struct secret *chunk; /* opened */
    size_t at;            /* in it */
    uint64_t number;      /* of the next */
    bool is_last;         /* the one that is open */
};

/* Opens @sealed as an ordinary chunk, else as the last one. */
static int open_chunk(struct extraction *extraction, struct bytes sealed)
{
    int r = -EBADMSG;

    for (int is_last = 0; r == -EBADMSG && is_last < 2; is_last++) {
        CLEANUP(context_clear) struct context context = { 0 };
        uint8_t nonce[AEAD_NONCE_LEN];
        struct bytes aad;

        r = backup_chunk_names(extraction->backup->header_digest, extraction->number, is_last, &context,
                               nonce, &aad);
        if (r == 0)
            r = aead_open(NULL, extraction->key, BYTES_OF_ARRAY(nonce), aad, sealed, &extraction->chunk);
        extraction->is_last = is_last;
    }
    return r;
}

static int next_chunk(struct extraction *extraction)
{
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    int r = extraction->is_last ? -EBADMSG : get_run(extraction->backup->file, NULL, CHUNK_MAX, &sealed);

    secret_free(TAKE(extraction->chunk));
    if (r == 0)
        r = open_chunk(extraction, buffer_bytes(&sealed));
    extraction->number++;
    extraction->at = 0;
    return r;
}

/* Nothing is left of this chunk, and none follows. */
static bool is_at_end(const struct extraction *extraction)
{
    return extraction->is_last && extraction->at == extraction->chunk->len;
}

/* Up to @max bytes of content, lent until the next call. */
static int take(struct extraction *extraction, size_t max, struct bytes *ret)
{
    size_t len;
    int r = 0;

    while (r == 0 && (!extraction->chunk || extraction->at == extraction->chunk->len))
        r = next_chunk(extraction);
    if (r < 0)
        return r;
    len = extraction->chunk->len - extraction->at;
    len = len < max ? len : max;
    *ret = BYTES(extraction->chunk->data + extraction->at, len);
    extraction->at += len;
    return 0;
}

static int take_all(struct extraction *extraction, uint8_t *ret, size_t len)
{
    int r = 0;

    while (r == 0 && len > 0) {
        struct bytes part;

        r = take(extraction, len, &part);
        if (r < 0)
            break;
        memcpy(ret, part.data, part.len);
        ret += part.len;
        len -= part.len;
    }
    return r;
}

/* What would lead out of the directory that it is written to. */
static bool is_safe_name(const char *name)
{
    return name[0] && name[0] != '/' && strcmp(name, "..") != 0 && strncmp(name, "../", 3) != 0 &&
           !strstr(name, "/../") && (strlen(name) < 3 || strcmp(name + strlen(name) - 3, "/..") != 0);
}

static int take_name(struct extraction *extraction, uint32_t len, const struct backup_sink *sink, void *arg)
{
    uint8_t head[4 + BACKUP_NAME_MAX + 1] = { 0 };
    const char *name = (const char *)head + 4;
    struct reader reader;
    int r = len > 4 && len <= 4 + BACKUP_NAME_MAX ? take_all(extraction, head, len) : -EBADMSG;

    if (r < 0)
        return r;
    reader = reader_of(BYTES(head, 4));
    return is_safe_name(name) ? sink->begin(arg, name, reader_u32(&reader)) : -EBADMSG;
}

static int take_data(struct extraction *extraction, uint32_t len, const struct backup_sink *sink, void *arg)
{
    int r = 0;

    while (r == 0 && len > 0) {
        struct bytes part;

        r = take(extraction, len, &part);
        if (r == 0)
            r = sink->data(arg, part);
        len -= r == 0 ? (uint32_t)part.len : 0;
    }
    return r;
}

static int take_part(struct extraction *extraction, const struct backup_sink *sink, void *arg)
{
    uint8_t head[5];
    struct reader reader;
    uint32_t len;
    int r = take_all(extraction, head, sizeof(head));

    if (r < 0)
        return r;
    reader = reader_of(BYTES(head + 1, 4));
    len = reader_u32(&reader);
    switch (head[0]) {
    case 'F':
        return take_name(extraction, len, sink, arg);
    case 'D':
        return take_data(extraction, len, sink, arg);
    case 'E':
        return len == 0 ? sink->end(arg) : -EBADMSG;
    default:
        return -EBADMSG;
    }
}

int backup_extract(struct backup_file *backup, struct bytes key, const struct backup_sink *sink, void *arg)
{
    struct extraction extraction = { .backup = backup, .key = key };
    int r = fseek(backup->file, backup->content, SEEK_SET) < 0 ? -errno : next_chunk(&extraction);

    while (r == 0 && !is_at_end(&extraction))
        r = take_part(&extraction, sink, arg);
    secret_free(extraction.chunk);
    return r;
}
