/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share_request.h - asking officers for their shares, with files: REQUEST goes to them, their answers come back.
 * REQUEST.key, which opens the answers, stays here until they were used.
 */
#pragma once

#include "cli/cli.h"
#include "proto/quorum.h"

/* Makes both files, for sealed secrets (borrowed); says what the officers are to do. */
MUST_CHECK enum cli_exit share_request_make(struct cli *cli, const char *path, const char *realm,
                                            const char *purpose, json_t *secrets);
/* Reads the request and the answers from the @count files of @paths, and REQUEST.key. */
MUST_CHECK enum cli_exit share_request_load(struct cli *cli, const char *path, char **paths, int count,
                                            json_t **ret_request, json_t **ret_answers,
                                            struct secret **ret_key);
/* A request was answered: the key that opens the answers goes, and then the request. */
void share_request_remove(const char *path);
/* "3f2a 90c1 ...": what the two ends read to each other. */
#define FINGERPRINT_LEN 40
MUST_CHECK enum cli_exit share_request_fingerprint(struct cli *cli, const json_t *request,
                                                   char ret[FINGERPRINT_LEN]);
