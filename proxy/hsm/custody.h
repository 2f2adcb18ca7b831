/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custody.h - how users' keys are kept: one small interface, two kinds behind it.
 *
 *   wrapped    keys live in the database, wrapped under the HSM's Kw and sealed under HSM.derive(Kd, HKDF(U, key));
 *              U is sealed under HSM.derive(Kd, HKDF(S, row)). Unlimited users on a small HSM.
 *   partition  keys are permanent objects in an HSM partition whose user PIN is base64url(S).
 *
 * Custody sees S (the stretched PIN), never the PIN; rows, never the store. The PIN check value and the counting of
 * attempts come before it (proxy/access): a wrong S must not reach an HSM's own counter.
 *
 * Errors of every operation: CKR_PIN_INCORRECT (U does not open, or the partition refuses), CKR_DEVICE_ERROR and
 * others from the HSM, CKR_DATA_INVALID (a row was tampered with), CKR_HOST_MEMORY.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/secret.h"
#include "proto/privyseal.pb-c.h"
#include "proto/public_key.h"
#include "proxy/hsm/hsm.h"
#include "proxy/store/store.h"

struct custody;       /* one kind, bound to an HSM and a realm */
struct custody_token; /* one token, authorised: it can sign until closed */

struct custody_config {
    const char *realm;
    struct hsm *hsm;
    bool verify_every_ec;   /* beyond the first signature of a handle */
    uint32_t key_life_days; /* CKA expiry of new keys, no later than its Kw epoch's */
    const char
        *partition_dir; /* SoftHSM: token directory this signer alone writes; NULL: partitions are bound */
};

/* How a partition that is there becomes a token's: borrowed, but for what bind() leaves for unbind(). */
struct binding {
    struct bytes s; /* what it is to open to */
    struct bytes pin,
        so_pin;             /* what its HSM's administrator set; @so_pin may be empty: then that one stays */
    bool has_user;          /* the user PIN is made of S now */
    struct secret *officer; /* the SO PIN that @so_pin was changed to; NULL: it was not */
};

static inline void binding_clear(struct binding *binding)
{
    secret_free(binding->officer); /* and with it the last who knew */
}
DEFINE_CLEAR(binding_clear, struct binding);

struct custody_ops {
    const char *name; /* "wrapped" */
    enum token_custody kind;
    CK_RV (*new)(const struct custody_config *config, struct custody **ret);
    void (*free)(struct custody *custody);
    /* The key types this custody can hold: SoftHSM cannot wrap Ed25519. */
    bool (*can_hold)(const struct custody *custody, CK_KEY_TYPE type, unsigned bits);
    /*
     * First PIN: makes U or the partition. Fills @row->sealed and nonce (its name, version and token are set) and,
     * for a partition, @token->partition. The caller stores both; undo() takes back what was made when it cannot.
     * A partition has a U of its own (its SO PIN is made of it) only if @token->recovery_bits say RECOVERY_KEPT; else
     * its SO PIN is destroyed at birth, and there is no other way in than the PIN, ever.
     * Errors: CKR_TOKEN_NOT_PRESENT (partitions are bound here, not made).
     */
    CK_RV (*create)(struct custody *custody, struct token_row *token, struct bytes s, struct access_row *row);
    void (*undo)(struct custody *custody, const struct token_row *token);
    /*
     * Partitions of an HSM that makes none for us; NULL in wrapped custody. check_bound(): whether the one with this
     * serial number may become a token's. bind(): in create()'s place. The partition @token->partition, which opens to
     * @binding->pin and has no keys, opens to S from then on; with @binding->so_pin its security officer's PIN is as
     * create() leaves it, without it @token->recovery_bits say RECOVERY_HSM. unbind() sets back what bind() set, when
     * the rows could not be stored. @why: set when there is more to say than an error; static.
     * Errors: CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED (it is not fit: @why), CKR_PIN_INCORRECT (@why).
     */
    CK_RV (*check_bound)(struct custody *custody, const char *serial, const char **why);
    CK_RV(*bind)
    (struct custody *custody, struct token_row *token, struct binding *binding, struct access_row *row,
     const char **why);
    void (*unbind)(struct custody *custody, const struct token_row *token, const struct binding *binding);
    /*
     * The check value says that S is right, the partition refuses it, and @next_s is what the same user changes the PIN
     * to: an earlier change of the two was cut off halfway if the partition opens to @next_s. It is set back to S.
     */
    CK_RV(*resume)
    (struct custody *custody, const struct token_row *token, struct bytes s, struct bytes next_s);
    /*
     * Proves S on the row and opens the token. By a row of another kind than the PIN's it opens for add_secret(),
     * change_secret() and settle() alone: nothing else may be asked of it.
     */
    CK_RV(*authorise)
    (struct custody *custody, const struct token_row *token, const struct access_row *row, struct bytes s,
     struct custody_token **ret);
    /*
     * Born in the HSM, never extractable again, and good for @usage alone. Fills all of @ret but id, token_id, label,
     * cka_id, always_authenticate, mac.
     */
    CK_RV(*generate)
    (struct custody_token *token, CK_KEY_TYPE type, unsigned bits, enum key_usage usage, struct key_row *ret);
    /*
     * Ends a key that has no row (any more), or takes back what generate() made when its row could not be stored:
     * a partition's object is destroyed, of a wrapped one nothing is left but a handle. Errors: CKR_DATA_INVALID (the
     * partition has no such key).
     */
    CK_RV (*destroy)(struct custody_token *token, const struct key_row *key);
    /*
     * Makes the key ready to be used, if that takes time and no other's key has to make room for it. NULL: it takes
     * none to speak of.
     */
    CK_RV (*prepare)(struct custody_token *token, const struct key_row *key);
    /* @raw as in proto/mechanism.h, already checked against the key. Verified before release as configured. */
    CK_RV(*sign)
    (struct custody_token *token, const struct key_row *key, CK_MECHANISM_TYPE raw,
     const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret);
    /* As mechanism_check_decrypt() has it. Errors: also CKR_ENCRYPTED_DATA_INVALID, CKR_MECHANISM_PARAM_INVALID. */
    CK_RV(*decrypt)
    (struct custody_token *token, const struct key_row *key, CK_MECHANISM_TYPE mechanism,
     const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct secret **ret);
    /* ECDH with an uncompressed point. Errors: also CKR_MECHANISM_PARAM_INVALID (no point of that curve). */
    CK_RV(*derive)
    (struct custody_token *token, const struct key_row *key, struct bytes peer, struct secret **ret);
    /*
     * One more way in: fills @row's sealed and nonce (its kind, name, version and token are set) with U under @s.
     * Errors: CKR_FUNCTION_NOT_SUPPORTED (a partition without U).
     */
    CK_RV (*add_secret)(struct custody_token *token, struct bytes s, struct access_row *row);
    /*
     * The same token under a new S (@old_s is empty when another row than the PIN's opened it): fills @new_row's
     * sealed and nonce (wrapped), or changes the partition's PIN. settle() is called when the caller's transaction
     * is through (is_done) or was lost (then it is put back).
     */
    CK_RV(*change_secret)
    (struct custody_token *token, struct bytes old_s, struct bytes new_s, struct access_row *new_row);
    void (*settle)(struct custody_token *token, struct bytes old_s, struct bytes new_s, bool is_done);
    /* The key of @row under the newest Kd: its kd_epoch, nonce and sealed are written anew. NULL: it has no such row. */
    CK_RV (*reseal)(struct custody_token *token, struct key_row *row);
    /* Destroys handles, wipes U. NULL is allowed. */
    void (*close)(struct custody_token *token);
};

extern const struct custody_ops custody_wrapped;
extern const struct custody_ops custody_partition;
/* Indexed by enum token_custody. */
extern const struct custody_ops *const custody_kinds[2];
