/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.h - one token at a server, as its application sees it: snapshot, login, signing. Module and command line
 * stand on it.
 *
 * It hides what a fleet does: whatever loses the unlocked state (signer recycled, other proxy, lease ended) answers
 * UNLOCK_REQUIRED, and remote_token unlocks again with the S it keeps in locked memory, and repeats, once.
 * One signature is one round trip; a listing is one; a login is one more (two when the challenge has gone stale).
 *
 * Threads: every function may be called from any thread; none holds a lock across the network.
 */
#pragma once

#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/channel.h"
#include "client/pin_policy.h"
#include "include/bytes.h"
#include "include/secret.h"
#include "proto/failure.h"
#include "proto/privyseal.pb-c.h"

/* A deployment reached with an identity. Shared by its tokens. */
struct remote;

/*
 * Takes @channel (on success). @deployment is lent and must outlive it; its ca is the root that the chain of the
 * sealing key must end in (NULL: nothing can be sealed). Errors: -errno, -EBADMSG.
 */
MUST_CHECK int remote_new(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment,
                          struct channel *channel, struct remote **ret);
/*
 * Reads the device secret of @identity, if it names one: from now on S is made with it. A server cannot ask for less.
 * Errors: -errno, -EBADMSG (not DEVICE_SECRET_LEN bytes), with a sentence in @why (caller frees).
 */
MUST_CHECK int remote_use_device_secret(struct remote *remote, const struct identity_config *identity,
                                        char **why);
/* NULL: there is none. */
const struct secret *remote_device_secret(const struct remote *remote);
/*
 * The next PIN that remote_token_set_pin() or _change_pin() sets is made with @secret, which is taken, and every S after
 * it; if that fails, all is as before. Threads: the command line has one.
 */
void remote_plan_device_secret(struct remote *remote, struct secret *secret);
void remote_free(struct remote *remote);
DEFINE_CLEANUP(remote_free, struct remote *);
/* In a forked child: lets go of the parent's connections and leases without a byte on the wire. */
void remote_abandon(struct remote *remote);

/* What went wrong with the last call of a function below, for debugging and doctor. Plain data, no secret. */
struct remote_error {
    CK_RV rv;
    struct failure failure; /* REASON_NONE: none came from the server */
    char detail[512];
    char request_id[REQUEST_ID_LEN + 1]; /* the server's, of the last call that was answered; "": none was */
};

/* Errors: CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED (unreachable). @ret_names: malloc'd array of malloc'd strings. */
MUST_CHECK CK_RV remote_list_tokens(struct remote *remote, char ***ret_names, size_t *ret_count,
                                    struct remote_error *error);

/* A sealed call whose inner request carries its own proof, or (with operator keys) is signed: for the CLI. */
MUST_CHECK CK_RV remote_operate(struct remote *remote, enum method_id method, const ProtobufCMessage *request,
                                EVP_PKEY *key, const STACK_OF(X509) *chain, ProtobufCMessage **ret_reply,
                                struct remote_error *error);
/* The plain call behind it: realm, version. The reply is freed with protobuf_c_message_free_unpacked(). */
MUST_CHECK CK_RV remote_plain(struct remote *remote, enum method_id method, const ProtobufCMessage *request,
                              ProtobufCMessage **ret_reply, struct remote_error *error);

/* ------------------------------------------------------------------------------------------------- enrolment */

/* A device without a certificate, in @user's name. The rest is borrowed. */
struct remote_enrolment {
    const char *user;
    struct bytes pin;
    Privyseal__V1__EnrolmentProof proof;
    struct bytes code; /* of another device, of recovery (16 bytes), of an authenticator (digits); or empty */
    struct bytes device_secret; /* empty: there is none */
    struct bytes request;       /* PKCS#10, DER */
    const char *label;
};

/*
 * Proves name, PIN and code; @ret_reply: EnrolDeviceResponse. Errors: CKR_PIN_INCORRECT (one of the three is wrong),
 * CKR_PIN_LOCKED (too many tries: error->failure.retry_after_ms), CKR_PIN_LEN_RANGE, CKR_DEVICE_REMOVED, _ERROR.
 */
MUST_CHECK CK_RV remote_enrol(struct remote *remote, const struct remote_enrolment *enrolment,
                              ProtobufCMessage **ret_reply, struct remote_error *error);
/*
 * The device secret that the code of @enrolment brings (of a device: once; of recovery); NULL: none. Looks at user, proof
 * and code. Errors: CKR_PIN_INCORRECT (no such code).
 */
MUST_CHECK CK_RV remote_fetch_device_secret(struct remote *remote, const struct remote_enrolment *enrolment,
                                            struct secret **ret, struct remote_error *error);

/* --------------------------------------------------------------------------------------------------- a token */

struct remote_token;

/* No I/O. @name: at the server. */
MUST_CHECK int remote_token_new(struct remote *remote, const char *name, struct remote_token **ret);
void remote_token_free(struct remote_token *token); /* no I/O: wipes S, drops the lease */
DEFINE_CLEANUP(remote_token_free, struct remote_token *);

/* What is known of a token without a login. Immutable once given out; reference-counted. */
struct remote_snapshot {
    Privyseal__V1__Snapshot *content;
    uint8_t hash[32];
    Privyseal__V1__PinState pin_state;
    uint32_t pin_version;
    struct pin_policy policy; /* for a new PIN */
    uint32_t retry_after_ms;
    Privyseal__V1__SecondFactor factor; /* what is asked for beside the PIN */
    bool is_factor_missing;             /* it has to be enrolled first */
    bool is_factor_by_policy;           /* else the user enrolled it */
    bool is_confirmed;                  /* its hash was confirmed under a session key */
};

struct remote_snapshot *remote_snapshot_ref(struct remote_snapshot *snapshot);
void remote_snapshot_unref(struct remote_snapshot *snapshot);
DEFINE_CLEANUP(remote_snapshot_unref, struct remote_snapshot *);

/*
 * The snapshot: fetched if there is none or it is older than @max_age_ms, else the one at hand (0: always fetched).
 * Errors: CKR_DEVICE_REMOVED (unreachable), CKR_TOKEN_NOT_PRESENT (no such token, or no grant), CKR_DEVICE_ERROR.
 */
MUST_CHECK CK_RV remote_token_snapshot(struct remote_token *token, unsigned max_age_ms,
                                       struct remote_snapshot **ret, struct remote_error *error);

/*
 * Logs in. @pin is what was typed: with a second factor, PIN and code (typed_pin.h). The same again within a few
 * seconds of a logout costs no stretching, request or attempt.
 * Errors: CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_ALREADY_LOGGED_IN,
 * CKR_PIN_LEN_RANGE, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR. error->failure.tries_left tells how many are left;
 * error->failure.reason is REASON_CODE_REQUIRED or REASON_CODE_SENT_IF_RIGHT where a code is to come with the PIN.
 */
MUST_CHECK CK_RV remote_token_login(struct remote_token *token, struct bytes pin, struct remote_error *error);
/*
 * Ends the login. S and the lease stay parked for five seconds, in case the same PIN comes again; what finds them
 * there later (or remote_token_free()) wipes them, and tells the signer, best effort, within a second.
 */
void remote_token_logout(struct remote_token *token);
bool remote_token_is_logged_in(struct remote_token *token);

/* A key and a raw mechanism (proto/mechanism.h). @hash: CK_MECHANISM_TYPE that made @data, 0 unknown.
 * Errors: CKR_USER_NOT_LOGGED_IN, those of the signer, CKR_DEVICE_ERROR. @ret: appended. */
struct remote_sign {
    struct bytes key_name;
    CK_MECHANISM_TYPE raw;
    const Privyseal__V1__PssParameters *pss;
    CK_MECHANISM_TYPE hash;
    struct bytes data;
};
MUST_CHECK CK_RV remote_token_sign(struct remote_token *token, const struct remote_sign *request,
                                   struct buffer *ret, struct remote_error *error);

/* A PIN that was proved, kept in locked memory for one signature with a key that always authenticates. */
struct login;
void remote_consent_free(struct login *consent);
DEFINE_CLEANUP(remote_consent_free, struct login *);
/*
 * Proves @pin anew, while logged in: here if it is the PIN of the login, else at the signer, where it counts.
 * Errors: those of remote_token_login(), CKR_USER_NOT_LOGGED_IN.
 */
MUST_CHECK CK_RV remote_token_consent(struct remote_token *token, struct bytes pin, struct login **ret,
                                      struct remote_error *error);
/* As remote_token_sign(), S and the data in one sealed message. Errors: also CKR_PIN_LOCKED. */
MUST_CHECK CK_RV remote_token_sign_once(struct remote_token *token, const struct login *consent,
                                        const struct remote_sign *request, struct buffer *ret,
                                        struct remote_error *error);

/* @mechanism: CKM_RSA_PKCS, or CKM_RSA_PKCS_OAEP with @oaep. Errors: CKR_ENCRYPTED_DATA_INVALID, as above. */
struct remote_decrypt {
    struct bytes key_name;
    CK_MECHANISM_TYPE mechanism;
    const Privyseal__V1__OaepParameters *oaep;
    struct bytes data;
};
MUST_CHECK CK_RV remote_token_decrypt(struct remote_token *token, const struct remote_decrypt *request,
                                      struct secret **ret, struct remote_error *error);
/* ECDH with @peer, an uncompressed point. Errors: CKR_MECHANISM_PARAM_INVALID, as above. */
MUST_CHECK CK_RV remote_token_derive(struct remote_token *token, struct bytes key_name, struct bytes peer,
                                     struct secret **ret, struct remote_error *error);

/* A key to be made. */
struct remote_new_key {
    CK_KEY_TYPE type;
    unsigned bits;
    Privyseal__V1__KeyUsage usage;
    bool always_authenticate;
    const char *label; /* NULL or "": the server's choice */
    struct bytes id;   /* empty: made of the key's name */
};
/* Makes a key; the snapshot is renewed. @ret_name: KEY_NAME_LEN bytes. */
MUST_CHECK CK_RV remote_token_generate(struct remote_token *token, const struct remote_new_key *key,
                                       uint8_t ret_name[32], struct remote_error *error);
/*
 * Renames or deletes a key, or the certificate of the key of that name; the snapshot is renewed. @label "", @id empty:
 * stay as they are. Errors: CKR_OBJECT_HANDLE_INVALID (no such object any more), CKR_ATTRIBUTE_VALUE_INVALID (the id is
 * another key's), as above.
 */
MUST_CHECK CK_RV remote_token_update(struct remote_token *token, struct bytes key_name,
                                     Privyseal__V1__ObjectKind kind, const char *label, struct bytes id,
                                     struct remote_error *error);
MUST_CHECK CK_RV remote_token_delete(struct remote_token *token, struct bytes key_name,
                                     Privyseal__V1__ObjectKind kind, struct remote_error *error);
/* With those who issued it: its issuer's certificate, that one's issuer's, and so on (DER). */
MUST_CHECK CK_RV remote_token_put_chain(struct remote_token *token, const struct bytes *ders, size_t count,
                                        const char *label, struct remote_error *error);
/* The names of @of_key's certificate again, for @key. Where the deployment lets users do so. */
MUST_CHECK CK_RV remote_token_renew_certificate(struct remote_token *token, struct bytes key,
                                                struct bytes of_key, uint64_t *ret_not_after_unix,
                                                struct remote_error *error);
MUST_CHECK CK_RV remote_token_put_certificate(struct remote_token *token, struct bytes der, const char *label,
                                              struct remote_error *error);
/*
 * What the audit log of @signer (of the proxy that answers) says about the token, from record @from on; 0: which logs
 * there are. @ret: a ReadOwnRecordsResponse.
 */
MUST_CHECK CK_RV remote_token_own_records(struct remote_token *token, uint32_t signer, uint64_t from,
                                          ProtobufCMessage **ret, struct remote_error *error);
/* A call of the session that only the command line makes: devices, codes. @ret: the method's reply. */
MUST_CHECK CK_RV remote_token_manage(struct remote_token *token, enum method_id method,
                                     const ProtobufCMessage *request, ProtobufCMessage **ret,
                                     struct remote_error *error);
/* Changes the PIN; a login goes on with the new one. */
MUST_CHECK CK_RV remote_token_change_pin(struct remote_token *token, struct bytes old_pin,
                                         struct bytes new_pin, struct remote_error *error);
/* The PINs of a partition that its HSM's administrator made; @so_pin may be empty. */
struct remote_transport {
    struct bytes pin, so_pin;
};
/*
 * The token goes on as a partition of the HSM, under the same PIN in its next version. @transport: of one that was
 * bound; NULL: it is made. Errors: also CKR_FUNCTION_FAILED (it cannot: REASON_MOVE, REASON_PARTITION).
 */
MUST_CHECK CK_RV remote_token_move(struct remote_token *token, struct bytes pin,
                                   const struct remote_transport *transport, struct remote_error *error);
/* The first PIN, with the activation code (16 bytes). Errors: also CKR_PIN_INVALID (against the policy). */
MUST_CHECK CK_RV remote_token_set_pin(struct remote_token *token, struct bytes activation_code,
                                      struct bytes pin, struct remote_error *error);
/* How a partition begins; in wrapped custody nothing of it matters. */
struct remote_beginning {
    bool keeps_recovery; /* its SO PIN is not destroyed but sealed to S: there can be a recovery code */
    const struct remote_transport *transport; /* of a partition that was bound; NULL: it is made */
};
/* The same, with a say. Errors: also CKR_FUNCTION_FAILED (REASON_PARTITION). */
MUST_CHECK CK_RV remote_token_begin(struct remote_token *token, struct bytes activation_code,
                                    struct bytes pin, const struct remote_beginning *beginning,
                                    struct remote_error *error);

/* --------------------------------------------------------------------------------------------- second factors */

/* What an authenticator application has to be told; cleared with remote_authenticator_clear(). */
struct remote_authenticator {
    struct secret *seed;
    unsigned digits, period_s;
};
static inline void remote_authenticator_clear(struct remote_authenticator *authenticator)
{
    secret_free(authenticator->seed);
}
DEFINE_CLEAR(remote_authenticator_clear, struct remote_authenticator);

/* While logged in. Not in force before the second is called with a code of it. The third needs a code, too. */
MUST_CHECK CK_RV remote_token_enrol_factor(struct remote_token *token, struct remote_authenticator *ret,
                                           struct remote_error *error);
MUST_CHECK CK_RV remote_token_confirm_factor(struct remote_token *token, const char *code,
                                             struct remote_error *error);
MUST_CHECK CK_RV remote_token_remove_factor(struct remote_token *token, const char *code,
                                            struct remote_error *error);
