/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h - a directory for one test case, taken away with all that is in it; and children that a case waits for. */
#pragma once

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH_PATH_MAX 256

struct scratch {
    char directory[64];
    char path[SCRATCH_PATH_MAX]; /* what scratch_path() made last */
};

static inline void scratch_make(struct scratch *scratch)
{
    snprintf(scratch->directory, sizeof(scratch->directory), "/tmp/privyseal-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch->directory));
}

static inline int scratch_remove_entry(const char *path, const struct stat *status, int type,
                                       struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void scratch_remove(struct scratch *scratch)
{
    nftw(scratch->directory, scratch_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* DIRECTORY/NAME; lent until the next call. */
static inline const char *scratch_path(struct scratch *scratch, const char *name)
{
    snprintf(scratch->path, sizeof(scratch->path), "%s/%s", scratch->directory, name);
    return scratch->path;
}

/* What waitpid() says about how @child ended: 0 is an exit with success. */
static inline int scratch_wait(pid_t child)
{
    int status = -1;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}
