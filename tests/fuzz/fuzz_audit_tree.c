/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_audit_tree.c - what `audit mine` exported, as somebody else checks it: a checkpoint's note, a line, and behind it the
 * path from a leaf of a small tree to its root. No path but the right one leads there.
 */
#include "proto/audit_tree.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

#define LEAVES 5

static void read_note(const char *note)
{
    uint8_t signature[AUDIT_SIGNATURE_LEN];
    struct audit_checkpoint checkpoint = { 0 }, again = { 0 };
    char written[AUDIT_NOTE_MAX];

    if (audit_checkpoint_parse(note, &checkpoint, signature) < 0)
        return;
    audit_checkpoint_note(&checkpoint, BYTES_OF_ARRAY(signature), written);
    fuzz_require(audit_checkpoint_parse(written, &again, signature) == 0);
    fuzz_require(again.first == checkpoint.first && memcmp(again.root, checkpoint.root, HASH_LEN) == 0);
}

static void check_path(struct bytes path)
{
    static const uint8_t leaves[LEAVES][HASH_LEN] = { { 1 }, { 2 }, { 3 }, { 4 }, { 5 } };
    CLEANUP(audit_levels_clear) struct audit_levels levels = { 0 };
    struct audit_tree tree = { 0 };
    uint8_t root[HASH_LEN];

    fuzz_require(audit_levels_build(leaves, LEAVES, &levels) == 0);
    for (size_t i = 0; i < LEAVES; i++)
        fuzz_require(audit_tree_add(&tree, leaves[i]) == 0);
    fuzz_require(audit_tree_root(&tree, root) == 0);
    for (size_t i = 0; i < LEAVES; i++) {
        CLEANUP(buffer_clear) struct buffer right = { 0 };

        fuzz_require(audit_levels_path(&levels, i, &right) == 0);
        fuzz_require((audit_tree_check(leaves[i], i, LEAVES, path, root) == 0) ==
                     bytes_equal(path, buffer_bytes(&right)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    char *note = strndup((const char *)data, end ? (size_t)(end - data) : size);

    read_note(note);
    if (end)
        check_path(BYTES(end + 1, size - (size_t)(end + 1 - data)));
    free(note);
    return 0;
}
