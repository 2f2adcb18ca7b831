/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation.h - a signature, verification, digest, en- or decryption between its Init and its end.
 *
 * All of them take data the same way, at once or in parts, and differ in what is done at the end. A mechanism
 * that hashes is hashed as the data comes; for the others (RSA PKCS #1, ECDSA, EdDSA) it is collected, up to
 * the most that a request may carry, so that they too can be given in parts.
 * Source: PKCS#11 v3.1 5.12 (Message digesting), 5.13 (Signing), 5.15 (Verifying signatures).
 * Threads: the session's lock guards it. Finishing takes the operation out of the session first, so that
 *          nothing is held while the server works; to a second thread the session then has no operation.
 */
#pragma once

#include <openssl/types.h>

#include "include/bytes.h"
#include "module/core/object_set.h"
#include "module/core/output.h"
#include "proto/mechanism.h"

enum op_state { OP_REFUSED, OP_IDLE, OP_READY, OP_PARTS, OP_STATES };
enum op_event { OP_INIT, OP_ONE_SHOT, OP_UPDATE, OP_FINAL, OP_EVENTS };

struct operation {
    enum op_state state;
    const struct mechanism *mechanism;
    Privyseal__V1__PssParameters pss;   /* if mechanism->has_pss */
    Privyseal__V1__OaepParameters oaep; /* if has_oaep */
    bool has_oaep;
    struct object_set *set; /* keeps @key alive; NULL for a digest */
    const struct object *key;
    struct login *consent; /* with a key that always authenticates: a PIN for this one signature */
    EVP_MD_CTX *hash;      /* of a mechanism that hashes */
    struct buffer message; /* of one that does not */
};

void operation_init(struct operation *operation);
/* Ends it, whatever state it is in. */
void operation_clear(struct operation *operation);
DEFINE_CLEAR(operation_clear, struct operation);

/* Whether @event may come now. Errors: CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED. */
MUST_CHECK CK_RV operation_allows(const struct operation *operation, enum op_event event);
/*
 * Begins. @key (of @set, whose reference is taken) and @pss may be NULL, as for a digest.
 * Errors: CKR_OPERATION_ACTIVE, CKR_FUNCTION_FAILED (OpenSSL).
 */
MUST_CHECK CK_RV operation_start(struct operation *operation, OSSL_LIB_CTX *libctx,
                                 const struct mechanism *mechanism, const Privyseal__V1__PssParameters *pss,
                                 struct object_set *set, const struct object *key);
/* Takes a part. An error ends the operation. Errors: as operation_allows(), CKR_DATA_LEN_RANGE,
 * CKR_HOST_MEMORY. */
MUST_CHECK CK_RV operation_update(struct operation *operation, struct bytes part);
/*
 * Moves the operation to @ret, to be finished, and leaves none behind; unless @event may not come now or
 * @output is answered by a length alone: then *@ret_is_taken is false and the return value is the caller's
 * answer. A one-shot call into an operation in parts ends it. v3.1 5.13.2 (C_Sign).
 */
MUST_CHECK CK_RV operation_take(struct operation *operation, enum op_event event, struct output output,
                                size_t needed, struct operation *ret, bool *ret_is_taken);
/*
 * Of a taken one: the digest (or DigestInfo) or message that its raw mechanism works on, after @last.
 * Errors: CKR_DATA_LEN_RANGE, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
MUST_CHECK CK_RV operation_input(struct operation *operation, struct bytes last, struct buffer *ret);
/* The hash that made that input, as far as it is known; 0: none, or unknown. */
CK_MECHANISM_TYPE operation_input_hash(const struct operation *operation, struct bytes input);
