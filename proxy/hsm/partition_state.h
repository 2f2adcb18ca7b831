/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_state.h - what stands behind partition custody, for its files.
 *
 *   partition.c        the operations: life of a token, change of S, whose keys are meant
 *   partition_key.c    the keys that are in it
 *   partition_login.c  who is logged in
 *   partition_make.c   SoftHSM's way: a partition is made when its user sets the first PIN, and its files are kept safe
 *   partition_bind.c   any HSM's: a partition that is there is taken over
 */
#pragma once

#include "proxy/hsm/custody.h"
#include "proxy/hsm/hsm_state.h"

#define PARTITION_PIN_LEN 43 /* base64url of STRETCHED_PIN_LEN bytes */

struct custody {
    struct custody_config config;
    struct custody *wrapped; /* of keys that were brought along */
    struct login *logins;
    bool is_stale; /* a token's file was put back: only a new process reads it */
};

/* One login of this process into one partition, shared by the leases that showed its S. */
struct login {
    struct custody *custody;
    char serial[SERIAL_LEN + 1];
    struct hsm_session session; /* read and write: keys are made in it */
    struct secret *s;           /* what logged in */
    struct handle_owner keys;
    unsigned refs;
    struct login *next;
};

struct custody_token {
    struct custody *custody;
    struct login *login; /* NULL: not opened by the PIN */
    char name[NAME_MAX_LEN + 1];
    char serial[SERIAL_LEN + 1];
    struct secret *u;              /* NULL: it has none */
    bool is_officer;               /* the SO PIN is made of U; else it was destroyed */
    struct custody_token *brought; /* opens the keys that were brought along; NULL: there can be none */
};

/* base64url(@s). Errors: CKR_PIN_INCORRECT (@s is no S), CKR_HOST_MEMORY. */
MUST_CHECK CK_RV partition_pin(struct bytes s, struct secret **ret);
/* By its serial number; slot ids change when the library starts anew. Errors: CKR_TOKEN_NOT_PRESENT. */
MUST_CHECK CK_RV partition_find(const struct custody *custody, const char *serial, struct library_token *ret);

/* A reference to the login that @s made, or makes now. Errors: CKR_PIN_INCORRECT, CKR_TOKEN_NOT_PRESENT, the HSM's. */
MUST_CHECK CK_RV partition_login_get(struct custody *custody, const char *serial, struct bytes s,
                                     struct login **ret);
void partition_login_unref(struct login *login);
/* NULL: nobody has it open. */
struct login *partition_login_peek(const struct custody *custody, const char *serial);
/*
 * Gives a partition of SoftHSM's the PIN of its backup. Errors: CKR_DEVICE_ERROR (done: a new process will see it),
 * CKR_PIN_INCORRECT (there is no backup).
 */
MUST_CHECK CK_RV partition_put_back(struct custody *custody, const char *serial);

/* Makes a partition with SoftHSM: custody's create() and undo(). */
MUST_CHECK CK_RV partition_make(struct custody *custody, struct token_row *token, struct bytes s,
                                const struct secret *u);
void partition_unmake(struct custody *custody, const struct token_row *token);
/* Keeps what was changed in a partition: a copy of SoftHSM's files. A real HSM does so itself. */
MUST_CHECK CK_RV partition_keep(const struct custody *custody, const char *serial);

/* Takes over a partition that is there: as custody's check_bound(), bind(), unbind() and resume(). */
MUST_CHECK CK_RV partition_check_bound(struct custody *custody, const char *serial, const char **why);
MUST_CHECK CK_RV partition_take(struct custody *custody, struct token_row *token, struct binding *binding,
                                const struct secret *u, const char **why);
void partition_unbind(struct custody *custody, const struct token_row *token, const struct binding *binding);
MUST_CHECK CK_RV partition_resume(struct custody *custody, const struct token_row *token, struct bytes s,
                                  struct bytes next_s);

/* The operations of custody for a key that is in the partition; a handle that was lost is looked for once more. */
MUST_CHECK CK_RV partition_key_generate(struct login *login, CK_KEY_TYPE type, unsigned bits,
                                        enum key_usage usage, struct key_row *ret);
MUST_CHECK CK_RV partition_key_destroy(struct login *login, const struct key_row *row);
MUST_CHECK CK_RV partition_key_sign(struct login *login, const struct key_row *row, CK_MECHANISM_TYPE raw,
                                    const Privyseal__V1__PssParameters *pss, struct bytes data,
                                    struct buffer *ret);
MUST_CHECK CK_RV partition_key_decrypt(struct login *login, const struct key_row *row,
                                       CK_MECHANISM_TYPE mechanism, const Privyseal__V1__OaepParameters *oaep,
                                       struct bytes data, struct secret **ret);
MUST_CHECK CK_RV partition_key_derive(struct login *login, const struct key_row *row, struct bytes peer,
                                      struct secret **ret);
