/* SPDX-License-Identifier: Apache-2.0 */
/* device_issue.h - a device's certificate, by the authority in the HSM, and the row that makes it somebody's. */
#pragma once

#include <openssl/evp.h>

#include "proxy/service/issue.h"

struct device_issue {
    const char *user; /* the subject's common name */
    enum role role;
    EVP_PKEY *key;                        /* owned */
    struct principal_certificate_row row; /* label and replaces are the caller's */
    struct buffer chain[ISSUE_CHAIN_LEN]; /* DER */
};

void device_issue_clear(struct device_issue *issue);
DEFINE_CLEAR(device_issue_clear, struct device_issue);

/* Inside the caller's transaction: issues, and fills in the row. Errors: those of issue_certificate(). */
MUST_CHECK enum reason device_issue(struct service *service, struct call *call, struct device_issue *issue);
/* The chain as the wire has it. Errors: REASON_INTERNAL. */
MUST_CHECK enum reason device_issue_answer(const struct device_issue *issue, size_t *ret_count,
                                           ProtobufCBinaryData **ret);
