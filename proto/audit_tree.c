/* SPDX-License-Identifier: Apache-2.0 */
/* audit_tree.c - hash trees over records, and what a checkpoint signs. */
#include "proto/audit_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/context.h"
#include "proto/digest.h"

static int hash_context(struct context *context, uint8_t ret[HASH_LEN])
{
    struct bytes input;
    int r = context_end(context, &input);

    return r < 0 ? r : digest_sha256(NULL, input, ret);
}

int audit_leaf(struct bytes line, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 audit leaf");

    return context_hash(&context, line, ret);
}

/* @ret may be one of the two. */
static int node(const uint8_t left[HASH_LEN], const uint8_t right[HASH_LEN], uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 audit node");

    context_bytes(&context, BYTES(left, HASH_LEN));
    return context_hash(&context, BYTES(right, HASH_LEN), ret);
}

/* ------------------------------------------------------------------------------------------------- growing */

/* As many parts as the count has bits set; a further leaf joins with every part that is as large as it has become. */
int audit_tree_add(struct audit_tree *tree, const uint8_t leaf[HASH_LEN])
{
    unsigned parts = (unsigned)__builtin_popcountll(tree->count);
    uint8_t hash[HASH_LEN];

    memcpy(hash, leaf, HASH_LEN);
    for (uint64_t rest = tree->count; rest & 1; rest >>= 1) {
        int r = node(tree->parts[--parts], hash, hash);

        if (r < 0)
            return r;
    }
    memcpy(tree->parts[parts], hash, HASH_LEN);
    tree->count++;
    return 0;
}

int audit_tree_root(const struct audit_tree *tree, uint8_t ret[HASH_LEN])
{
    unsigned parts = (unsigned)__builtin_popcountll(tree->count);
    uint8_t hash[HASH_LEN];

    if (parts == 0)
        return -EINVAL;
    memcpy(hash, tree->parts[--parts], HASH_LEN);
    while (parts) {
        int r = node(tree->parts[--parts], hash, hash);

        if (r < 0)
            return r;
    }
    memcpy(ret, hash, HASH_LEN);
    return 0;
}

/* --------------------------------------------------------------------------------------------------- proofs */

void audit_levels_clear(struct audit_levels *levels)
{
    free(levels->hashes);
    *levels = (struct audit_levels){ 0 };
}

/* The level above: pairs joined, and the odd one at the end lifted as it is. */
static int lift(const uint8_t (*below)[HASH_LEN], uint64_t count, uint8_t (*above)[HASH_LEN])
{
    for (uint64_t i = 0; i + 1 < count; i += 2) {
        int r = node(below[i], below[i + 1], above[i / 2]);

        if (r < 0)
            return r;
    }
    if (count & 1)
        memcpy(above[count / 2], below[count - 1], HASH_LEN);
    return 0;
}

int audit_levels_build(const uint8_t (*leaves)[HASH_LEN], uint64_t count, struct audit_levels *ret)
{
    CLEANUP(audit_levels_clear) struct audit_levels levels = { 0 };
    uint8_t(*level)[HASH_LEN];

    if (count == 0)
        return -EINVAL;
    levels.hashes = calloc(2 * count + AUDIT_TREE_DEPTH, HASH_LEN);
    if (!levels.hashes)
        return -ENOMEM;
    memcpy(levels.hashes, leaves, count * HASH_LEN);
    for (level = levels.hashes; count > 1; level += count, count = (count + 1) / 2) {
        int r = lift((const uint8_t(*)[HASH_LEN])level, count, level + count);

        if (r < 0)
            return r;
        levels.counts[levels.depth++] = count;
    }
    *ret = levels;
    levels.hashes = NULL;
    return 0;
}

int audit_levels_path(const struct audit_levels *levels, uint64_t index, struct buffer *ret)
{
    const uint8_t(*level)[HASH_LEN] = (const uint8_t(*)[HASH_LEN])levels->hashes;

    for (unsigned i = 0; i < levels->depth; level += levels->counts[i++], index /= 2)
        if ((index ^ 1) < levels->counts[i]) /* the odd one at the end has nothing beside it */
            buffer_append(ret, BYTES(level[index ^ 1], HASH_LEN));
    return ret->failed ? -ENOMEM : 0;
}

int audit_tree_check(const uint8_t leaf[HASH_LEN], uint64_t index, uint64_t count, struct bytes path,
                     const uint8_t root[HASH_LEN])
{
    uint64_t at = index, last = count - 1;
    uint8_t hash[HASH_LEN];

    if (index >= count || path.len % HASH_LEN)
        return -EBADMSG;
    memcpy(hash, leaf, HASH_LEN);
    for (size_t i = 0; i < path.len; i += HASH_LEN) {
        bool is_right = (at & 1) || at == last;
        int r;

        if (last == 0)
            return -EBADMSG; /* longer than a path can be */
        r = is_right ? node(path.data + i, hash, hash) : node(hash, path.data + i, hash);
        if (r < 0)
            return r;
        while (is_right && !(at & 1) && at) {
            at >>= 1;
            last >>= 1;
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(hash, root, HASH_LEN) == 0 ? 0 : -EBADMSG;
}

/* ---------------------------------------------------------------------------------------------- checkpoints */

int audit_checkpoint_hash(const char *realm, const struct log_name *log,
                          const struct audit_checkpoint *checkpoint, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 audit checkpoint");

    context_text(&context, realm);
    context_text(&context, log->proxy);
    context_number(&context, log->signer);
    context_number(&context, checkpoint->first);
    context_number(&context, checkpoint->last);
    context_bytes(&context, BYTES_OF_ARRAY(checkpoint->head));
    context_bytes(&context, BYTES_OF_ARRAY(checkpoint->root));
    return hash_context(&context, ret);
}

void audit_checkpoint_note(const struct audit_checkpoint *checkpoint, struct bytes signature,
                           char ret[AUDIT_NOTE_MAX])
{
    char root[2 * HASH_LEN + 1], text[2 * AUDIT_SIGNATURE_LEN + 1] = "";

    hex_encode(BYTES_OF_ARRAY(checkpoint->root), root);
    if (signature.len <= AUDIT_SIGNATURE_LEN)
        hex_encode(signature, text);
    snprintf(ret, AUDIT_NOTE_MAX, "first=%" PRIu64 " root=%s signature=%s", checkpoint->first, root, text);
}

int audit_checkpoint_parse(const char *note, struct audit_checkpoint *ret,
                           uint8_t ret_signature[AUDIT_SIGNATURE_LEN])
{
    char root[2 * HASH_LEN + 1], signature[2 * AUDIT_SIGNATURE_LEN + 1];
    int end = -1;

    if (sscanf(note, "first=%20" SCNu64 " root=%64[0-9a-f] signature=%128[0-9a-f]%n", &ret->first, root,
               signature, &end) != 3 ||
        end < 0 || note[end])
        return -EBADMSG;
    return hex_decode(root, ret->root, HASH_LEN) < 0 ||
                   hex_decode(signature, ret_signature, AUDIT_SIGNATURE_LEN) < 0
               ? -EBADMSG
               : 0;
}
