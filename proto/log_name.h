/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_name.h - which audit log: the one of a signer of a proxy; and what its files are called.
 *
 * Several proxies may share a store, and their logs may be brought together: a log is named by both. Its files are
 * PROXY.signer-N.log, which is written to, and PROXY.signer-N.0001.log and so on, which are closed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/cleanup.h"

#define PROXY_NAME_MAX    63 /* a label of a host name. RFC 1035 2.3.4 */
#define LOG_TEXT_MAX      96
#define LOG_FILE_NAME_MAX 128

struct log_name {
    char proxy[PROXY_NAME_MAX + 1];
    uint32_t signer;
};

/* Letters, digits, "-" and "_", 1 to PROXY_NAME_MAX: it is part of file names. */
bool proxy_name_is_valid(const char *text);
/* Errors: -EINVAL (the proxy's name is none). */
MUST_CHECK int log_name_set(struct log_name *name, const char *proxy, uint32_t signer);
/* By proxy, then by signer: <0, 0, >0. */
int log_name_compare(const struct log_name *a, const struct log_name *b);
/* "web1.signer-2" */
void log_name_text(const struct log_name *name, char ret[LOG_TEXT_MAX]);

/* "web1.signer-2.0007.log"; @segment 0: the file that is written to, "web1.signer-2.log". */
void log_file_name(const struct log_name *name, uint32_t segment, char ret[LOG_FILE_NAME_MAX]);
/*
 * The reverse. False: not the name of a log's file. @ret_rest: what follows ".log", like ".gz"; it may be NULL, and
 * then nothing may follow.
 */
bool log_file_parse(const char *file, struct log_name *ret, uint32_t *ret_segment, const char **ret_rest);
