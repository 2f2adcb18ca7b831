/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_tree.c - every leaf can be shown to be in its tree, and nothing else can; what a checkpoint says. */
#include "proto/audit_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/suite.h"

#define LEAVES_MAX 40

static uint8_t leaves[LEAVES_MAX][HASH_LEN];

static void make_leaves(void)
{
    for (uint8_t i = 0; i < LEAVES_MAX; i++)
        ck_assert_int_eq(audit_leaf(BYTES(&i, 1), leaves[i]), 0);
}

static void make_root(uint64_t count, uint8_t ret[HASH_LEN])
{
    struct audit_tree tree = { 0 };

    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(audit_tree_add(&tree, leaves[i]), 0);
    ck_assert_int_eq(audit_tree_root(&tree, ret), 0);
}

static void make_path(uint64_t count, uint64_t index, struct buffer *ret)
{
    CLEANUP(audit_levels_clear) struct audit_levels levels = { 0 };

    ck_assert_int_eq(audit_levels_build((const uint8_t(*)[HASH_LEN])leaves, count, &levels), 0);
    ck_assert_int_eq(audit_levels_path(&levels, index, ret), 0);
}

START_TEST(every_leaf_of_every_tree_is_shown_to_be_in_it)
{
    uint8_t root[HASH_LEN];

    for (uint64_t count = 1; count <= LEAVES_MAX; count++) {
        make_root(count, root);
        for (uint64_t i = 0; i < count; i++) {
            CLEANUP(buffer_clear) struct buffer path = { 0 };

            make_path(count, i, &path);
            ck_assert_int_eq(audit_tree_check(leaves[i], i, count, buffer_bytes(&path), root), 0);
            ck_assert_int_eq(
                audit_tree_check(leaves[(i + 1) % LEAVES_MAX], i, count, buffer_bytes(&path), root),
                -EBADMSG);
            if (count > 1)
                ck_assert_int_eq(
                    audit_tree_check(leaves[i], (i + 1) % count, count, buffer_bytes(&path), root), -EBADMSG);
        }
    }
}
END_TEST

START_TEST(path_that_was_meddled_with_shows_nothing)
{
    CLEANUP(buffer_clear) struct buffer path = { 0 };
    uint8_t root[HASH_LEN];

    make_root(21, root);
    make_path(21, 20, &path);
    ck_assert_int_eq(audit_tree_check(leaves[20], 20, 21, BYTES(path.data, path.len - HASH_LEN), root),
                     -EBADMSG);
    ck_assert_int_eq(audit_tree_check(leaves[20], 20, 21, BYTES(path.data, path.len - 1), root), -EBADMSG);
    ck_assert_int_eq(audit_tree_check(leaves[20], 20, 21, BYTES_NONE, root), -EBADMSG);
    ck_assert_int_eq(audit_tree_check(leaves[20], 21, 21, buffer_bytes(&path), root), -EBADMSG);
    path.data[3] ^= 1;
    ck_assert_int_eq(audit_tree_check(leaves[20], 20, 21, buffer_bytes(&path), root), -EBADMSG);
}
END_TEST

START_TEST(tree_without_leaves_has_no_root)
{
    struct audit_tree tree = { 0 };
    uint8_t root[HASH_LEN];

    ck_assert_int_eq(audit_tree_root(&tree, root), -EINVAL);
}
END_TEST

START_TEST(note_of_a_checkpoint_comes_back)
{
    struct audit_checkpoint checkpoint = { .first = 77 }, read = { 0 };
    uint8_t signature[AUDIT_SIGNATURE_LEN], back[AUDIT_SIGNATURE_LEN];
    char note[AUDIT_NOTE_MAX];

    memset(signature, 0xa5, sizeof(signature));
    memset(checkpoint.root, 0x5a, HASH_LEN);
    audit_checkpoint_note(&checkpoint, BYTES_OF_ARRAY(signature), note);
    ck_assert_int_eq(audit_checkpoint_parse(note, &read, back), 0);
    ck_assert_uint_eq(read.first, 77);
    ck_assert_mem_eq(read.root, checkpoint.root, HASH_LEN);
    ck_assert_mem_eq(back, signature, sizeof(back));
    strcat(note, " and more");
    ck_assert_int_eq(audit_checkpoint_parse(note, &read, back), -EBADMSG);
    ck_assert_int_eq(audit_checkpoint_parse("", &read, back), -EBADMSG);
}
END_TEST

START_TEST(what_is_signed_differs_with_every_field)
{
    const struct log_name log = { "web1", 2 }, other = { "web2", 2 };
    struct audit_checkpoint checkpoint = { .first = 1, .last = 2 }, moved = { .first = 2, .last = 2 };
    uint8_t hashes[4][HASH_LEN];

    ck_assert_int_eq(audit_checkpoint_hash("r", &log, &checkpoint, hashes[0]), 0);
    ck_assert_int_eq(audit_checkpoint_hash("s", &log, &checkpoint, hashes[1]), 0);
    ck_assert_int_eq(audit_checkpoint_hash("r", &other, &checkpoint, hashes[2]), 0);
    ck_assert_int_eq(audit_checkpoint_hash("r", &log, &moved, hashes[3]), 0);
    for (size_t i = 1; i < 4; i++)
        ck_assert_mem_ne(hashes[0], hashes[i], HASH_LEN);
}
END_TEST

SUITE_WITH_FIXTURE("audit_tree", make_leaves, NULL, every_leaf_of_every_tree_is_shown_to_be_in_it,
                   path_that_was_meddled_with_shows_nothing, tree_without_leaves_has_no_root,
                   note_of_a_checkpoint_comes_back, what_is_signed_differs_with_every_field);
