/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_user_file.c - a list of users to import, CSV or JSON, as somebody's directory wrote it. What is taken has names that
 * differ and nothing out of its bounds; all else is refused as a whole.
 */
#include "cli/user_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/name.h"
#include "tests/fuzz/fuzz.h"

/* The program's own writes to stderr, as user_file.c does with its faults: nobody reads either here. */
enum cli_exit cli_fail(const struct cli *cli, enum cli_exit status, const char *next, const char *format, ...)
{
    (void)cli;
    (void)next;
    (void)format;
    return status;
}

static void check_user(const struct new_user *user)
{
    fuzz_require(name_is_valid(bytes_of_text(user->user)));
    fuzz_require(user->group_count <= GROUPS_PER_TOKEN_MAX && user->set_count <= POLICY_KEYS_MAX);
    for (size_t i = 0; i < user->group_count; i++)
        fuzz_require(name_is_valid(bytes_of_text(user->groups[i])));
    for (size_t i = 0; i < user->set_count; i++)
        for (size_t j = 0; j < i; j++)
            fuzz_require(user->set[i] != user->set[j]);
}

static void check_file(const struct user_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        check_user(&file->users[i]);
        if (i) /* with each is enough: a file that is long is slow already */
            fuzz_require(strcmp(file->users[i - 1].user, file->users[i].user) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(user_file_clear) struct user_file file = { 0 };
    static FILE *silence;
    struct cli cli = { 0 };
    int fd = memfd_create("users", MFD_CLOEXEC);
    char path[64];

    if (!silence)
        stderr = silence = fopen("/dev/null", "w");
    fuzz_require(silence && fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (user_file_read(&cli, path, &file) == CLI_DONE)
        check_file(&file);
    close(fd);
    return 0;
}
