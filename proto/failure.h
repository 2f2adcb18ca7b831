/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.h - what can go wrong with a call, as a word, a CK_RV and a gRPC status; and its MAC.
 *
 * A Failure that the signer could authenticate carries HMAC-SHA256(failure key, context("privyseal v1 failure",
 * method path, binding, rv, reason, request id, tries left, retry after, challenge, approval, detail)), where
 * binding is the challenge of a sealed call, or lease and sequence of a session call. A client believes an
 * unauthenticated Failure only as far as it would believe the network: try again, unlock again, give up - never
 * "wrong PIN".
 */
#pragma once

#include <stdbool.h>
#include <openssl/types.h>
#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "proto/limits.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"

/* gRPC status codes (grpc/doc/statuscodes.md). */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

/* Every reason there is. The table in failure.c gives each its word, CK_RV, gRPC status and sentence. */
enum reason {
    REASON_NONE = 0,
    REASON_MALFORMED,        /* CKR_ARGUMENTS_BAD */
    REASON_NOT_PERMITTED,    /* CKR_ACTION_PROHIBITED; also for what does not exist: the two look the same */
    REASON_UNLOCK_REQUIRED,  /* CKR_USER_NOT_LOGGED_IN: no such lease here; unlock and repeat */
    REASON_CHALLENGE_STALE,  /* CKR_USER_NOT_LOGGED_IN: take the fresh one and repeat, uncounted */
    REASON_PIN_INCORRECT,    /* CKR_PIN_INCORRECT */
    REASON_PIN_LOCKED,       /* CKR_PIN_LOCKED */
    REASON_PIN_DELAYED,      /* CKR_PIN_LOCKED, with retry_after_ms */
    REASON_PIN_CHANGED,      /* CKR_PIN_INCORRECT, uncounted: the version was an old one */
    REASON_PIN_NOT_SET,      /* CKR_USER_PIN_NOT_INITIALIZED */
    REASON_PIN_ALREADY_SET,  /* CKR_PIN_INVALID: activation only */
    REASON_CODE_INCORRECT,   /* CKR_PIN_INCORRECT: activation code wrong, used or expired */
    REASON_RECOVERY_UNKNOWN, /* CKR_FUNCTION_FAILED: no such way of recovery, or no such request */
    REASON_RECOVERY_IMPOSSIBLE, /* CKR_FUNCTION_FAILED: the partition's SO PIN was destroyed */
    REASON_RECOVERY_INCORRECT, /* CKR_PIN_INCORRECT: recovery code wrong or void; the new PIN is not the request's */
    REASON_RECOVERY_WAITING, /* CKR_FUNCTION_FAILED: shares or time are wanting; retry_after_ms */
    REASON_SHARE_INCORRECT,  /* CKR_ARGUMENTS_BAD: not the officer's share */
    REASON_CODE_REQUIRED, /* CKR_PIN_INCORRECT, uncounted: a code (or a ticket that is still good) is missing */
    REASON_CODE_SENT_IF_RIGHT, /* CKR_PIN_INCORRECT: the PIN alone was given; retry_after_ms: until another is sent */
    REASON_FACTOR_MISSING, /* CKR_USER_NOT_LOGGED_IN: the policy wants an authenticator, and none is enrolled */
    REASON_MOVE,           /* CKR_FUNCTION_FAILED: no home among the partitions, or a way of recovery */
    REASON_PARTITION, /* CKR_FUNCTION_FAILED: no such partition of the HSM, or not fit; the record says why */
    REASON_UNBOUND,   /* CKR_FUNCTION_FAILED: partitions are bound here, and none is to this token */
    REASON_TRANSPORT_PIN,    /* CKR_FUNCTION_FAILED: a bound partition's own PINs are missing or wrong */
    REASON_DISABLED,         /* CKR_PIN_LOCKED: the user is disabled */
    REASON_ENROLMENT,        /* CKR_PIN_INCORRECT: name, PIN or proof is wrong, or there is no PIN yet */
    REASON_KEY_UNKNOWN,      /* CKR_KEY_HANDLE_INVALID */
    REASON_KEY_EXPIRED,      /* CKR_KEY_FUNCTION_NOT_PERMITTED */
    REASON_MECHANISM,        /* CKR_MECHANISM_INVALID */
    REASON_MECHANISM_PARAM,  /* CKR_MECHANISM_PARAM_INVALID */
    REASON_KEY_TYPE,         /* CKR_KEY_TYPE_INCONSISTENT */
    REASON_DATA_LEN,         /* CKR_DATA_LEN_RANGE */
    REASON_KEY_SIZE,         /* CKR_KEY_SIZE_RANGE */
    REASON_KEY_USAGE,        /* CKR_KEY_FUNCTION_NOT_PERMITTED: keys sign, or decrypt, or derive */
    REASON_CONSENT_REQUIRED, /* CKR_USER_NOT_LOGGED_IN: the key signs by SignOnce alone */
    REASON_POLICY_MECHANISM, /* CKR_MECHANISM_INVALID: not one that the token's policy allows */
    REASON_POLICY_USAGE,     /* CKR_KEY_FUNCTION_NOT_PERMITTED: the policy lets keys sign only */
    REASON_POLICY_SPENT,     /* CKR_USER_NOT_LOGGED_IN: as many uses as the policy gives one login */
    REASON_POLICY_PERMIT, /* CKR_ACTION_PROHIBITED: a new key needs an operator's permit, and there is none */
    REASON_CIPHERTEXT,    /* CKR_ENCRYPTED_DATA_INVALID */
    REASON_CIPHERTEXT_LEN, /* CKR_ENCRYPTED_DATA_LEN_RANGE */
    REASON_OBJECT_UNKNOWN, /* CKR_OBJECT_HANDLE_INVALID */
    REASON_ID_TAKEN,       /* CKR_ATTRIBUTE_VALUE_INVALID: another key of the token has that CKA_ID */
    REASON_ALREADY_EXISTS, /* CKR_FUNCTION_FAILED */
    REASON_NOT_FOUND,      /* CKR_FUNCTION_FAILED: to operators only */
    REASON_CERT_MISMATCH,  /* CKR_ATTRIBUTE_VALUE_INVALID: a certificate without a key here */
    REASON_NO_AUTHORITY,   /* CKR_FUNCTION_FAILED: no own CA that issues such certificates */
    REASON_LIMIT,          /* CKR_DEVICE_MEMORY: a count or size limit of the deployment */
    REASON_REPLAY,         /* CKR_FUNCTION_FAILED: sequence used with other bytes, or too old */
    REASON_BUSY,           /* CKR_DEVICE_ERROR; retry_after_ms */
    REASON_STORE,          /* CKR_DEVICE_ERROR */
    REASON_HSM,            /* CKR_DEVICE_ERROR */
    REASON_AUDIT,          /* CKR_DEVICE_ERROR: no record, no signature */
    REASON_INTEGRITY, /* CKR_DEVICE_ERROR: a row's MAC, a swapped key, a signature that does not verify */
    REASON_APPROVAL_NEEDED, /* CKR_FUNCTION_FAILED: asked for, and kept until another person approves it */
    REASON_REQUEST_VOID,    /* CKR_FUNCTION_FAILED: decided, expired, or its requester may no longer ask */
    REASON_UNAVAILABLE,     /* CKR_DEVICE_ERROR: the front lost the signer, or it is the wrong one */
    REASON_DEADLINE,        /* CKR_DEVICE_ERROR */
    REASON_INTERNAL,        /* CKR_GENERAL_ERROR */
    REASONS
};

struct reason_row {
    enum reason reason;
    const char *word; /* "PIN_INCORRECT" */
    CK_RV rv;
    enum grpc_status status;
    bool is_local_repeat; /* nothing was done: a client may repeat whatever the method's row says */
    const char *sentence; /* for people: what happened and what to do next */
};

const struct reason_row *reason_row(enum reason reason);
/* REASON_INTERNAL for an unknown word. */
enum reason reason_of_word(const char *word);

#define FAILURE_DETAIL_MAX 240

/* A failure in memory; plain data, copied freely. */
struct failure {
    enum reason reason;
    char request_id[17];
    uint32_t tries_left;
    uint32_t retry_after_ms;
    uint8_t challenge[40];
    bool has_challenge;
    uint8_t approval[APPROVAL_ID_LEN]; /* with REASON_APPROVAL_NEEDED: the request's id */
    bool has_approval;
    char detail[FAILURE_DETAIL_MAX + 1]; /* for people, and for no decision; of the network's, nothing */
    bool is_authentic;                   /* set by failure_decode() when the MAC was checked and right */
};

struct failure failure_of(enum reason reason);
/* Printable ASCII, as much of it as fits; what else there is becomes '?', so that a terminal shows it and does nothing. */
void failure_set_detail(struct failure *failure, const char *text);
/* Serializes a Failure message; @key empty: no MAC. @binding as above (challenge, or lease | sequence). */
MUST_CHECK int failure_encode(OSSL_LIB_CTX *libctx, const struct failure *failure,
                              const struct method *method, struct bytes key, struct bytes binding,
                              struct buffer *ret);
/* Reads a serialized Failure. A wrong MAC is an unauthentic failure, not an error. Errors: -EBADMSG (not one). */
MUST_CHECK int failure_decode(OSSL_LIB_CTX *libctx, struct bytes message, const struct method *method,
                              struct bytes key, struct bytes binding, struct failure *ret);
/* google.rpc.Status around a serialized Failure, for grpc-status-details-bin; and back. */
MUST_CHECK int failure_wrap_status(enum grpc_status status, const char *message, struct bytes failure,
                                   struct buffer *ret);
/* @ret is appended to: the serialized Failure found in the details. Errors: -EBADMSG, -ENOENT. */
MUST_CHECK int failure_unwrap_status(struct bytes status, struct buffer *ret);
