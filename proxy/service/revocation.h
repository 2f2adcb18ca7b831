/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation.h - taking back what the deployment's own authorities issued. Inside the caller's transaction.
 *
 * Lists and answers show it from the next request on: nothing is sent to anybody.
 */
#pragma once

#include "proxy/service/service.h"

/*
 * Every certificate that was issued for @token, its users' devices' too, and that can take it, gets the reason
 * @crl_reason (enum crl_reason): CRL_HOLD when the user is disabled, CRL_REMOVE_FROM_CRL when enabled again,
 * CRL_SUPERSEDED when the token is reset, CRL_CESSATION when it is deleted (before its row goes). A token without
 * certificates, and a deployment without authorities: nothing to do.
 * Errors: REASON_INTEGRITY, REASON_STORE, REASON_BUSY, REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason revoke_token_certificates(struct service *service, const struct token_row *token,
                                                 int crl_reason);
/*
 * Those that were issued for the key @key_name of @token, as a whole or none. @ret_count: how many had not ended before.
 * Errors: as above.
 */
MUST_CHECK enum reason revoke_key_certificates(struct service *service, const struct token_row *token,
                                               const uint8_t key_name[KEY_NAME_LEN], int crl_reason,
                                               size_t *ret_count);
/* One certificate. @ret: as it was found. Errors besides: REASON_NOT_FOUND; REASON_ALREADY_EXISTS (it is revoked). */
MUST_CHECK enum reason revoke_certificate(struct service *service, const uint8_t serial[ISSUED_SERIAL_LEN],
                                          int crl_reason, struct issued_row *ret);
