/* SPDX-License-Identifier: Apache-2.0 */
/* enroll_code.h - what a new device shows beside name and PIN: chosen, and read. */
#pragma once

#include "cli/cli.h"
#include "include/secret.h"
#include "proto/privyseal.pb-c.h"

struct enroll_code {
    Privyseal__V1__EnrolmentProof proof;
    struct secret *code; /* 16 bytes, or an authenticator's digits, or empty */
};

/*
 * By --proof and --code-file, else as it is typed. @code: of the URI (DEVICE_CODE_LEN bytes), or empty. @server says what
 * the deployment takes.
 */
MUST_CHECK enum cli_exit enroll_code_read(struct cli *cli, const Privyseal__V1__GetAuthorityResponse *server,
                                          struct bytes code, struct enroll_code *ret);
