/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - something that the case's key and mechanism sign, and the judge of what comes back. */
#pragma once

#include "conformance/checks/check.h"

#define SIGNATURE_MAX 2048

struct message {
    CK_BYTE data[4096];
    CK_ULONG len;
};

/* Something that the case's mechanism signs. */
void message_init(struct check *check, struct message *message);

/* The case is skipped unless its mechanism hashes: the others take no message in parts. */
void needs_parts(struct check *check);

/* OpenSSL takes @signature for one of @message by the case's key and mechanism. */
void expect_signature(struct check *check, const struct message *message, const CK_BYTE *signature,
                      CK_ULONG len);
