/* SPDX-License-Identifier: Apache-2.0 */
/* device_info.h - a principal's certificates as the wire tells of them. */
#pragma once

#include "proxy/service/service.h"

/* @caller: the hash of the certificate that asks, or empty. Errors: REASON_INTERNAL. */
MUST_CHECK enum reason device_infos(const struct principal_certificate_row *rows, size_t count,
                                    struct bytes caller, size_t *ret_count, Privyseal__V1__DeviceInfo ***ret);
