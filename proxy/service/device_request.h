/* SPDX-License-Identifier: Apache-2.0 */
/* device_request.h - a device's own certificate request: which key, and that whoever asks has it. RFC 2986. */
#pragma once

#include <openssl/evp.h>

#include "proxy/service/service.h"

/*
 * Nothing of the request counts but its key (P-256 or P-384) and its signature: who the device belongs to is proved
 * elsewhere. Errors: REASON_MALFORMED, with a sentence.
 */
MUST_CHECK enum reason device_request_open(struct call *call, struct bytes der, EVP_PKEY **ret);
