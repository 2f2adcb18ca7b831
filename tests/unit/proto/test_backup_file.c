/* SPDX-License-Identifier: Apache-2.0 */
/* test_backup_file.c - what goes into a backup comes out again, and no byte of it can be another. */
#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "proto/backup_file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define BIG (256 * 1024 * 2 + 77) /* more than two chunks */

static const uint8_t key[32] = { 9 }, other_key[32] = { 8 };

static struct scratch scratch;
static char path[SCRATCH_PATH_MAX];
static uint8_t big[BIG];
static uint8_t sealed_digest[HASH_LEN];

static void setup(void)
{
    CLEANUP(json_decref) json_t *header = json_pack("{s:s}", "realm", "test");
    CLEANUP(json_decref) json_t *index = json_pack("{s:i}", "users", 3);
    CLEANUP(backup_writer_free) struct backup_writer *writer = NULL;

    scratch_make(&scratch);
    snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "backup"));
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7);
    ck_assert_int_eq(backup_create(path, header, BYTES_OF_ARRAY(key), &writer), 0);
    ck_assert_int_eq(backup_begin(writer, "one/small", 0600), 0);
    ck_assert_int_eq(backup_data(writer, BYTES("hello", 5)), 0);
    ck_assert_int_eq(backup_end(writer), 0);
    ck_assert_int_eq(backup_begin(writer, "big", 0640), 0);
    ck_assert_int_eq(backup_data(writer, BYTES_OF_ARRAY(big)), 0);
    ck_assert_int_eq(backup_end(writer), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(backup_entries(writer), 1), "size")),
                     BIG);
    ck_assert_int_eq(backup_seal(writer, index, sealed_digest), 0);
    ck_assert_int_eq(access(path, F_OK), -1); /* not before it is whole */
    ck_assert_int_eq(backup_finish(writer, BYTES("signature", 9)), 0);
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

/* What a sink got. */
struct got {
    char names[64];
    size_t sizes, matching;
};

static int on_begin(void *arg, const char *name, uint32_t mode)
{
    struct got *got = arg;

    (void)mode;
    strncat(got->names, name, sizeof(got->names) - strlen(got->names) - 1);
    got->sizes = 0;
    return 0;
}

static int on_data(void *arg, struct bytes data)
{
    struct got *got = arg;

    got->matching += memcmp(big + got->sizes, data.data, data.len) == 0 ? data.len : 0;
    got->sizes += data.len;
    return 0;
}

static int on_end(void *arg)
{
    strncat(((struct got *)arg)->names, ";", 2);
    return 0;
}

static const struct backup_sink sink = { on_begin, on_data, on_end };

START_TEST(entries_come_out_as_they_went_in)
{
    CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
    struct got got = { 0 };

    ck_assert_int_eq(backup_open(path, &backup), 0);
    ck_assert_mem_eq(backup.digest, sealed_digest, HASH_LEN);
    ck_assert(bytes_equal(buffer_bytes(&backup.signature), BYTES("signature", 9)));
    ck_assert_int_eq(json_integer_value(json_object_get(backup.index, "users")), 3);
    ck_assert_int_eq(backup_extract(&backup, BYTES_OF_ARRAY(key), &sink, &got), 0);
    ck_assert_str_eq(got.names, "one/small;big;");
    ck_assert_uint_eq(got.matching, BIG);
}
END_TEST

START_TEST(another_key_opens_nothing)
{
    CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
    struct got got = { 0 };

    ck_assert_int_eq(backup_open(path, &backup), 0);
    ck_assert_int_eq(backup_extract(&backup, BYTES_OF_ARRAY(other_key), &sink, &got), -EBADMSG);
    ck_assert_str_eq(got.names, "");
}
END_TEST

/* Flips a byte in every region of the file: it is refused, or what was signed is not what is there. */
START_TEST(every_altered_byte_is_found)
{
    FILE *file = fopen(path, "r+e");
    long size;

    fseek(file, 0, SEEK_END);
    size = ftell(file) - 9; /* all but the signature itself */
    for (long at = 0; at < size; at += at < 200 || at > size - 100 ? 1 : 9973) {
        CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
        int byte;

        fseek(file, at, SEEK_SET);
        byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 4, file);
        fflush(file);
        ck_assert_msg(backup_open(path, &backup) < 0 || memcmp(backup.digest, sealed_digest, HASH_LEN) != 0,
                      "byte %ld", at);
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fflush(file);
    }
    fclose(file);
}
END_TEST

START_TEST(cut_or_lengthened_file_is_refused)
{
    CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
    FILE *file = fopen(path, "ae");

    fputc('x', file);
    fclose(file);
    ck_assert_int_eq(backup_open(path, &backup), -EBADMSG);
    ck_assert_int_eq(truncate(path, 300000), 0);
    ck_assert_int_eq(backup_open(path, &backup), -EBADMSG);
}
END_TEST

START_TEST(unfinished_backup_leaves_no_file)
{
    CLEANUP(json_decref) json_t *header = json_pack("{s:s}", "realm", "test");
    struct backup_writer *writer = NULL;

    ck_assert_int_eq(backup_create(path, header, BYTES_OF_ARRAY(key), &writer), -EEXIST);
    ck_assert_int_eq(backup_create(scratch_path(&scratch, "second"), header, BYTES_OF_ARRAY(key), &writer),
                     0);
    backup_writer_free(writer);
    ck_assert_int_eq(access(scratch_path(&scratch, "second.unfinished"), F_OK), -1);
}
END_TEST

START_TEST(names_that_lead_out_are_refused)
{
    static const char *const names[] = { "/etc/passwd", "../x", "a/../../x", "a/..", ".." };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(json_decref) json_t *header = json_pack("{s:s}", "realm", "test");
        CLEANUP(backup_writer_free) struct backup_writer *writer = NULL;
        CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
        uint8_t digest[HASH_LEN];
        struct got got = { 0 };

        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(backup_create(path, header, BYTES_OF_ARRAY(key), &writer), 0);
        ck_assert_int_eq(backup_begin(writer, names[i], 0600), 0);
        ck_assert_int_eq(backup_end(writer), 0);
        ck_assert_int_eq(backup_seal(writer, header, digest), 0);
        ck_assert_int_eq(backup_finish(writer, BYTES("signature", 9)), 0);
        ck_assert_int_eq(backup_open(path, &backup), 0);
        ck_assert_int_eq(backup_extract(&backup, BYTES_OF_ARRAY(key), &sink, &got), -EBADMSG);
    }
}
END_TEST

SUITE_WITH_FIXTURE("backup_file", setup, teardown, entries_come_out_as_they_went_in,
                   another_key_opens_nothing, every_altered_byte_is_found, cut_or_lengthened_file_is_refused,
                   unfinished_backup_leaves_no_file, names_that_lead_out_are_refused);
