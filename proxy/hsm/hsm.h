/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm.h - a PKCS#11 library by path, one logged-in session, and the master keys in it.
 *
 * One per process, one thread. Logs in exactly once (SoftHSM's C_Login rewrites its token file, so signers may only
 * read it). Handles live in our own structs: no C_FindObjects and no C_CloseSession while serving.
 *
 * Master keys (CKA_LABEL "privyseal NAME epoch N", Kw's and Kx's with " until YYYY-MM-DD" behind it; CKA_ID = N as 4
 * bytes), all
 * CKA_TOKEN, PRIVATE, SENSITIVE, not EXTRACTABLE, MODIFIABLE or COPYABLE, one entry in CKA_ALLOWED_MECHANISMS, no usage
 * but the one named:
 *   Kd     AES-256  DERIVE        CKM_AES_CBC_ENCRYPT_DATA
 *   Kw     AES-256  WRAP, UNWRAP  CKM_AES_KEY_WRAP_PAD, with an unwrap template (master_keys.h): keys that sign
 *   Kx     AES-256  WRAP, UNWRAP  the same, with another template: keys that decrypt or derive
 *   Ksalt, Kcheck, Krow, Kseal  generic 32 bytes  SIGN  CKM_SHA256_HMAC
 *   Kaudit EC P-256 SIGN          CKM_ECDSA: checkpoints of the audit logs
 *   Kca-device, Kca-document      the same: certificates of devices and servers; of users' signing keys
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "include/secret.h"
#include "proto/limits.h"

enum hsm_mac_key { HSM_SALT, HSM_CHECK, HSM_ROW, HSM_SEAL, HSM_MAC_KEYS };

struct hsm_config {
    const char *module;      /* path of the PKCS#11 library */
    const char *environment; /* "SOFTHSM2_CONF=path" or NULL: set before C_Initialize */
    const char *token_label; /* of the token with the master keys */
    const char *pin_file;    /* its user PIN; one line */
    bool allow_software;     /* SoftHSM and the like are refused without it */
    uint32_t max_handles;    /* cached key handles, least recently used first out */
    /* After a key ceremony: the list of its keys, and the root certificate and realm that it must be signed for. */
    const char *manifest; /* NULL: there was none, and no key may ever have been outside the HSM */
    const char *root, *realm;
    /* In a signer; all zero elsewhere. */
    uint64_t *due_ms;    /* library_watch.h: shared with the supervisor, who watches over every call */
    unsigned hang_ms;    /* so long may one take */
    unsigned processes;  /* that share the HSM's sessions, each with one */
    bool is_one_of_many; /* it must have every key that the manifest names, as the others do */
};

struct hsm;

/*
 * Loads, initialises, logs in once, finds the master keys of every epoch. @why: a sentence, caller frees.
 * Errors: CKR_*; CKR_TOKEN_NOT_PRESENT (no token of that label), CKR_KEY_NEEDED (master keys missing).
 */
MUST_CHECK CK_RV hsm_open(const struct hsm_config *config, struct hsm **ret, char **why);
void hsm_close(struct hsm *hsm);
DEFINE_CLEANUP(hsm_close, struct hsm *);

/* HMAC-SHA256 in the HSM. Errors: CKR_KEY_NEEDED (no such epoch), what the HSM says. */
MUST_CHECK CK_RV hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
                         uint8_t ret[HASH_LEN]);
/* The newest epoch of each kind; seals and MACs name theirs. */
uint32_t hsm_epoch_mac(const struct hsm *hsm, enum hsm_mac_key key);
uint32_t hsm_epoch_derive(const struct hsm *hsm);
/* Whether there is another than the newest: rows may be under it. */
bool hsm_has_old_derive(const struct hsm *hsm);
uint32_t hsm_epoch_wrap(const struct hsm *hsm); /* Kw */
/* Signs a checkpoint (32-byte digest) with Kaudit; r || s. */
MUST_CHECK CK_RV hsm_sign_checkpoint(struct hsm *hsm, const uint8_t digest[HASH_LEN], uint8_t ret[64]);
/* DER SubjectPublicKeyInfo of Kaudit's newest epoch, appended: with it an auditor checks checkpoints without an HSM. */
MUST_CHECK CK_RV hsm_audit_public_key(struct hsm *hsm, struct buffer *ret);
/* The issuing authorities whose keys the HSM holds. */
enum hsm_ca { HSM_CA_DEVICE, HSM_CA_DOCUMENT, HSM_CAS };
/* Signs a SHA-256 digest with the authority's key; r || s. What may be signed, proxy/service decides. */
MUST_CHECK CK_RV hsm_ca_sign(struct hsm *hsm, enum hsm_ca ca, const uint8_t digest[HASH_LEN],
                             uint8_t ret[64]);
/* DER SubjectPublicKeyInfo of the authority's key, appended: what its certificate is for. */
MUST_CHECK CK_RV hsm_ca_public_key(struct hsm *hsm, enum hsm_ca ca, struct buffer *ret);
MUST_CHECK CK_RV hsm_random(struct hsm *hsm, uint8_t *data, size_t len);
/*
 * Hashes (CKM_*) that this HSM decrypts RSA-OAEP with, found out at the first call by trying each with a key made for
 * it: the standard has no way to ask, and SoftHSM 2.6.1 knows SHA-1 alone. Lent.
 */
MUST_CHECK CK_RV hsm_oaep_hashes(struct hsm *hsm, const CK_MECHANISM_TYPE **ret, size_t *ret_count);
/* "SoftHSM project, SoftHSM v2, serial ..." */
const char *hsm_description(const struct hsm *hsm);
/* Whether the process should be replaced: session objects made since start (SoftHSM leaks each). */
uint64_t hsm_objects_made(const struct hsm *hsm);
/* A cheap real call: is it still there? */
MUST_CHECK CK_RV hsm_probe(struct hsm *hsm);

/* ---------------------------------------------------------------------------------------- start-up self-test */

struct hsm_finding {
    const char *name;     /* "ecb-derivation" */
    bool is_enforced;     /* the HSM refuses what it must */
    bool is_required;     /* unenforced and required: the signer does not start */
    const char *sentence; /* what follows when it is not enforced */
};

#define HSM_FINDINGS_MAX 24

/*
 * Tries what the HSM must refuse (ECB derivation, unwrap as extractable, as secret key, as another class; flag
 * flips; reading keys; copying with more usage) and lists what it lacks (lock-out, trusted wrapping ...).
 * Leaves nothing behind. Errors: CKR_* when the tests themselves could not be made.
 */
MUST_CHECK CK_RV hsm_self_test(struct hsm *hsm, struct hsm_finding ret[HSM_FINDINGS_MAX], size_t *ret_count);
/* "A" all enforced, "B" required ones enforced, "F" a required one is not. */
const char *hsm_grade(const struct hsm_finding *findings, size_t count);

/* ------------------------------------------------------------------------------------------------ provision */

/*
 * Initialises a new token (SoftHSM: in the token directory of @config's environment) with random SO and user PINs,
 * writes the user PIN to config->pin_file (0600), makes master keys of epoch 1 and destroys the SO PIN.
 * Errors: CKR_*; CKR_TOKEN_PRESENT-like refusal (CKR_FUNCTION_REJECTED) if a token of that label exists.
 */
MUST_CHECK CK_RV hsm_provision(const struct hsm_config *config, char **why);
