/* SPDX-License-Identifier: Apache-2.0 */
/* backup_write.c - a backup, entry by entry, into a file that gets its name when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <openssl/err.h>

#include "proto/backup_parts.h"

struct backup_writer {
    char *path, *unfinished; /* the name, and the one until then; NULL: it has its name */
    FILE *file;
    EVP_MD_CTX *digest;
    uint8_t header_digest[HASH_LEN];
    struct secret *key;
    struct secret *content; /* not yet a chunk */
    uint64_t chunks;
    json_t *entries;
    uint64_t entry_size;
};

static int put(struct backup_writer *writer, struct bytes bytes)
{
    if (bytes.len == 0)
        return 0;
    if (fwrite(bytes.data, 1, bytes.len, writer->file) != bytes.len)
        return errno ? -errno : -EIO;
    return EVP_DigestUpdate(writer->digest, bytes.data, bytes.len) == 1 ? 0 : -EIO;
}

static int put_run(struct backup_writer *writer, struct bytes bytes)
{
    const uint8_t len[4] = { (uint8_t)(bytes.len >> 24), (uint8_t)(bytes.len >> 16),
                             (uint8_t)(bytes.len >> 8), (uint8_t)bytes.len };
    int r = put(writer, BYTES_OF_ARRAY(len));

    return r == 0 ? put(writer, bytes) : r;
}

static int put_json(struct backup_writer *writer, const json_t *object, uint8_t ret_digest[HASH_LEN])
{
    CLEANUP(free_string) char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    int r = text ? digest_sha256(NULL, bytes_of_text(text), ret_digest) : -ENOMEM;

    if (r == 0 && strlen(text) > BACKUP_JSON_MAX)
        r = -EFBIG;
    return r == 0 ? put_run(writer, bytes_of_text(text)) : r;
}

/* What there is of content, as the next chunk. */
static int flush(struct backup_writer *writer, bool is_last)
{
    CLEANUP(context_clear) struct context context = { 0 };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    uint8_t nonce[AEAD_NONCE_LEN];
    struct bytes aad;
    int r = backup_chunk_names(writer->header_digest, writer->chunks++, is_last, &context, nonce, &aad);

    if (r == 0)
        r = aead_seal(NULL, secret_bytes(writer->key), BYTES_OF_ARRAY(nonce), aad,
                      secret_bytes(writer->content), &sealed);
    writer->content->len = 0;
    return r == 0 ? put_run(writer, buffer_bytes(&sealed)) : r;
}

static int add(struct backup_writer *writer, struct bytes bytes)
{
    struct secret *content = writer->content;
    int r = 0;

    while (r == 0 && bytes.len > 0) {
        size_t room, len;

        if (content->len == content->capacity) /* and more comes: the last chunk is never empty */
            r = flush(writer, false);
        room = content->capacity - content->len;
        len = bytes.len < room ? bytes.len : room;
        memcpy(content->data + content->len, bytes.data, len);
        content->len += len;
        bytes = BYTES(bytes.data + len, bytes.len - len);
    }
    return r;
}

static int add_run(struct backup_writer *writer, uint8_t kind, struct bytes bytes)
{
    const uint8_t head[5] = { kind, (uint8_t)(bytes.len >> 24), (uint8_t)(bytes.len >> 16),
                              (uint8_t)(bytes.len >> 8), (uint8_t)bytes.len };
    int r = add(writer, BYTES_OF_ARRAY(head));

    return r == 0 ? add(writer, bytes) : r;
}

int backup_begin(struct backup_writer *writer, const char *name, uint32_t mode)
{
    CLEANUP(buffer_clear) struct buffer head = { 0 };
    json_t *entry = json_pack("{s:s, s:I}", "name", name, "size", (json_int_t)0);

    if (!entry || json_array_append_new(writer->entries, entry) < 0)
        return -ENOMEM;
    writer->entry_size = 0;
    buffer_append_u32(&head, mode);
    buffer_append_text(&head, name);
    return head.failed ? -ENOMEM : add_run(writer, 'F', buffer_bytes(&head));
}

int backup_data(struct backup_writer *writer, struct bytes data)
{
    writer->entry_size += data.len;
    return data.len ? add_run(writer, 'D', data) : 0;
}

int backup_end(struct backup_writer *writer)
{
    json_t *entry = json_array_get(writer->entries, json_array_size(writer->entries) - 1);

    json_object_set_new(entry, "size", json_integer((json_int_t)writer->entry_size));
    return add_run(writer, 'E', BYTES_NONE);
}

const json_t *backup_entries(const struct backup_writer *writer)
{
    return writer->entries;
}

int backup_seal(struct backup_writer *writer, const json_t *index, uint8_t ret[HASH_LEN])
{
    uint8_t ignored[HASH_LEN];
    int r = flush(writer, true);

    if (r == 0)
        r = put_run(writer, BYTES_NONE);
    if (r == 0)
        r = put_json(writer, index, ignored);
    return r == 0 ? backup_signed_digest(writer->digest, ret) : r;
}

int backup_finish(struct backup_writer *writer, struct bytes signature)
{
    int r = put_run(writer, signature);

    if (r == 0 && (fflush(writer->file) != 0 || fsync(fileno(writer->file)) < 0 ||
                   rename(writer->unfinished, writer->path) < 0))
        r = -errno;
    if (r < 0)
        return r;
    free(writer->unfinished);
    writer->unfinished = NULL;
    return 0;
}

static int open_file(struct backup_writer *writer, const char *path)
{
    int fd;

    if (access(path, F_OK) == 0)
        return -EEXIST;
    writer->path = strdup(path);
    if (!writer->path || asprintf(&writer->unfinished, "%s.unfinished", path) < 0) {
        writer->unfinished = NULL;
        return -ENOMEM;
    }
    fd = open(writer->unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    writer->file = fd < 0 ? NULL : fdopen(fd, "w");
    return writer->file ? 0 : -errno;
}

int backup_create(const char *path, const json_t *header, struct bytes key, struct backup_writer **ret)
{
    CLEANUP(backup_writer_free) struct backup_writer *writer = calloc(1, sizeof(*writer));
    int r = writer ? open_file(writer, path) : -ENOMEM;

    if (r == 0)
        r = secret_copy(key, &writer->key);
    if (r == 0)
        r = secret_new(BACKUP_CHUNK_LEN, &writer->content);
    if (r < 0)
        return r;
    writer->content->len = 0;
    writer->entries = json_array();
    writer->digest = backup_digest_new();
    if (!writer->entries || !writer->digest)
        return -ENOMEM;
    r = put(writer, bytes_of_text(backup_magic));
    if (r == 0)
        r = put_json(writer, header, writer->header_digest);
    if (r == 0)
        *ret = TAKE(writer);
    return r;
}

void backup_writer_free(struct backup_writer *writer)
{
    if (!writer)
        return;
    if (writer->file)
        fclose(writer->file);
    if (writer->file && writer->unfinished)
        unlink(writer->unfinished);
    free(writer->path);
    free(writer->unfinished);
    EVP_MD_CTX_free(writer->digest);
    secret_free(writer->key);
    secret_free(writer->content);
    json_decref(writer->entries);
    free(writer);
}
