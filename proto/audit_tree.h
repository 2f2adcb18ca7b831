/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_tree.h - a hash tree over consecutive records of a log, so that one record can be shown to be in it without the
 * others; and what a checkpoint signs.
 *
 * A checkpoint covers the records since the one before it: their chain's hash, and the root of the tree over their lines.
 * leaf = SHA-256(context("privyseal v1 audit leaf", line)), node = SHA-256(context("privyseal v1 audit node", left,
 * right)); else the tree is that of RFC 9162 2.1.1 (Definition of the Merkle Tree).
 */
#pragma once

#include "include/bytes.h"
#include "proto/limits.h"
#include "proto/log_name.h"

#define AUDIT_TREE_DEPTH 64

/* A tree that grows at its right end: the roots of its complete parts, from the largest. */
struct audit_tree {
    uint64_t count;
    uint8_t parts[AUDIT_TREE_DEPTH][HASH_LEN];
};

/* @line: without its "\n". Errors: -ENOMEM, -EIO. */
MUST_CHECK int audit_leaf(struct bytes line, uint8_t ret[HASH_LEN]);
MUST_CHECK int audit_tree_add(struct audit_tree *tree, const uint8_t leaf[HASH_LEN]);
/* Of a tree that has leaves. */
MUST_CHECK int audit_tree_root(const struct audit_tree *tree, uint8_t ret[HASH_LEN]);

/* All hashes of a tree, level by level from the leaves up, for many paths. */
struct audit_levels {
    uint8_t (*hashes)[HASH_LEN];
    uint64_t counts[AUDIT_TREE_DEPTH]; /* of each level */
    unsigned depth;
};

void audit_levels_clear(struct audit_levels *levels);
DEFINE_CLEAR(audit_levels_clear, struct audit_levels);
/* Errors: -EINVAL (no leaves), -ENOMEM. */
MUST_CHECK int audit_levels_build(const uint8_t (*leaves)[HASH_LEN], uint64_t count,
                                  struct audit_levels *ret);
/* The hashes beside the way from leaf @index to the root, appended. RFC 9162 2.1.3.1 (Generating an Inclusion Proof) */
MUST_CHECK int audit_levels_path(const struct audit_levels *levels, uint64_t index, struct buffer *ret);
/* RFC 9162 2.1.3.2 (Verifying an Inclusion Proof). Errors: -EBADMSG. */
MUST_CHECK int audit_tree_check(const uint8_t leaf[HASH_LEN], uint64_t index, uint64_t count,
                                struct bytes path, const uint8_t root[HASH_LEN]);

/* What a checkpoint says: the record of it has "first", "root" and "signature" in its note. */
struct audit_checkpoint {
    uint64_t first, last;   /* records it covers: the one before its own is the last */
    uint8_t head[HASH_LEN]; /* the chain's hash at @last */
    uint8_t root[HASH_LEN];
};

#define AUDIT_SIGNATURE_LEN 64  /* ECDSA, P-256: r || s */
#define AUDIT_NOTE_MAX      320 /* of a checkpoint */

/* What the HSM's audit key signs. */
MUST_CHECK int audit_checkpoint_hash(const char *realm, const struct log_name *log,
                                     const struct audit_checkpoint *checkpoint, uint8_t ret[HASH_LEN]);
void audit_checkpoint_note(const struct audit_checkpoint *checkpoint, struct bytes signature,
                           char ret[AUDIT_NOTE_MAX]);
/* Reads first, root and the signature. Errors: -EBADMSG. */
MUST_CHECK int audit_checkpoint_parse(const char *note, struct audit_checkpoint *ret,
                                      uint8_t ret_signature[AUDIT_SIGNATURE_LEN]);
