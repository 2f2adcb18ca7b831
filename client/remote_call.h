/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_call.h - one call to a deployment, as client/ itself uses it: repeated where that is safe, its failure
 * judged, its seal made and opened. remote.h is what the rest of the world sees.
 */
#pragma once

#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdint.h>

#include "client/channel.h"
#include "client/remote.h"
#include "client/sealing.h"
#include "include/secret.h"
#include "proto/aead.h"
#include "proto/limits.h"
#include "proto/method.h"

struct remote {
    OSSL_LIB_CTX *libctx;
    const struct deployment_config *deployment;
    struct channel *channel;
    X509_STORE *trust;
    struct secret *device_secret;  /* NULL: none goes into S */
    struct secret *planned_secret; /* in its place from the next new PIN on; NULL: nothing changes */
    atomic_llong reached_ms;       /* when a server answered last; 0: never */
    struct sealing sealing;
    struct aead_desk desk;        /* for the messages of all leases */
    atomic_ullong request_number; /* of the next call that has a record; include/splitmix.h */
};

/* To whom the next sealed message goes. */
struct seal_target {
    uint8_t challenge[CHALLENGE_LEN];
    uint8_t key[32]; /* X25519, out of a checked sealing certificate */
};

/* What stands inside a sealed message: a request that carries its own proof, or (with @key) is signed. */
struct sealed_body {
    const ProtobufCMessage *request;
    EVP_PKEY *key; /* NULL: no signature */
    const STACK_OF(X509) *chain;
};

/* What a new PIN is made with: the planned device secret, or the one there is; and once that PIN is set. */
const struct secret *remote_next_device_secret(const struct remote *remote);
void remote_adopt_device_secret(struct remote *remote);

/*
 * Sends @message and, until @deadline_ms, again: after BUSY as often as asked to; when no server could be reached;
 * when the answer was lost and the method is REPEAT_SAFE. The bytes stay the same, so a signer that did answer
 * answers the same again. Returns whether it was sent again.
 */
bool remote_carry(struct remote *remote, const struct method *method, struct bytes message,
                  int64_t deadline_ms, struct channel_reply *ret);
/*
 * What a reply that is not GRPC_OK means, in @error and as CK_RV. @key and @binding check the failure's MAC; without
 * it nothing is believed that a front could say to do harm: never that a PIN is wrong.
 */
MUST_CHECK CK_RV remote_refused(struct remote *remote, const struct method *method, struct bytes key,
                                struct bytes binding, const struct channel_reply *reply,
                                struct remote_error *error);
/* An error that did not come from a server, with a sentence. */
CK_RV remote_error_set(struct remote_error *error, CK_RV rv, const char *format, ...) PRINTF_LIKE(3, 4);
/* -errno of proto/ and client/ as CK_RV, for which @what failed. */
CK_RV remote_error_errno(struct remote_error *error, int r, const char *what);

/*
 * A sealed call. A stale challenge is replaced by the fresh one and the call made again; @target then holds the one
 * that was taken. @ret: the serialized reply of the method.
 */
MUST_CHECK CK_RV remote_sealed(struct remote *remote, const struct method *method,
                               const struct sealed_body *body, struct seal_target *target,
                               int64_t deadline_ms, struct secret **ret, struct remote_error *error);
/* Takes challenge and sealing key out of an answer that serves them; checks the chain. Errors: CKR_DEVICE_ERROR. */
MUST_CHECK CK_RV remote_seal_target(struct remote *remote, struct bytes challenge,
                                    const ProtobufCBinaryData *certificates, size_t count,
                                    struct seal_target *ret, struct remote_error *error);
/* As remote_plain(), with a deadline of the caller's. */
MUST_CHECK CK_RV remote_plain_until(struct remote *remote, enum method_id method,
                                    const ProtobufCMessage *request, int64_t deadline_ms,
                                    ProtobufCMessage **ret_reply, struct remote_error *error);
/* A message that carries secrets, serialized. Errors: -ENOMEM. */
MUST_CHECK int remote_pack_secret(const ProtobufCMessage *message, struct secret **ret);
/* Unpacks a serialized reply of @method. Errors: CKR_DEVICE_ERROR. */
MUST_CHECK CK_RV remote_unpack(const struct method *method, struct bytes message, ProtobufCMessage **ret,
                               struct remote_error *error);

static inline void remote_free_message(ProtobufCMessage *message)
{
    protobuf_c_message_free_unpacked(message, NULL);
}
DEFINE_CLEANUP(remote_free_message, ProtobufCMessage *);
