/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ceremony.h - master keys that can be had again: born in the HSM, wrapped once for the officers, then locked in.
 *
 * Every key is made as an extractable session object, wrapped under an AES key of its own (the transport key, which
 * leaves the HSM only wrapped under the RSA quorum key and, for a new epoch of a pool, under one that each other HSM made
 * for it: carrier.h), destroyed, and unwrapped from just those bytes with the strict
 * template of master_keys.h: what runs is as strict as without a ceremony, and is known to come out of the backup.
 * The quorum key's private half is made by the caller, dealt to the officers (proto/quorum.h) and wiped.
 * Source: PKCS#11 v3.1 6.1.8 (PKCS #1 RSA OAEP; with SHA-1, the only hash that SoftHSM 2.6.1 knows), 6.13.10 (AES Key Wrap).
 *
 * The backup is bytes that anybody could have made for the public quorum key: what is unwrapped counts only when its
 * commitments are those of the signed manifest.
 */
#pragma once

#include "include/json.h"
#include "proto/manifest.h"
#include "proxy/hsm/hsm.h"
#include "proxy/hsm/master_keys.h"

#define CEREMONY_SECRET      "master keys" /* what the officers' shares of the quorum key are called */
#define MASTER_BACKUP_FORMAT "privyseal master backup 1"

/* One epoch of one kind, wrapped. */
struct master_copy {
    enum master_kind kind;
    uint32_t epoch;
    int64_t ends_ms;
    struct buffer transport; /* the transport key under the quorum key */
    struct buffer wrapped;   /* the key under the transport key */
    struct buffer point;     /* of a pair: the public half */
};

struct master_backup {
    struct master_copy *copies;
    size_t count;
};

void master_backup_clear(struct master_backup *backup);
DEFINE_CLEAR(master_backup_clear, struct master_backup);
/* An epoch that is destroyed; nothing happens if it is not there. */
void master_backup_remove(struct master_backup *backup, enum master_kind kind, uint32_t epoch);
json_t *master_backup_to_json(const struct master_backup *backup); /* an array; NULL: out of memory */
/* Errors: -EBADMSG, -ENOMEM. */
MUST_CHECK int master_backup_of_json(const json_t *array, struct master_backup *ret);

/* A new RSA key: the private half (DER) to be dealt, the public one (SubjectPublicKeyInfo) to wrap under. -EIO. */
MUST_CHECK int ceremony_quorum_key(struct secret **ret_private, struct buffer *ret_public);

/*
 * As hsm_provision(), but by the ceremony: fills @ret, and the keys of @manifest, whose quorum key is set.
 * Errors: as there.
 */
MUST_CHECK CK_RV ceremony_make(const struct hsm_config *config, struct manifest *manifest,
                               struct master_backup *ret, char **why);
/*
 * A new token with the keys of @backup, which must be all that @manifest (checked already) names of them. The quorum
 * key is imported as a session object and destroyed. Errors: as there; CKR_DATA_INVALID (another key than the
 * manifest's), CKR_KEY_NEEDED (the manifest names none of a kind).
 */
MUST_CHECK CK_RV ceremony_restore(const struct hsm_config *config, struct bytes quorum_private,
                                  const struct master_backup *backup, const struct manifest *manifest,
                                  char **why);
/*
 * The keys of @backup that the manifest names and the token of @config lacks; those it has were compared with the
 * manifest. Errors: as above; CKR_FUNCTION_REJECTED (it lacks none), what hsm_open() says.
 */
MUST_CHECK CK_RV ceremony_catch_up(const struct hsm_config *config, struct bytes quorum_private,
                                   const struct master_backup *backup, const struct manifest *manifest,
                                   char **why);

/* Another HSM of the pool, which gets a new epoch too. */
struct ceremony_recipient {
    struct buffer public_key; /* SubjectPublicKeyInfo of its carrier.h */
    struct buffer transport;  /* set: the transport key under it */
};
/* Where a new epoch is noted, and who gets it beside the officers. */
struct ceremony_epoch {
    struct manifest *manifest;
    struct master_backup *backup;
    struct ceremony_recipient *recipients;
    size_t recipient_count;
};
/*
 * One more epoch of a kind in a token that runs: into the HSM as strictly, and added to manifest and backup, which
 * the caller stores and has signed by the root before any signer starts with it. The session is RW and logged in.
 */
MUST_CHECK CK_RV ceremony_add_epoch(const struct hsm_session *session, enum master_kind kind, uint32_t epoch,
                                    const struct ceremony_epoch *made);
/*
 * @copy's key into the token, its transport key by the private @carrier. Errors: CKR_DATA_INVALID (it is not the key of
 * @commitment, and was destroyed again), what the HSM says.
 */
MUST_CHECK CK_RV ceremony_bring_in(const struct hsm_session *session, CK_OBJECT_HANDLE carrier,
                                   const struct master_copy *copy, const uint8_t commitment[HASH_LEN]);
