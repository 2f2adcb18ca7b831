/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_files.h - copies of the logs' files in directories, compressed or not, in the order of their chains.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "include/cleanup.h"
#include "proto/log_name.h"

struct audit_file {
    struct log_name log;
    uint32_t segment; /* 0: the one that is written to, the last */
    char *path;
};

struct audit_files {
    struct audit_file *items; /* by log, then in the order of the chain */
    size_t count;
};

void audit_files_clear(struct audit_files *files);
DEFINE_CLEAR(audit_files_clear, struct audit_files);
/* Adds the logs' files of @directory; a segment that is known from another directory already is left out. */
MUST_CHECK int audit_files_add(struct audit_files *files, const char *directory);

/* A file as it was written: what ends in .gz, .xz or .zst goes through gzip, xz or zstd. */
struct audit_stream {
    FILE *file;
    pid_t tool; /* 0: none */
};
MUST_CHECK int audit_stream_open(const char *path, struct audit_stream *ret);
/* Errors: -EIO (the tool failed: the file is damaged, or the tool is not installed). */
MUST_CHECK int audit_stream_close(struct audit_stream *stream);
