/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_recovery.h - for users whose PIN is forgotten, or may be: recovery codes and officers. The command line stands
 * on it; the module has no use for it.
 */
#pragma once

#include "client/remote.h"
#include "proto/hpke.h"
#include "proto/limits.h"

/* Without a login. The message is freed with protobuf_c_message_free_unpacked(). */
MUST_CHECK CK_RV remote_token_recovery(struct remote_token *token, Privyseal__V1__GetRecoveryResponse **ret,
                                       struct remote_error *error);

/* ------------------------------------------------------------------------------------------ while logged in */

/* @code: RECOVERY_CODE_LEN random bytes. The device secret, if there is one, goes along, sealed under it. */
MUST_CHECK CK_RV remote_token_put_recovery(struct remote_token *token, struct bytes code,
                                           struct remote_error *error);
MUST_CHECK CK_RV remote_token_remove_recovery(struct remote_token *token, Privyseal__V1__RecoveryWay way,
                                              struct remote_error *error);
MUST_CHECK CK_RV remote_token_cancel_recovery(struct remote_token *token, struct remote_error *error);

struct remote_officer {
    char name[NAME_MAX_LEN + 1];
    uint8_t key[HPKE_KEY_LEN];
    uint8_t hash[HASH_LEN]; /* of the certificate */
};

/*
 * The officers that @reply names, each checked against the deployment's root: a server cannot make one.
 * Errors: CKR_DEVICE_ERROR (one of them is none).
 */
MUST_CHECK CK_RV remote_officers(struct remote *remote, const Privyseal__V1__GetRecoveryResponse *reply,
                                 struct remote_officer ret[OFFICERS_MAX], size_t *ret_count,
                                 struct remote_error *error);
/* Makes Q, splits it and seals a share to each officer, of whom @needed open the token together. */
MUST_CHECK CK_RV remote_token_put_quorum(struct remote_token *token, const struct remote_officer *officers,
                                         size_t count, uint32_t needed, struct remote_error *error);

/* ------------------------------------------------------------------------------------- when it is forgotten */

/*
 * The device secret that went along with @code; NULL: none did. A device without one plans it for the new PIN.
 * Errors: CKR_PIN_INCORRECT (no such code), CKR_PIN_LOCKED (too many tries: error->failure.retry_after_ms).
 */
MUST_CHECK CK_RV remote_token_fetch_recovery(struct remote_token *token, struct bytes code,
                                             struct secret **ret, struct remote_error *error);
/*
 * A new PIN by the recovery code, which is void then; @next_code takes its place (empty: none does), and carries the
 * device secret on.
 */
MUST_CHECK CK_RV remote_token_recover_pin(struct remote_token *token, struct bytes code, struct bytes new_pin,
                                          struct bytes next_code, struct remote_error *error);
/* Asks the officers for @new_pin; it takes effect when remote_token_finish_recovery() comes with the same. */
MUST_CHECK CK_RV remote_token_request_recovery(struct remote_token *token, struct bytes new_pin,
                                               Privyseal__V1__RequestRecoveryResponse **ret,
                                               struct remote_error *error);
/* Errors: also CKR_FUNCTION_FAILED with REASON_RECOVERY_WAITING. */
MUST_CHECK CK_RV remote_token_finish_recovery(struct remote_token *token, struct bytes request_name,
                                              struct bytes new_pin, struct remote_error *error);
