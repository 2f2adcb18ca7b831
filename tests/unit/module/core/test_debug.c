/* SPDX-License-Identifier: Apache-2.0 */
/* test_debug.c - a trace where it was asked for, silence elsewhere. */
#include "module/core/debug.h"

#include <string.h>

#include "proto/pkcs11_more.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

START_TEST(line_goes_to_the_file_whole)
{
    struct scratch scratch;
    struct debug debug;
    char line[256];
    FILE *file;

    scratch_make(&scratch);
    debug_open(&debug, scratch_path(&scratch, "trace"));
    debug_line(&debug, "C_Sign rv=%s", debug_rv_name(CKR_PIN_LOCKED));
    debug_close(&debug);
    file = fopen(scratch_path(&scratch, "trace"), "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_ptr_nonnull(strstr(line, "privyseal["));
    ck_assert_ptr_nonnull(strstr(line, "C_Sign rv=CKR_PIN_LOCKED\n"));
    fclose(file);
    scratch_remove(&scratch);
}
END_TEST

START_TEST(nothing_asked_for_is_silence)
{
    struct debug debug;

    debug_open(&debug, NULL);
    ck_assert_int_eq(debug.fd, -1);
    debug_line(&debug, "unheard");
    debug_open(&debug, "/nowhere/at/all");
    ck_assert_int_eq(debug.fd, -1);
}
END_TEST

START_TEST(long_line_is_cut_and_still_ends)
{
    struct scratch scratch;
    struct debug debug;
    char text[4096], last;
    FILE *file;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    scratch_make(&scratch);
    debug_open(&debug, scratch_path(&scratch, "trace"));
    debug_line(&debug, "%s", text);
    debug_close(&debug);
    file = fopen(scratch_path(&scratch, "trace"), "r");
    ck_assert_int_eq(fseek(file, -1, SEEK_END), 0);
    ck_assert_uint_eq(fread(&last, 1, 1, file), 1);
    ck_assert_int_eq(last, '\n');
    fclose(file);
    scratch_remove(&scratch);
}
END_TEST

START_TEST(codes_have_their_names)
{
    ck_assert_str_eq(debug_rv_name(CKR_OK), "CKR_OK");
    ck_assert_str_eq(debug_rv_name(CKR_CRYPTOKI_ALREADY_INITIALIZED), "CKR_CRYPTOKI_ALREADY_INITIALIZED");
    ck_assert_str_eq(debug_rv_name(~0UL), "CKR_?");
}
END_TEST

SUITE("debug", line_goes_to_the_file_whole, nothing_asked_for_is_silence, long_line_is_cut_and_still_ends,
      codes_have_their_names);
