/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_keys.h - the keys of a lease and the Session / SessionReply envelopes, both ends.
 *
 * master = HKDF(ikm = client secret, salt = empty,
 *               info = context("privyseal v1 session", realm, token, challenge, lease, certificate hash))
 * request key, reply key, failure key = HKDF(ikm = master, salt = empty,
 *               info = context("privyseal v1 session request key" | "... reply key" | "... failure key"))
 * Nonce = 4 zero bytes, sequence (8 bytes, big-endian): one key for each direction, one sequence for each message.
 * aad = context("privyseal v1 session request" | "... reply", method path, lease, sequence).
 * The keys never travel; the client secret travels sealed.
 */
#pragma once

#include <openssl/types.h>

#include "include/secret.h"
#include "proto/aead.h"
#include "proto/limits.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"

struct session_keys {
    uint8_t lease[LEASE_LEN];
    struct secret *request_key;
    struct secret *reply_key;
    struct secret *failure_key;
    struct aead_desk *desk; /* lent by who has many messages; NULL: each makes a context of its own */
};

void session_keys_clear(struct session_keys *keys);
DEFINE_CLEAR(session_keys_clear, struct session_keys);

MUST_CHECK int session_keys_derive(OSSL_LIB_CTX *libctx, const char *realm, const char *token,
                                   struct bytes client_secret, struct bytes challenge, struct bytes lease,
                                   struct bytes certificate_hash, struct session_keys *ret);
/* Client: a serialized Session around @plaintext. @sequence is never used twice with one lease. */
MUST_CHECK int session_request(OSSL_LIB_CTX *libctx, const struct session_keys *keys,
                               const struct method *method, uint64_t sequence, struct bytes plaintext,
                               struct buffer *ret_message);
/* Signer. Errors: -EBADMSG. */
MUST_CHECK int session_open_request(OSSL_LIB_CTX *libctx, const struct session_keys *keys,
                                    const struct method *method, const Privyseal__V1__Session *session,
                                    struct secret **ret);
/* Signer: a serialized SessionReply. */
MUST_CHECK int session_reply(OSSL_LIB_CTX *libctx, const struct session_keys *keys,
                             const struct method *method, uint64_t sequence, struct bytes plaintext,
                             struct buffer *ret_message);
/* Client. Errors: -EBADMSG. */
MUST_CHECK int session_open_reply(OSSL_LIB_CTX *libctx, const struct session_keys *keys,
                                  const struct method *method, uint64_t sequence, struct bytes message,
                                  struct secret **ret);
