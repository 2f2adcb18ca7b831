/* SPDX-License-Identifier: Apache-2.0 */
/* failure.c - the table of reasons, and failures on the wire with and without a MAC. */
#include "proto/failure.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "include/secret.h"
#include "include/table.h"
#include "proto/context.h"
#include "proto/digest.h"
#include "proto/pack.h"

#define FAILURE_MAX        1024 /* bytes of a serialized Failure: a word, an id, a challenge, a MAC */
#define STATUS_MAX         4096 /* bytes of a google.rpc.Status: it travels in a header */
#define STATUS_DETAILS_MAX 4
#define FAILURE_TYPE_URL   "type.googleapis.com/privyseal.v1.Failure"

/* The sentence says what happened and what to do next; the CK_RV is what an application sees of it. */
#define ROW(reason_, rv_, status_, is_local_repeat_, sentence_)                                              \
    [REASON_##reason_] = {                                                                                   \
        .reason = REASON_##reason_,                                                                          \
        .word = #reason_,                                                                                    \
        .rv = rv_,                                                                                           \
        .status = GRPC_##status_,                                                                            \
        .is_local_repeat = is_local_repeat_,                                                                 \
        .sentence = sentence_,                                                                               \
    }

/* clang-format off */
static const struct reason_row reasons[REASONS] = {
    [REASON_NONE] = { REASON_NONE, "OK", CKR_OK, GRPC_OK, false, "Nothing is wrong." },
    ROW(MALFORMED,       CKR_ARGUMENTS_BAD,              INVALID_ARGUMENT,    false,
        "The server could not read the request; check that both ends are of the same version."),
    ROW(NOT_PERMITTED,   CKR_ACTION_PROHIBITED,          PERMISSION_DENIED,   false,
        "It does not exist, or this certificate may not have it; ask an operator for a grant."),
    ROW(UNLOCK_REQUIRED, CKR_USER_NOT_LOGGED_IN,         UNAUTHENTICATED,     true,
        "The login has ended at the server; log in again."),
    ROW(CHALLENGE_STALE, CKR_USER_NOT_LOGGED_IN,         UNAUTHENTICATED,     true,
        "The server's challenge was too old; try again."),
    ROW(PIN_INCORRECT,   CKR_PIN_INCORRECT,              UNAUTHENTICATED,     false,
        "The PIN is wrong; check it before the next try, because tries are counted."),
    ROW(PIN_LOCKED,      CKR_PIN_LOCKED,                 FAILED_PRECONDITION, false,
        "The PIN is locked after too many wrong tries; an operator can clear the lock."),
    ROW(PIN_DELAYED,     CKR_PIN_LOCKED,                 RESOURCE_EXHAUSTED,  false,
        "After several wrong PINs the token takes none for a while; wait, then try again."),
    ROW(PIN_CHANGED,     CKR_PIN_INCORRECT,              FAILED_PRECONDITION, false,
        "The PIN was changed meanwhile; log in with the new one."),
    ROW(PIN_NOT_SET,     CKR_USER_PIN_NOT_INITIALIZED,   FAILED_PRECONDITION, false,
        "The token has no PIN yet; set one with the activation code."),
    ROW(PIN_ALREADY_SET, CKR_PIN_INVALID,                FAILED_PRECONDITION, false,
        "The token has a PIN already; change that one."),
    ROW(CODE_INCORRECT,  CKR_PIN_INCORRECT,              UNAUTHENTICATED,     false,
        "The activation code is wrong, used or expired; ask an operator for a new one."),
    ROW(RECOVERY_UNKNOWN, CKR_FUNCTION_FAILED,           NOT_FOUND,           false,
        "The token has no such way of recovery, or nothing is under way; `privyseal token show` tells."),
    ROW(RECOVERY_IMPOSSIBLE, CKR_FUNCTION_FAILED,        FAILED_PRECONDITION, false,
        "This token's partition was made without a way back; only a new one can have it (`pin set --recovery`)."),
    ROW(RECOVERY_INCORRECT, CKR_PIN_INCORRECT,           UNAUTHENTICATED,     false,
        "The recovery code is wrong, or was used or replaced; or the new PIN is not the one that was asked for."),
    ROW(RECOVERY_WAITING, CKR_FUNCTION_FAILED,           FAILED_PRECONDITION, false,
        "The recovery is not complete: officers have still to give their shares, or its waiting time lasts."),
    ROW(SHARE_INCORRECT, CKR_ARGUMENTS_BAD,              INVALID_ARGUMENT,    false,
        "This is not the share that the officer holds for this user; check which key it was opened with."),
    ROW(CODE_REQUIRED,   CKR_PIN_INCORRECT,              FAILED_PRECONDITION, false,
        "A code is needed besides the PIN; enter both with a comma between them: PIN,CODE."),
    ROW(CODE_SENT_IF_RIGHT, CKR_PIN_INCORRECT,           UNAUTHENTICATED,     false,
        "If the PIN was right, a code is on its way; enter both with a comma between them: PIN,CODE."),
    ROW(FACTOR_MISSING,  CKR_USER_NOT_LOGGED_IN,         FAILED_PRECONDITION, false,
        "The token's policy wants an authenticator and there is none yet; run `privyseal factor add totp`."),
    ROW(MOVE,            CKR_FUNCTION_FAILED,            FAILED_PRECONDITION, false,
        "This token cannot move: an operator has to allow it first (`privyseal user move`), and ways of recovery do not "
        "go along (`privyseal recovery remove`)."),
    ROW(PARTITION,       CKR_FUNCTION_FAILED,            FAILED_PRECONDITION, false,
        "The HSM has no such partition for a user, or it is not fit for one: it has to be empty, with a user PIN set, and take "
        "PINs of 43 characters; the audit record says more."),
    ROW(UNBOUND,         CKR_FUNCTION_FAILED,            FAILED_PRECONDITION, false,
        "The token has no partition of the HSM yet; an operator gives it one with `privyseal partition bind`."),
    ROW(TRANSPORT_PIN,   CKR_FUNCTION_FAILED,            FAILED_PRECONDITION, false,
        "The token's partition opens to the PIN that the HSM's administrator set: give that along with yours "
        "(`--transport-pin-file`, `--so-pin-file`); if you did, it is wrong."),
    ROW(DISABLED,        CKR_PIN_LOCKED,                 PERMISSION_DENIED,   false,
        "The user is disabled; ask an operator."),
    ROW(ENROLMENT,       CKR_PIN_INCORRECT,              UNAUTHENTICATED,     false,
        "Name, PIN or code is wrong, or cannot be used now; check all three, because tries are counted."),
    ROW(KEY_UNKNOWN,     CKR_KEY_HANDLE_INVALID,         NOT_FOUND,           false,
        "The token has no such key; list its keys again."),
    ROW(KEY_EXPIRED,     CKR_KEY_FUNCTION_NOT_PERMITTED, FAILED_PRECONDITION, false,
        "The key has expired; generate a new one."),
    ROW(MECHANISM,       CKR_MECHANISM_INVALID,          INVALID_ARGUMENT,    false,
        "The mechanism is not one of this token's; list them."),
    ROW(MECHANISM_PARAM, CKR_MECHANISM_PARAM_INVALID,    INVALID_ARGUMENT,    false,
        "The mechanism's parameters are wrong; check hash, mask generation and salt length."),
    ROW(KEY_TYPE,        CKR_KEY_TYPE_INCONSISTENT,      INVALID_ARGUMENT,    false,
        "The mechanism is for keys of another type; choose one that fits the key."),
    ROW(DATA_LEN,        CKR_DATA_LEN_RANGE,             INVALID_ARGUMENT,    false,
        "The data has the wrong length for key and mechanism; sign a digest."),
    ROW(KEY_SIZE,        CKR_KEY_SIZE_RANGE,             INVALID_ARGUMENT,    false,
        "Keys of this size are not made here; choose another."),
    ROW(KEY_USAGE,       CKR_KEY_FUNCTION_NOT_PERMITTED, FAILED_PRECONDITION, false,
        "The key is for another use: a key signs, or decrypts, or derives; make one for this."),
    ROW(CONSENT_REQUIRED, CKR_USER_NOT_LOGGED_IN,        FAILED_PRECONDITION, false,
        "The key wants the PIN anew for every signature; enter it for this one."),
    ROW(POLICY_MECHANISM, CKR_MECHANISM_INVALID,         PERMISSION_DENIED,   false,
        "The token's policy does not allow this mechanism; use another, or ask an operator."),
    ROW(POLICY_USAGE,    CKR_KEY_FUNCTION_NOT_PERMITTED, PERMISSION_DENIED,   false,
        "The token's policy lets its keys sign only, not decrypt or derive; ask an operator."),
    ROW(POLICY_SPENT,    CKR_USER_NOT_LOGGED_IN,         RESOURCE_EXHAUSTED,  false,
        "This login has made as many signatures as the token's policy gives it; log in again."),
    ROW(POLICY_PERMIT,   CKR_ACTION_PROHIBITED,          PERMISSION_DENIED,   false,
        "A new key for this token needs a permit; ask an operator for one."),
    ROW(CIPHERTEXT,      CKR_ENCRYPTED_DATA_INVALID,     INVALID_ARGUMENT,    false,
        "The data was not encrypted for this key in this way, or was damaged."),
    ROW(CIPHERTEXT_LEN,  CKR_ENCRYPTED_DATA_LEN_RANGE,   INVALID_ARGUMENT,    false,
        "The encrypted data must be as long as the key's modulus."),
    ROW(OBJECT_UNKNOWN,  CKR_OBJECT_HANDLE_INVALID,      NOT_FOUND,           false,
        "The token has no such key or certificate; list them again."),
    ROW(ID_TAKEN,        CKR_ATTRIBUTE_VALUE_INVALID,    ALREADY_EXISTS,      false,
        "Another key of the token has that id; choose another."),
    ROW(ALREADY_EXISTS,  CKR_FUNCTION_FAILED,            ALREADY_EXISTS,      false,
        "It exists already; choose another name."),
    ROW(NOT_FOUND,       CKR_FUNCTION_FAILED,            NOT_FOUND,           false,
        "It does not exist; check the name."),
    ROW(CERT_MISMATCH,   CKR_ATTRIBUTE_VALUE_INVALID,    INVALID_ARGUMENT,    false,
        "The certificate is for a key that this token does not have; check which one it was requested for."),
    ROW(NO_AUTHORITY,    CKR_FUNCTION_FAILED,            FAILED_PRECONDITION, false,
        "The deployment has no certificate authority of its own for that; have it issued elsewhere, then import it."),
    ROW(LIMIT,           CKR_DEVICE_MEMORY,              RESOURCE_EXHAUSTED,  false,
        "A limit of the deployment is reached; remove something, or ask an operator."),
    ROW(REPLAY,          CKR_FUNCTION_FAILED,            ABORTED,             false,
        "The request's number was used before for another one; log in again."),
    ROW(BUSY,            CKR_DEVICE_ERROR,               UNAVAILABLE,         true,
        "The server has too much to do; try again in a moment."),
    ROW(STORE,           CKR_DEVICE_ERROR,               UNAVAILABLE,         false,
        "The server's database does not answer; the operator finds the cause in the server's log."),
    ROW(HSM,             CKR_DEVICE_ERROR,               UNAVAILABLE,         false,
        "The server's HSM does not answer; the operator finds the cause in the server's log."),
    ROW(AUDIT,           CKR_DEVICE_ERROR,               UNAVAILABLE,         false,
        "The server could not write its audit log, so nothing was signed; its log tells the operator why."),
    ROW(INTEGRITY,       CKR_DEVICE_ERROR,               DATA_LOSS,           false,
        "Something at the server was altered; nothing was signed, and the operator must look at once."),
    ROW(APPROVAL_NEEDED, CKR_FUNCTION_FAILED,            FAILED_PRECONDITION, false,
        "This takes two people: it is done when another operator or an officer approves the request."),
    ROW(REQUEST_VOID,    CKR_FUNCTION_FAILED,            FAILED_PRECONDITION, false,
        "The request can no longer be decided; whoever wants it done asks anew."),
    ROW(UNAVAILABLE,     CKR_DEVICE_ERROR,               UNAVAILABLE,         true,
        "No server could be reached; check the network and the server's address."),
    ROW(DEADLINE,        CKR_DEVICE_ERROR,               DEADLINE_EXCEEDED,   false,
        "The server did not answer in time; try again."),
    ROW(INTERNAL,        CKR_GENERAL_ERROR,              INTERNAL,            false,
        "The server failed in a way it cannot explain; the operator finds the request's id in its log."),
};
/* clang-format on */

const struct reason_row *reason_row(enum reason reason)
{
    assert((unsigned)reason < REASONS);
    return &reasons[reason];
}

enum reason reason_of_word(const char *word)
{
    const struct reason_row *row;

    for (EACH_ROW(row, reasons))
        if (strcmp(row->word, word) == 0)
            return row->reason;
    return REASON_INTERNAL;
}

struct failure failure_of(enum reason reason)
{
    return (struct failure){ .reason = reason };
}

void failure_set_detail(struct failure *failure, const char *text)
{
    size_t len = strnlen(text, FAILURE_DETAIL_MAX);

    for (size_t i = 0; i < len; i++)
        failure->detail[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    failure->detail[len] = '\0';
}

/* The MAC is over what stands on the wire, not over what this version understands of it. */
static int failure_mac(OSSL_LIB_CTX *libctx, const Privyseal__V1__Failure *message,
                       const struct method *method, struct bytes key, struct bytes binding,
                       uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 failure");
    struct bytes input;
    int r;

    context_text(&context, method->path);
    context_bytes(&context, binding);
    context_number(&context, message->rv);
    context_text(&context, message->reason);
    context_text(&context, message->request_id);
    context_number(&context, message->tries_left);
    context_number(&context, message->retry_after_ms);
    context_bytes(&context, pack_lend(&message->challenge));
    context_bytes(&context, pack_lend(&message->approval));
    context_text(&context, message->detail);
    r = context_end(&context, &input);
    return r < 0 ? r : digest_hmac(libctx, key, input, ret);
}

int failure_encode(OSSL_LIB_CTX *libctx, const struct failure *failure, const struct method *method,
                   struct bytes key, struct bytes binding, struct buffer *ret)
{
    const struct reason_row *row = reason_row(failure->reason);
    Privyseal__V1__Failure message = PRIVYSEAL__V1__FAILURE__INIT;
    uint8_t mac[HASH_LEN];
    int r;

    message.rv = row->rv;
    message.reason = (char *)row->word;
    message.request_id = (char *)failure->request_id;
    message.tries_left = failure->tries_left;
    message.retry_after_ms = failure->retry_after_ms;
    if (key.len)
        message.detail = (char *)failure->detail;
    if (failure->has_challenge)
        message.challenge = pack_borrow(BYTES_OF_ARRAY(failure->challenge));
    if (failure->has_approval)
        message.approval = pack_borrow(BYTES_OF_ARRAY(failure->approval));
    if (key.len) {
        r = failure_mac(libctx, &message, method, key, binding, mac);
        if (r < 0)
            return r;
        message.mac = pack_borrow(BYTES_OF_ARRAY(mac));
    }
    return pack_append(&message.base, ret);
}

static void failure_message_free(Privyseal__V1__Failure *message)
{
    privyseal__v1__failure__free_unpacked(message, NULL);
}
DEFINE_CLEANUP(failure_message_free, Privyseal__V1__Failure *);

static int failure_read(const Privyseal__V1__Failure *message, struct failure *ret)
{
    struct failure failure = failure_of(reason_of_word(message->reason));

    if (strlen(message->request_id) > REQUEST_ID_LEN)
        return -EBADMSG;
    if (message->challenge.len != 0 && message->challenge.len != CHALLENGE_LEN)
        return -EBADMSG;
    if (message->approval.len != 0 && message->approval.len != APPROVAL_ID_LEN)
        return -EBADMSG;
    strcpy(failure.request_id, message->request_id);
    failure.tries_left = message->tries_left;
    failure.retry_after_ms = message->retry_after_ms;
    failure.has_challenge = message->challenge.len != 0;
    if (failure.has_challenge)
        memcpy(failure.challenge, message->challenge.data, CHALLENGE_LEN);
    failure.has_approval = message->approval.len != 0;
    if (failure.has_approval)
        memcpy(failure.approval, message->approval.data, APPROVAL_ID_LEN);
    *ret = failure;
    return 0;
}

int failure_decode(OSSL_LIB_CTX *libctx, struct bytes bytes, const struct method *method, struct bytes key,
                   struct bytes binding, struct failure *ret)
{
    CLEANUP(failure_message_free) Privyseal__V1__Failure *message = NULL;
    struct failure failure;
    uint8_t mac[HASH_LEN];
    int r;

    if (bytes.len > FAILURE_MAX)
        return -EBADMSG;
    message = privyseal__v1__failure__unpack(NULL, bytes.len, bytes.data);
    if (!message)
        return -EBADMSG;
    r = failure_read(message, &failure);
    if (r < 0)
        return r;
    if (key.len && message->mac.len == HASH_LEN) {
        r = failure_mac(libctx, message, method, key, binding, mac);
        if (r < 0)
            return r;
        failure.is_authentic = secret_equal(BYTES_OF_ARRAY(mac), pack_lend(&message->mac));
    }
    if (failure.is_authentic)
        failure_set_detail(&failure, message->detail);
    *ret = failure;
    return 0;
}

/* -------------------------------------------------------------------------------------- google.rpc.Status */

int failure_wrap_status(enum grpc_status status, const char *text, struct bytes failure, struct buffer *ret)
{
    Privyseal__V1__Any any = PRIVYSEAL__V1__ANY__INIT;
    Privyseal__V1__Any *details[] = { &any };
    Privyseal__V1__Status message = PRIVYSEAL__V1__STATUS__INIT;

    any.type_url = (char *)FAILURE_TYPE_URL;
    any.value = pack_borrow(failure);
    message.code = (int32_t)status;
    message.message = (char *)text;
    if (failure.len) {
        message.n_details = ARRAY_SIZE(details);
        message.details = details;
    }
    return pack_append(&message.base, ret);
}

static void status_message_free(Privyseal__V1__Status *message)
{
    privyseal__v1__status__free_unpacked(message, NULL);
}
DEFINE_CLEANUP(status_message_free, Privyseal__V1__Status *);

int failure_unwrap_status(struct bytes status, struct buffer *ret)
{
    CLEANUP(status_message_free) Privyseal__V1__Status *message = NULL;

    if (status.len > STATUS_MAX)
        return -EBADMSG;
    message = privyseal__v1__status__unpack(NULL, status.len, status.data);
    if (!message || message->n_details > STATUS_DETAILS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < message->n_details; i++) {
        const Privyseal__V1__Any *any = message->details[i];

        if (strcmp(any->type_url, FAILURE_TYPE_URL) != 0)
            continue;
        buffer_append(ret, pack_lend(&any->value));
        return ret->failed ? -ENOMEM : 0;
    }
    return -ENOENT;
}
