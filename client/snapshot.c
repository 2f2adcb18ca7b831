/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - checking, holding and sharing what is known of a token. */
#include "client/snapshot.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "proto/digest.h"
#include "proto/limits.h"
#include "proto/name.h"
#include "proto/pack.h"

#define MECHANISMS_MAX 64

/* What stands around the public part. */
struct snapshot_box {
    struct remote_snapshot snapshot; /* first */
    atomic_uint references;
    struct buffer message; /* as it came: its hash is exact */
};

static bool key_is_sound(OSSL_LIB_CTX *libctx, const Privyseal__V1__KeyInfo *key)
{
    uint8_t name[HASH_LEN];

    return key->public_key.len && key->public_key.len <= CERTIFICATE_MAX &&
           digest_sha256(libctx, pack_lend(&key->public_key), name) == 0 &&
           bytes_equal(pack_lend(&key->name), BYTES_OF_ARRAY(name)) && key->id.len >= 1 &&
           key->id.len <= KEY_ID_MAX && label_is_valid(bytes_of_text(key->label));
}

static bool certificate_is_sound(const Privyseal__V1__CertificateInfo *certificate)
{
    return certificate->id.len >= 1 && certificate->id.len <= KEY_ID_MAX && certificate->der.len &&
           certificate->der.len <= CERTIFICATE_MAX && label_is_valid(bytes_of_text(certificate->label));
}

/* NULL: sound; else what is wrong. */
static const char *find_fault(OSSL_LIB_CTX *libctx, const char *realm, const char *token,
                              const Privyseal__V1__Snapshot *content)
{
    if (strcmp(content->realm, realm) != 0)
        return "the server belongs to another realm than the configuration says";
    if (strcmp(content->token, token) != 0)
        return "the server sent another token than was asked for";
    if (strlen(content->serial) != SERIAL_LEN)
        return "the token's serial number has the wrong length";
    if (content->n_key > KEYS_PER_TOKEN_MAX || content->n_certificate > CERTS_PER_TOKEN_MAX ||
        content->n_mechanism > MECHANISMS_MAX || content->n_oaep_hash > MECHANISMS_MAX)
        return "the token has more keys, certificates or mechanisms than there may be";
    for (size_t i = 0; i < content->n_key; i++)
        if (!key_is_sound(libctx, content->key[i]))
            return "a key's name, identifier or label is not what it must be";
    for (size_t i = 0; i < content->n_certificate; i++)
        if (!certificate_is_sound(content->certificate[i]))
            return "a certificate's identifier, size or label is not what it must be";
    return NULL;
}

static int box_new(OSSL_LIB_CTX *libctx, struct bytes message, struct snapshot_box **ret)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    struct snapshot_box *box = calloc(1, sizeof(*box));
    int r;

    if (!box)
        return -ENOMEM;
    snapshot = &box->snapshot;
    atomic_init(&box->references, 1);
    buffer_append(&box->message, message);
    if (box->message.failed)
        return -ENOMEM;
    r = digest_sha256(libctx, message, snapshot->hash);
    if (r < 0)
        return r;
    snapshot->content = privyseal__v1__snapshot__unpack(NULL, message.len, message.data);
    if (!snapshot->content)
        return -EBADMSG;
    snapshot = NULL;
    *ret = box;
    return 0;
}

int snapshot_new(OSSL_LIB_CTX *libctx, const char *realm, const char *token, struct bytes message,
                 struct remote_snapshot **ret, const char **why)
{
    struct snapshot_box *box = NULL;
    int r = box_new(libctx, message, &box);

    *why = r < 0 ? "the server's description of the token cannot be read"
                 : find_fault(libctx, realm, token, box->snapshot.content);
    if (r == 0 && *why) {
        remote_snapshot_unref(&box->snapshot);
        return -EBADMSG;
    }
    if (r == 0)
        *ret = &box->snapshot;
    return r;
}

int snapshot_copy(OSSL_LIB_CTX *libctx, const struct remote_snapshot *snapshot, struct remote_snapshot **ret)
{
    const struct snapshot_box *box = (const struct snapshot_box *)snapshot;
    struct snapshot_box *copy = NULL;
    int r = box_new(libctx, buffer_bytes(&box->message), &copy);

    if (r < 0)
        return r;
    copy->snapshot.pin_state = snapshot->pin_state;
    copy->snapshot.pin_version = snapshot->pin_version;
    copy->snapshot.retry_after_ms = snapshot->retry_after_ms;
    copy->snapshot.factor = snapshot->factor;
    copy->snapshot.is_factor_missing = snapshot->is_factor_missing;
    copy->snapshot.is_factor_by_policy = snapshot->is_factor_by_policy;
    copy->snapshot.is_confirmed = snapshot->is_confirmed;
    *ret = &copy->snapshot;
    return 0;
}

struct remote_snapshot *remote_snapshot_ref(struct remote_snapshot *snapshot)
{
    atomic_fetch_add(&((struct snapshot_box *)snapshot)->references, 1);
    return snapshot;
}

void remote_snapshot_unref(struct remote_snapshot *snapshot)
{
    struct snapshot_box *box = (struct snapshot_box *)snapshot;

    if (!box || atomic_fetch_sub(&box->references, 1) != 1)
        return;
    privyseal__v1__snapshot__free_unpacked(snapshot->content, NULL);
    buffer_clear(&box->message);
    free(box);
}
