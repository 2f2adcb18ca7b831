/* SPDX-License-Identifier: Apache-2.0 */
/* server_certificate.h - the front's certificate renewed, for the supervisor, which asks over the control socket. */
#pragma once

#include "proxy/service/service.h"

/*
 * @pem: the front's chain as it is. @ret: appended, the same key and names under a new certificate of the authority in the
 * HSM, then that one's. Only for a server's certificate that the deployment's own roots vouch for: one of another CA is not
 * ours to replace. Recorded. Errors: REASON_MALFORMED, REASON_CERT_MISMATCH, those of issue_certificate(), REASON_AUDIT.
 */
MUST_CHECK enum reason server_certificate_renew(struct service *service, struct bytes pem, int64_t now_ms,
                                                struct buffer *ret);
