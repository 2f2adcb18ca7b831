/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - the Sealed / SealedReply envelopes around HPKE, both ends.
 *
 * info = context("privyseal v1 sealed", realm); aad = context("privyseal v1 sealed request", method path, challenge).
 * The reply is AES-256-GCM under export("privyseal v1 sealed reply") with the same aad, the MAC of a Failure
 * HMAC-SHA256 under export("privyseal v1 sealed failure").
 */
#pragma once

#include <openssl/types.h>

#include "include/secret.h"
#include "proto/hpke.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"

/* What an end keeps of one sealed call until its answer is made or read. */
struct seal_call {
    struct secret *reply_key;
    struct secret *failure_key;
    uint8_t challenge[40];
};

void seal_call_clear(struct seal_call *call);
DEFINE_CLEAR(seal_call_clear, struct seal_call);

/*
 * Client: packs a Sealed that holds @plaintext (a serialized inner request), for @method.
 * @recipient: the X25519 public key out of the checked sealing certificate (certificate.h).
 * Errors: negative errno.
 */
MUST_CHECK int seal_request(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                            struct bytes recipient, struct bytes challenge, struct bytes plaintext,
                            struct seal_call *ret_call, struct buffer *ret_message);
/* Client: opens a serialized SealedReply. Errors: -EBADMSG. */
MUST_CHECK int seal_open_reply(OSSL_LIB_CTX *libctx, const struct method *method,
                               const struct seal_call *call, struct bytes message, struct secret **ret);
/* Signer: opens @sealed with the private key whose epoch it names. Errors: -EBADMSG, -EINVAL. */
MUST_CHECK int seal_open_request(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                                 struct bytes private_key, const Privyseal__V1__Sealed *sealed,
                                 struct seal_call *ret_call, struct secret **ret);
/* Signer: packs a SealedReply around @plaintext. */
MUST_CHECK int seal_reply(OSSL_LIB_CTX *libctx, const struct method *method, const struct seal_call *call,
                          struct bytes plaintext, struct buffer *ret_message);
