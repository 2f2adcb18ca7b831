/* SPDX-License-Identifier: Apache-2.0 */
/* test_token_directory.c - files only, no SoftHSM: what is kept, given back, exchanged and taken away. */
#include "proxy/hsm/token_directory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define SERIAL "6c2f0123456789ab"
#define TOKEN  "tokens/00000000-1111-2222-6c2f-0123456789ab"
#define BACKUP "tokens-backup/" SERIAL

static struct scratch scratch;
static char directory[SCRATCH_PATH_MAX];

static void make(const char *name)
{
    ck_assert_int_eq(mkdir(scratch_path(&scratch, name), 0700), 0);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(scratch_path(&scratch, name), "we");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static const char *content(const char *name)
{
    static char text[64];
    FILE *file = fopen(scratch_path(&scratch, name), "re");
    size_t len;

    if (!file)
        return "(none)";
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

static void setup(void)
{
    scratch_make(&scratch);
    snprintf(directory, sizeof(directory), "%s", scratch_path(&scratch, "tokens"));
    make("tokens");
    make(TOKEN);
    write_file(TOKEN "/token.object", "pins");
    write_file(TOKEN "/key.object", "key");
    write_file(TOKEN "/key.lock", "");
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

START_TEST(directory_is_read_from_softhsms_configuration)
{
    CLEANUP(free_string) char *found = NULL;
    CLEANUP(free_string) char *conf = NULL;

    write_file("conf", "# softhsm\nlog.level = ERROR\n directories.tokendir =  /var/lib/tokens\n");
    ck_assert_int_gt(asprintf(&conf, "SOFTHSM2_CONF=%s", scratch_path(&scratch, "conf")), 0);
    ck_assert_int_eq(token_directory_of(conf, &found), 0);
    ck_assert_str_eq(found, "/var/lib/tokens");
    write_file("conf", "log.level = ERROR\n");
    ck_assert_int_eq(token_directory_of(conf, &found), -EINVAL);
    ck_assert_int_eq(token_directory_of("SOFTHSM2_CONF=/nonexistent", &found), -EINVAL);
    ck_assert_int_eq(token_directory_of("OTHER_CONF=/nonexistent", &found), -ENOENT);
    ck_assert_int_eq(token_directory_of(NULL, &found), -ENOENT);
}
END_TEST

START_TEST(backup_holds_pins_and_keys_and_follows_the_next)
{
    ck_assert_int_eq(token_directory_backup(directory, SERIAL), 0);
    ck_assert_str_eq(content(BACKUP "/token.object"), "pins");
    ck_assert_str_eq(content(BACKUP "/key.object"), "key");
    ck_assert_str_eq(content(BACKUP "/key.lock"), "(none)");
    write_file(TOKEN "/token.object", "other pins");
    ck_assert_int_eq(remove(scratch_path(&scratch, TOKEN "/key.object")), 0);
    ck_assert_int_eq(token_directory_backup(directory, SERIAL), 0);
    ck_assert_str_eq(content(BACKUP "/token.object"), "other pins");
    ck_assert_str_eq(content(BACKUP "/key.object"), "(none)"); /* a destroyed key does not live on */
    ck_assert_str_eq(content(BACKUP ".new/token.object"), "(none)");
}
END_TEST

START_TEST(remains_of_a_dead_backup_are_in_nobodys_way)
{
    make("tokens-backup");
    make(BACKUP ".new");
    write_file(BACKUP ".new/stray.object", "stray");
    ck_assert_int_eq(token_directory_backup(directory, SERIAL), 0);
    ck_assert_str_eq(content(BACKUP "/stray.object"), "(none)");
}
END_TEST

START_TEST(emptied_token_gets_its_pins_back_and_a_whole_one_keeps_its_own)
{
    ck_assert_int_eq(token_directory_backup(directory, SERIAL), 0);
    write_file(TOKEN "/token.object", "newer pins");
    ck_assert_int_eq(token_directory_repair(directory), 0);
    ck_assert_str_eq(content(TOKEN "/token.object"), "newer pins");
    write_file(TOKEN "/token.object", "");
    ck_assert_int_eq(token_directory_repair(directory), 0);
    ck_assert_str_eq(content(TOKEN "/token.object"), "pins");
}
END_TEST

START_TEST(emptied_token_without_a_backup_stops_nobody)
{
    write_file(TOKEN "/token.object", "");
    ck_assert_int_eq(token_directory_repair(directory), 0);
    ck_assert_str_eq(content(TOKEN "/token.object"), "");
    ck_assert_int_eq(token_directory_repair("/nonexistent"), -ENOENT);
}
END_TEST

START_TEST(swap_exchanges_the_pins_and_no_keys)
{
    ck_assert_int_eq(token_directory_swap(directory, SERIAL), -ENOENT);
    ck_assert_int_eq(token_directory_backup(directory, SERIAL), 0);
    write_file(TOKEN "/token.object", "newer pins");
    write_file(TOKEN "/second.object", "second key");
    ck_assert_int_eq(token_directory_swap(directory, SERIAL), 0);
    ck_assert_str_eq(content(TOKEN "/token.object"), "pins");
    ck_assert_str_eq(content(BACKUP "/token.object"), "newer pins");
    ck_assert_str_eq(content(TOKEN "/second.object"), "second key");
}
END_TEST

START_TEST(removed_token_takes_its_backup_along)
{
    ck_assert_int_eq(token_directory_backup(directory, SERIAL), 0);
    ck_assert_int_eq(token_directory_remove(directory, SERIAL), 0);
    ck_assert_int_ne(access(scratch_path(&scratch, TOKEN), F_OK), 0);
    ck_assert_int_ne(access(scratch_path(&scratch, BACKUP), F_OK), 0);
    ck_assert_int_eq(token_directory_remove(directory, SERIAL), -ENOENT);
}
END_TEST

START_TEST(only_the_token_with_the_whole_serial_number_is_meant)
{
    ck_assert_int_eq(token_directory_remove(directory, "6c2f0123456789aa"), -ENOENT);
    ck_assert_int_eq(token_directory_remove(directory, ""), -ENOENT);
    ck_assert_int_eq(token_directory_remove(directory, "../../etc"), -ENOENT);
    ck_assert_str_eq(content(TOKEN "/key.object"), "key");
}
END_TEST

SUITE_WITH_FIXTURE("token_directory", setup, teardown, directory_is_read_from_softhsms_configuration,
                   backup_holds_pins_and_keys_and_follows_the_next,
                   remains_of_a_dead_backup_are_in_nobodys_way,
                   emptied_token_gets_its_pins_back_and_a_whole_one_keeps_its_own,
                   emptied_token_without_a_backup_stops_nobody, swap_exchanges_the_pins_and_no_keys,
                   removed_token_takes_its_backup_along,
                   only_the_token_with_the_whole_serial_number_is_meant);
