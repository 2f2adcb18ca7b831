/* SPDX-License-Identifier: Apache-2.0 */
/* seal_chain.h - what a client needs for its next sealed call: a challenge, and to whom it seals. */
#pragma once

#include "proxy/service/service.h"

/* A fresh challenge and the sealing certificates, into an answer's fields. Errors: REASON_INTERNAL. */
MUST_CHECK enum reason seal_chain_fill(struct service *service, int64_t now_ms,
                                       ProtobufCBinaryData *ret_challenge, size_t *ret_count,
                                       ProtobufCBinaryData **ret_certificates);
