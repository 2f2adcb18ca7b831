/* SPDX-License-Identifier: Apache-2.0 */
/* test_officer.c - officers' keys are made, read back, and nobody is counted twice. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/officer.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static struct scratch scratch;
static char ann_key[SCRATCH_PATH_MAX], ann_pub[SCRATCH_PATH_MAX];
static uint8_t ann_public[HPKE_KEY_LEN];

static void setup(void)
{
    scratch_make(&scratch);
    snprintf(ann_key, sizeof(ann_key), "%s", scratch_path(&scratch, "ann.key"));
    snprintf(ann_pub, sizeof(ann_pub), "%s", scratch_path(&scratch, "ann.pub"));
    ck_assert_int_eq(officer_make_key(ann_key, ann_pub, ann_public), 0);
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

START_TEST(made_key_is_read_back_and_for_its_owner_alone)
{
    CLEANUP(secret_free) struct secret *private_key = NULL;
    struct officer officer;
    uint8_t public_key[HPKE_KEY_LEN];
    struct stat status;

    ck_assert_int_eq(officer_load(ann_pub, &officer), 0);
    ck_assert_str_eq(officer.name, "ann");
    ck_assert_mem_eq(officer.public_key, ann_public, HPKE_KEY_LEN);
    ck_assert_int_eq(officer_load_private(ann_key, &private_key, public_key), 0);
    ck_assert_mem_eq(public_key, ann_public, HPKE_KEY_LEN);
    ck_assert_int_eq(stat(ann_key, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(key_is_never_written_over_another)
{
    uint8_t other[HPKE_KEY_LEN];

    ck_assert_int_eq(officer_make_key(ann_key, scratch_path(&scratch, "new.pub"), other), -EEXIST);
    ck_assert_int_eq(officer_make_key(scratch_path(&scratch, "new.key"), ann_pub, other), -EEXIST);
    ck_assert_int_eq(access(scratch_path(&scratch, "new.key"), F_OK), -1);
}
END_TEST

START_TEST(officer_who_is_named_twice_is_refused)
{
    struct officer officers[3];
    char paths[2 * SCRATCH_PATH_MAX + 2];
    size_t count;

    snprintf(paths, sizeof(paths), "%s,%s", ann_pub, ann_pub);
    ck_assert_int_eq(officers_load(paths, officers, 3, &count), -EEXIST);
    ck_assert_int_eq(officers_load(ann_pub, officers, 0, &count), -E2BIG);
    ck_assert_int_eq(officers_load(ann_pub, officers, 3, &count), 0);
    ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(file_without_an_x25519_key_is_refused)
{
    FILE *file = fopen(scratch_path(&scratch, "bob.pub"), "we");
    CLEANUP(secret_free) struct secret *private_key = NULL;
    struct officer officer;
    uint8_t public_key[HPKE_KEY_LEN];

    fputs("-----BEGIN PUBLIC KEY-----\nnothing\n-----END PUBLIC KEY-----\n", file);
    fclose(file);
    ck_assert_int_eq(officer_load(scratch_path(&scratch, "bob.pub"), &officer), -EBADMSG);
    ck_assert_int_eq(officer_load(scratch_path(&scratch, "nobody.pub"), &officer), -ENOENT);
    ck_assert_int_eq(officer_load_private(ann_pub, &private_key, public_key), -EBADMSG);
}
END_TEST

SUITE_WITH_FIXTURE("officer", setup, teardown, made_key_is_read_back_and_for_its_owner_alone,
                   key_is_never_written_over_another, officer_who_is_named_twice_is_refused,
                   file_without_an_x25519_key_is_refused);
