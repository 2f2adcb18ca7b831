/* SPDX-License-Identifier: Apache-2.0 */
/*
 * factor.h - what is asked for beside the PIN: a code of an authenticator (TOTP), or one that was sent to the user.
 *
 * A second factor is a gate, not key material: it decides whether S may be tried here, and adds nothing to what a key is
 * sealed under. Whoever has the HSM's login does not meet it.
 *
 * Checking a code changes nothing; what a right one uses up is a struct factor_change, and it is made in the transaction
 * that settles the attempt. So of two who present one code at once, one finds it used. A token's factor rows belong to
 * its row (row_mac.h): none can be put back to a state in which an old code would be good again.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "include/secret.h"
#include "proto/aead.h"
#include "proto/digest.h"
#include "proto/failure.h"
#include "proxy/access/totp.h"
#include "proxy/store/store.h"

struct access;

#define SENT_CODE_DIGITS   6
#define SENT_CODE_LIFE_MS  300000 /* five minutes: a message's way, and the typing */
#define SENT_CODE_PAUSE_MS 30000  /* between two codes for one token */

/* What is asked for: the policy's, else what the user enrolled. */
enum second_factor factor_in_force(const struct token_row *token);
/* The policy asks for an authenticator and the user has none yet: until one is enrolled, a login serves that alone. */
bool factor_is_missing(const struct token_row *token);
/* Six to eight digits. */
bool factor_code_is_valid(struct bytes code);

enum factor_event {
    FACTOR_NO_CHANGE = 0,
    FACTOR_USE_STEP, /* a TOTP code was taken */
    FACTOR_USE_CODE, /* a sent one was */
    FACTOR_SEND,     /* another is sent */
};

struct factor_change {
    enum factor_event event;
    uint64_t step;          /* FACTOR_USE_STEP */
    uint8_t code[HASH_LEN]; /* FACTOR_USE_CODE, FACTOR_SEND: its HMAC */
    int64_t now_ms;
};

/*
 * Is @code right? @ret_change: what it then uses up, for factor_apply(). A token without such a factor has no right code.
 * @principal_id: of the caller; a sent code is good for whoever asked for it.
 * Errors: REASON_INTEGRITY, REASON_STORE, _BUSY, _HSM, _INTERNAL: not checked.
 */
MUST_CHECK enum reason factor_check(struct access *access, const struct token_row *token,
                                    enum second_factor kind, int64_t principal_id, struct bytes code,
                                    int64_t now_ms, bool *ret_is_right, struct factor_change *ret_change);
/* A seed that is nobody's, sealed as others are. All zeros: not made yet. */
struct factor_decoy {
    uint32_t kd_epoch;
    uint8_t nonce[AEAD_NONCE_LEN];
    uint8_t sealed[TOTP_SEED_LEN + AEAD_TAG_LEN];
};

/*
 * The same for an authenticator, whether @token has one, or is a row that was made up: for those who are not to learn it.
 * The calls to store and HSM are the same. @code must be factor_code_is_valid(). Errors: as above.
 */
MUST_CHECK enum reason factor_check_alike(struct access *access, const struct token_row *token,
                                          struct bytes code, int64_t now_ms, bool *ret_is_right,
                                          struct factor_change *ret_change);
/*
 * Makes the change, in the transaction under way in which @token was read and will be saved.
 * Errors: REASON_PIN_INCORRECT (used since it was checked), and those above.
 */
MUST_CHECK enum reason factor_apply(struct access *access, struct token_row *token,
                                    const struct factor_change *change);

/* How long until a code may be sent to @token's user again; 0: now. Errors: as factor_check(). */
MUST_CHECK enum reason factor_send_wait(struct access *access, const struct token_row *token, int64_t now_ms,
                                        uint32_t *ret_wait_ms);
/* A new random code for @principal_id, and the change that makes it the one. Errors: REASON_HSM, _INTERNAL. */
MUST_CHECK enum reason factor_new_code(struct access *access, const struct token_row *token,
                                       int64_t principal_id, int64_t now_ms,
                                       char ret_code[SENT_CODE_DIGITS + 1], struct factor_change *ret_change);

/*
 * The next three work in the transaction under way in which @token was read and will be saved.
 *
 * A new authenticator, not in force until it is confirmed; replaces one that was not. @ret_seed: TOTP_SEED_LEN bytes.
 * Errors: REASON_ALREADY_EXISTS (one is in force), and those above.
 */
MUST_CHECK enum reason factor_enrol(struct access *access, struct token_row *token, int64_t now_ms,
                                    struct secret **ret_seed);
/* Puts it in force with a first code. Errors: REASON_NOT_FOUND (none waits for it), REASON_PIN_INCORRECT, as above. */
MUST_CHECK enum reason factor_confirm(struct access *access, struct token_row *token, struct bytes code,
                                      int64_t now_ms);
/* Seals every seed that is under an old epoch of Kd under the newest. @changed: counted on. */
MUST_CHECK enum reason factor_renew(struct access *access, struct token_row *token, unsigned *changed);
/* Takes all factors from the token, and ends every ticket. */
MUST_CHECK enum reason factor_remove(struct access *access, struct token_row *token);
