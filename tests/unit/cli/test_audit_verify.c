/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_verify.c - what a check finds: gaps, forged counts, checkpoints over other records, heads that were passed. */
#include "cli/audit_verify.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/suite.h"

#define REALM "example"
#define LINES 8
#define KEY   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct log_name log_name = { "web1", 2 };
static struct buffer lines[LINES + 1];
static uint8_t hashes[LINES + 1][HASH_LEN];
static struct audit_verification verification;

/* Record @sequence after the one before it. */
static void write_record(uint64_t sequence, const char *event, uint64_t key_count, const char *digest,
                         const char *note)
{
    const struct audit_record record = {
        .sequence = sequence,
        .event = event,
        .result = "OK",
        .request_id = "",
        .client_request_id = "",
        .principal = "ann",
        .certificate = "",
        .peer = "",
        .token = "ann",
        .key = key_count ? KEY : "",
        .mechanism = "",
        .digest = digest,
        .key_count = key_count,
        .note = note,
    };

    buffer_clear(&lines[sequence]);
    ck_assert_int_eq(audit_record_line(&record, hashes[sequence - 1], &lines[sequence], hashes[sequence]), 0);
}

static void write_checkpoint(uint64_t sequence, uint64_t first, uint64_t root_first)
{
    struct audit_checkpoint checkpoint = { .first = first };
    uint8_t signature[AUDIT_SIGNATURE_LEN] = { 0 }, leaf[HASH_LEN];
    char note[AUDIT_NOTE_MAX], digest[2 * HASH_LEN + 1];
    struct audit_tree tree = { 0 };

    for (uint64_t i = root_first; i < sequence; i++) {
        ck_assert_int_eq(audit_leaf(BYTES(lines[i].data, lines[i].len - 1), leaf), 0);
        ck_assert_int_eq(audit_tree_add(&tree, leaf), 0);
    }
    ck_assert_int_eq(audit_tree_root(&tree, checkpoint.root), 0);
    audit_checkpoint_note(&checkpoint, BYTES_OF_ARRAY(signature), note);
    hex_encode(BYTES_OF_ARRAY(hashes[sequence - 1]), digest);
    write_record(sequence, "checkpoint", 0, digest, note);
}

/* 1 sign, 2 sign, 3 checkpoint, 4 sign, 5 segment, 6 sign, 7 checkpoint, 8 unlock */
static void setup(void)
{
    char digest[2 * HASH_LEN + 1];

    ck_assert_int_eq(audit_first_hash(REALM, &log_name, hashes[0]), 0);
    write_record(1, "sign", 1, "", "");
    write_record(2, "sign", 2, "", "");
    write_checkpoint(3, 1, 1);
    write_record(4, "sign", 3, "", "");
    hex_encode(BYTES_OF_ARRAY(hashes[4]), digest);
    write_record(5, "segment", 0, digest, "segment=2");
    write_record(6, "sign", 4, "", "");
    write_checkpoint(7, 3, 3);
    write_record(8, "unlock", 0, "", "");
    ck_assert_int_eq(audit_verification_init(&verification, REALM, &log_name, NULL), 0);
}

static void teardown(void)
{
    audit_verification_clear(&verification);
    for (size_t i = 0; i <= LINES; i++)
        buffer_clear(&lines[i]);
}

/* The finding about the records @from to @last; NULL: sound. */
static const char *check(uint64_t from, uint64_t last)
{
    for (uint64_t i = from; i <= last; i++)
        audit_verify_line(&verification, buffer_bytes(&lines[i]));
    audit_verify_end(&verification);
    return verification.why;
}

static void ck_assert_found(const char *why, const char *part)
{
    ck_assert_ptr_nonnull(why);
    ck_assert_msg(strstr(why, part) != NULL, "\"%s\" says nothing of \"%s\"", why, part);
}

START_TEST(whole_log_is_sound)
{
    ck_assert_ptr_null(check(1, LINES));
    ck_assert_uint_eq(verification.records, LINES);
    ck_assert_uint_eq(verification.first, 1);
}
END_TEST

START_TEST(log_that_begins_with_a_later_file_is_sound_from_there)
{
    ck_assert_ptr_null(check(5, LINES));
    ck_assert_uint_eq(verification.first, 5);
}
END_TEST

START_TEST(log_that_begins_inside_a_file_is_not)
{
    ck_assert_found(check(4, LINES), "missing at the beginning");
}
END_TEST

START_TEST(record_left_out_of_the_middle_is_found)
{
    audit_verify_line(&verification, buffer_bytes(&lines[1]));
    ck_assert_found(check(4, LINES), "missing before");
}
END_TEST

/* Somebody who can write the whole log anew, chain and all, but not what a checkpoint covers. */
START_TEST(checkpoint_over_other_records_is_found)
{
    write_checkpoint(7, 3, 4);
    write_record(8, "unlock", 0, "", "");
    ck_assert_found(check(1, LINES), "over other records");
    ck_assert_uint_eq(verification.at, 7);
}
END_TEST

START_TEST(count_that_leaps_is_found_though_the_chain_is_whole)
{
    write_record(8, "sign", 6, "", "");
    ck_assert_found(check(1, LINES), "signatures of this key");
}
END_TEST

START_TEST(first_count_of_a_log_must_be_one)
{
    write_record(1, "sign", 2, "", "");
    ck_assert_found(check(1, 1), "signatures of this key");
}
END_TEST

START_TEST(tail_cut_below_a_head_is_found)
{
    verification.store.sequence = 8;
    memcpy(verification.store.hash, hashes[8], HASH_LEN);
    ck_assert_found(check(1, 7), "missing at the end: the store");
}
END_TEST

START_TEST(head_of_another_chain_is_found)
{
    verification.store.sequence = 8;
    ck_assert_found(check(1, 8), "another one than the store");
}
END_TEST

START_TEST(what_an_earlier_check_saw_must_still_be_there)
{
    verification.earlier.sequence = 8;
    memcpy(verification.earlier.hash, hashes[8], HASH_LEN);
    ck_assert_found(check(1, 7), "an earlier check saw more");
}
END_TEST

START_TEST(head_in_a_file_that_is_elsewhere_is_not_missed)
{
    verification.earlier.sequence = 2;
    memcpy(verification.earlier.hash, hashes[2], HASH_LEN);
    ck_assert_ptr_null(check(5, 8));
}
END_TEST

START_TEST(empty_log_with_a_head_is_found)
{
    verification.store.sequence = 1;
    ck_assert_found(check(1, 0), "missing at the end");
}
END_TEST

START_TEST(rubbish_is_found)
{
    audit_verify_line(&verification, BYTES("{}\n", 3));
    ck_assert_found(verification.why, "not a record");
}
END_TEST

SUITE_WITH_FIXTURE("audit_verify", setup, teardown, whole_log_is_sound,
                   log_that_begins_with_a_later_file_is_sound_from_there,
                   log_that_begins_inside_a_file_is_not, record_left_out_of_the_middle_is_found,
                   checkpoint_over_other_records_is_found,
                   count_that_leaps_is_found_though_the_chain_is_whole, first_count_of_a_log_must_be_one,
                   tail_cut_below_a_head_is_found, head_of_another_chain_is_found,
                   what_an_earlier_check_saw_must_still_be_there,
                   head_in_a_file_that_is_elsewhere_is_not_missed, empty_log_with_a_head_is_found,
                   rubbish_is_found);
