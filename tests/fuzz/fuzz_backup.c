/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_backup.c - a backup as it comes from somewhere: its frame, which is read before anything is authentic, and its
 * chunks under a key, which an officer's mistake may give the wrong file.
 */
#include "proto/backup_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static int take_name(void *arg, const char *name, uint32_t mode)
{
    (void)arg;
    (void)mode;
    fuzz_require(*name != '/' && strlen(name) <= BACKUP_NAME_MAX);
    return 0;
}

static int take_data(void *arg, struct bytes data)
{
    (void)arg;
    (void)data;
    return 0;
}

static int take_end(void *arg)
{
    (void)arg;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct backup_sink sink = { take_name, take_data, take_end };
    static const uint8_t key[32];
    struct backup_file backup = { 0 };
    int fd = memfd_create("backup", MFD_CLOEXEC);
    char path[64];

    fuzz_require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (backup_open(path, &backup) == 0)
        (void)!backup_extract(&backup, BYTES_OF_ARRAY(key), &sink, NULL);
    backup_file_clear(&backup);
    close(fd);
    return 0;
}
