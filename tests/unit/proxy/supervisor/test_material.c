/* SPDX-License-Identifier: Apache-2.0 */
/* test_material.c - TLS files become memfds that nobody can change, or a sentence that names the file. */
#include "proxy/material.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/suite.h"

static char directory[] = "/tmp/privyseal-material-XXXXXX";
static struct proxy_config config = { .certificate = (char *)"certificate",
                                      .key = (char *)"key",
                                      .client_ca = (char *)"ca" };

static void write_file(const char *name, const char *content)
{
    FILE *file = fopen(name, "w");

    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    write_file("certificate", "one");
    write_file("key", "two");
    write_file("ca", "three");
}

static void teardown(void)
{
    unlink("certificate");
    unlink("key");
    unlink("ca");
    rmdir(directory);
}

START_TEST(files_are_copied_in_order)
{
    CLEANUP(material_clear) struct material material = MATERIAL_NONE;
    char *why = NULL, text[8] = { 0 };

    ck_assert_int_eq(material_read(&config, &material, &why), 0);
    ck_assert_int_eq(pread(material.memfd[1], text, sizeof(text) - 1, 0), 3);
    ck_assert_str_eq(text, "two");
    ck_assert_int_eq(pread(material.memfd[2], text, sizeof(text) - 1, 0), 5);
    ck_assert_str_eq(text, "three");
}
END_TEST

START_TEST(copies_cannot_be_changed)
{
    CLEANUP(material_clear) struct material material = MATERIAL_NONE;
    char *why = NULL;

    ck_assert_int_eq(material_read(&config, &material, &why), 0);
    ck_assert_int_lt(pwrite(material.memfd[1], "x", 1, 0), 0);
    ck_assert_int_lt(ftruncate(material.memfd[1], 0), 0);
    ck_assert_ptr_eq(mmap(NULL, 3, PROT_WRITE, MAP_SHARED, material.memfd[1], 0), MAP_FAILED);
}
END_TEST

START_TEST(missing_file_is_named_with_its_key)
{
    CLEANUP(material_clear) struct material material = MATERIAL_NONE;
    CLEANUP(free_string) char *why = NULL;

    unlink("key");
    ck_assert_int_eq(material_read(&config, &material, &why), -ENOENT);
    ck_assert_str_eq(why, "cannot read key: No such file or directory; see [server] key");
    ck_assert_int_eq(material.memfd[0], -1);
}
END_TEST

START_TEST(file_beyond_all_reason_is_refused)
{
    CLEANUP(material_clear) struct material material = MATERIAL_NONE;
    CLEANUP(free_string) char *why = NULL;

    ck_assert_int_eq(truncate("ca", 1024 * 1024 * 1024), 0);
    ck_assert_int_eq(material_read(&config, &material, &why), -EFBIG);
}
END_TEST

START_TEST(directory_in_the_place_of_a_file_is_refused)
{
    CLEANUP(material_clear) struct material material = MATERIAL_NONE;
    CLEANUP(free_string) char *why = NULL;
    struct proxy_config other = config;

    other.key = (char *)".";
    ck_assert_int_eq(material_read(&other, &material, &why), -EINVAL);
}
END_TEST

SUITE_WITH_FIXTURE("material", setup, teardown, files_are_copied_in_order, copies_cannot_be_changed,
                   missing_file_is_named_with_its_key, file_beyond_all_reason_is_refused,
                   directory_in_the_place_of_a_file_is_refused);
