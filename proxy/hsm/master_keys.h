/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_keys.h - the HSM's own keys, by kind and epoch: what each may do, made once, found at start.
 *
 * A key that does not have exactly the attributes of its row is refused: whoever can log in to the HSM could otherwise
 * plant a readable "next epoch" and wait until new rows are sealed under it. To the attributes belongs the HSM's word
 * that the key was never outside; after a key ceremony (ceremony.h), which took it outside wrapped, a manifest that the
 * deployment's root has signed stands in for that word. Then a strict key without either is not used; a lax one, or one
 * that the manifest names and that is another, keeps the HSM closed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <p11-kit/pkcs11.h>

#include "proto/manifest.h"
#include "proxy/hsm/hsm_session.h"

enum master_kind {
    MASTER_DERIVE,
    MASTER_WRAP,
    MASTER_EXCHANGE,
    MASTER_SALT,
    MASTER_CHECK,
    MASTER_ROW,
    MASTER_SEAL,
    MASTER_AUDIT,
    MASTER_CA_DEVICE,
    MASTER_CA_DOCUMENT,
    MASTER_KINDS
};

#define MASTER_EPOCHS_MAX     32   /* live epochs of one kind: a row for each in a fixed table */
#define MASTER_STRANGERS_MAX  8    /* more of them are no accident: then the HSM stays closed */
#define MASTER_WRAP_LIFE_DAYS 3653 /* of a Kw epoch: no key made under it lives longer */

struct master_key {
    uint32_t epoch;
    CK_OBJECT_HANDLE handle;
    int64_t ends_ms; /* Unix time; INT64_MAX: none */
    bool is_trusted; /* CKA_TRUSTED, set by the HSM's officer: keys may ask to be wrapped by it alone */
};

/*
 * After a key ceremony: a key for which neither the manifest nor the HSM speaks. It is a new epoch that the root has not
 * signed for yet, or was planted: nobody can tell, so nothing is ever made or opened under it.
 */
struct master_stranger {
    enum master_kind kind;
    struct master_key key;
};

struct master_keys {
    struct master_key keys[MASTER_KINDS][MASTER_EPOCHS_MAX]; /* by epoch, ascending */
    size_t count[MASTER_KINDS];
    struct master_stranger strangers[MASTER_STRANGERS_MAX];
    size_t stranger_count;
};

/*
 * Finds all epochs of all kinds. @manifest: checked already; NULL: there was no ceremony. @why: a sentence, caller frees.
 * Errors: CKR_KEY_NEEDED (a kind has none), CKR_TEMPLATE_INCONSISTENT (a key is not as its row says, or there twice),
 *         CKR_DATA_INVALID (not the key that the manifest names).
 */
MUST_CHECK CK_RV master_keys_find(const struct hsm_session *session, const struct manifest *manifest,
                                  struct master_keys *ret, char **why);
/* Makes one epoch of every kind. The session is RW and logged in. */
MUST_CHECK CK_RV master_keys_generate(const struct hsm_session *session, uint32_t epoch);
/* So, of one kind. */
MUST_CHECK CK_RV master_keys_generate_one(const struct hsm_session *session, enum master_kind kind,
                                          uint32_t epoch);
/* NULL: no such epoch. */
const struct master_key *master_keys_peek(const struct master_keys *keys, enum master_kind kind,
                                          uint32_t epoch);
/* So, among the strangers: to destroy it. */
const struct master_key *master_keys_peek_stranger(const struct master_keys *keys, enum master_kind kind,
                                                   uint32_t epoch);
/* The number of the next epoch; strangers have theirs already. 0: there is none. */
uint32_t master_keys_next(const struct master_keys *keys, enum master_kind kind);
/* Of a kind that has any, which master_keys_find() saw to. */
const struct master_key *master_keys_newest(const struct master_keys *keys, enum master_kind kind);
/* "Kd": for messages and tests. */
const char *master_keys_name(enum master_kind kind);
/* False: no kind is called so. */
bool master_keys_kind(const char *name, enum master_kind *ret);

/* What a key of a kind can do, and so what it can be recognised by. */
enum master_form { MASTER_FORM_MACS, MASTER_FORM_DERIVES, MASTER_FORM_WRAPS, MASTER_FORM_PAIR };
enum master_form master_keys_form(enum master_kind kind);
/* When an epoch that is made now ends. */
int64_t master_keys_end(enum master_kind kind);
/*
 * What the manifest knows a key by: SHA-256 of what the key, and no other, makes of a fixed input; of a pair the public
 * key, when the private one has signed for it.
 */
MUST_CHECK CK_RV master_commit(const struct hsm_session *session, enum master_kind kind, CK_OBJECT_HANDLE key,
                               uint32_t epoch, uint8_t ret[HASH_LEN]);

/* A new key as a session object that may leave wrapped; of a pair also the public half's point, appended. */
MUST_CHECK CK_RV master_keys_make_transit(const struct hsm_session *session, enum master_kind kind,
                                          CK_OBJECT_HANDLE *ret, struct buffer *ret_point);
/* Into the token under @unwrapping_key (CKM_AES_KEY_WRAP_PAD), as strict as one that was born there. */
MUST_CHECK CK_RV master_keys_unwrap(const struct hsm_session *session, enum master_kind kind, uint32_t epoch,
                                    int64_t ends_ms, CK_OBJECT_HANDLE unwrapping_key, struct bytes wrapped,
                                    struct bytes point, CK_OBJECT_HANDLE *ret);

/*
 * What the CKA_UNWRAP_TEMPLATE of Kw (keys that sign) and of Kx (keys that decrypt or derive) demands of every key they
 * unwrap. With fewer, a wrapped key unwraps as an HMAC or AES key, as one that may leave, for a use that it was not
 * made for, or as one that is copied or changed into such a key. SoftHSM matches these templates instead of applying
 * them, so a caller repeats them; and it sets one attribute after the other, so MASTER_UNWRAP_FIXED stands last.
 */
#define MASTER_UNWRAP_COMMON                                                                                 \
    ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY), ATTRIBUTE_FALSE(CKA_TOKEN), ATTRIBUTE_TRUE(CKA_SENSITIVE), \
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE)
#define MASTER_UNWRAP_FIXED ATTRIBUTE_FALSE(CKA_COPYABLE), ATTRIBUTE_FALSE(CKA_MODIFIABLE)
#define MASTER_UNWRAP_TEMPLATE                                                                               \
    MASTER_UNWRAP_COMMON, ATTRIBUTE_FALSE(CKA_DERIVE), ATTRIBUTE_FALSE(CKA_DECRYPT),                         \
        ATTRIBUTE_FALSE(CKA_UNWRAP), MASTER_UNWRAP_FIXED
#define MASTER_EXCHANGE_TEMPLATE                                                                             \
    MASTER_UNWRAP_COMMON, ATTRIBUTE_FALSE(CKA_SIGN), ATTRIBUTE_FALSE(CKA_SIGN_RECOVER),                      \
        ATTRIBUTE_FALSE(CKA_UNWRAP), MASTER_UNWRAP_FIXED
