/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_files.c - the logs' files of two directories, in the order of their chains, packed or not. */
#include "cli/audit_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "include/table.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static struct scratch scratch;
static char archive[SCRATCH_PATH_MAX];

static void setup(void)
{
    scratch_make(&scratch);
    strcpy(archive, scratch_path(&scratch, "archive"));
    ck_assert_int_eq(mkdir(archive, 0700), 0);
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(scratch_path(&scratch, name), "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(files_come_in_the_order_of_their_chains)
{
    static const char *const names[] = { "web1.signer-0.log",      "archive/web1.signer-0.0002.log.gz",
                                         "web1.signer-0.0010.log", "archive/web1.signer-0.0001.log",
                                         "web0.signer-3.log",      "notes.txt",
                                         "web1.signer-0.log.old" };
    static const char *const wanted[] = { "web0.signer-3.log", "web1.signer-0.0001.log",
                                          "web1.signer-0.0002.log.gz", "web1.signer-0.0010.log",
                                          "web1.signer-0.log" };
    CLEANUP(audit_files_clear) struct audit_files files = { 0 };
    const char *const *name;

    for (EACH_ROW(name, names))
        write_file(*name, "");
    ck_assert_int_eq(audit_files_add(&files, scratch.directory), 0);
    ck_assert_int_eq(audit_files_add(&files, archive), 0);
    ck_assert_uint_eq(files.count, ARRAY_SIZE(wanted));
    for (size_t i = 0; i < files.count; i++)
        ck_assert_str_eq(strrchr(files.items[i].path, '/') + 1, wanted[i]);
}
END_TEST

START_TEST(file_that_is_in_both_is_read_once)
{
    CLEANUP(audit_files_clear) struct audit_files files = { 0 };

    write_file("web1.signer-0.0001.log", "");
    write_file("archive/web1.signer-0.0001.log", "");
    ck_assert_int_eq(audit_files_add(&files, scratch.directory), 0);
    ck_assert_int_eq(audit_files_add(&files, archive), 0);
    ck_assert_uint_eq(files.count, 1);
}
END_TEST

START_TEST(directory_that_is_missing_is_said)
{
    CLEANUP(audit_files_clear) struct audit_files files = { 0 };

    ck_assert_int_eq(audit_files_add(&files, "/nonexistent"), -ENOENT);
}
END_TEST

/* The line that the file @name begins with. */
static int first_line(const char *name, char ret[64])
{
    struct audit_stream stream;
    int r = audit_stream_open(scratch_path(&scratch, name), &stream);

    ret[0] = '\0';
    if (r < 0)
        return r;
    while (fgets(ret, 64, stream.file) && *ret != 'l')
        ;
    while (fgetc(stream.file) != EOF)
        ;
    return audit_stream_close(&stream);
}

START_TEST(packed_file_is_read_as_it_was)
{
    char command[2 * SCRATCH_PATH_MAX], line[64];

    write_file("web1.signer-0.0001.log", "line one\n");
    snprintf(command, sizeof(command), "gzip -k %s", scratch_path(&scratch, "web1.signer-0.0001.log"));
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(first_line("web1.signer-0.0001.log", line), 0);
    ck_assert_str_eq(line, "line one\n");
    ck_assert_int_eq(first_line("web1.signer-0.0001.log.gz", line), 0);
    ck_assert_str_eq(line, "line one\n");
}
END_TEST

START_TEST(packed_file_that_is_damaged_is_an_error)
{
    char line[64];

    write_file("web1.signer-0.0001.log.gz", "not what gzip makes");
    ck_assert_int_eq(first_line("web1.signer-0.0001.log.gz", line), -EIO);
}
END_TEST

SUITE_WITH_FIXTURE("audit_files", setup, teardown, files_come_in_the_order_of_their_chains,
                   file_that_is_in_both_is_read_once, directory_that_is_missing_is_said,
                   packed_file_is_read_as_it_was, packed_file_that_is_damaged_is_an_error);
