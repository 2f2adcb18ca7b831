/* SPDX-License-Identifier: Apache-2.0 */
/* device_codes.c - codes shown by an enrolled device, or given by an operator; and the secret that one may carry. */
#include "proxy/service/device_codes.h"

#include <string.h>

#include "proto/name.h"
#include "proxy/service/device_change.h"
#include "proxy/service/enrolment_proof.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"

#define DEVICE_CODE_LIFE_MS 600000 /* somebody stands in front of both devices */
#define CODE_HOURS_DEFAULT  24     /* an operator's code takes longer to arrive */
#define CODE_HOURS_MAX      168
#define HOUR_MS             3600000

static enum reason code_hmac(struct service *service, const char *user, struct bytes proof,
                             uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 device code");

    if (proof.len != HASH_LEN)
        return REASON_MALFORMED;
    context_text(&context, service->config->realm);
    context_text(&context, user);
    context_bytes(&context, proof);
    return access_mac(&service->access, HSM_CHECK, PIN_KEY_EPOCH, &context, ret);
}

enum reason device_code_check(struct service *service, const struct principal_row *principal,
                              struct bytes proof, int64_t now_ms, bool *ret_is_right)
{
    static const uint8_t none[HASH_LEN];
    uint8_t hmac[HASH_LEN];
    enum reason reason = code_hmac(service, principal->name, proof, hmac);

    if (reason != REASON_NONE)
        return reason;
    *ret_is_right = secret_equal(BYTES_OF_ARRAY(hmac), BYTES_OF_ARRAY(principal->device_code));
    *ret_is_right &= memcmp(principal->device_code, none, sizeof(none)) != 0;
    *ret_is_right &= now_ms < principal->device_code_until_ms;
    return REASON_NONE;
}

void device_code_forget(struct principal_row *principal)
{
    memset(principal->device_code, 0, sizeof(principal->device_code));
    memset(principal->device_secret, 0, sizeof(principal->device_secret));
    principal->device_code_until_ms = 0;
}

/* ------------------------------------------------------------------------------------------------- new codes */

struct new_code {
    const char *user;
    struct bytes proof, sealed_secret;
    int64_t until_ms;
};

static enum reason store_code(struct service *service, const struct new_code *code)
{
    CLEANUP(device_change_clear) struct device_change change = { 0 };
    uint8_t hmac[HASH_LEN];
    enum reason reason = code_hmac(service, code->user, code->proof, hmac);

    if (reason == REASON_NONE && code->sealed_secret.len &&
        code->sealed_secret.len != DEVICE_SECRET_SEALED_LEN)
        reason = REASON_MALFORMED;
    if (reason == REASON_NONE)
        reason = device_change_begin(service, code->user, &change);
    if (reason != REASON_NONE)
        return reason;
    device_code_forget(&change.principal);
    memcpy(change.principal.device_code, hmac, sizeof(hmac));
    if (code->sealed_secret.len)
        memcpy(change.principal.device_secret, code->sealed_secret.data, DEVICE_SECRET_SEALED_LEN);
    change.principal.device_code_until_ms = code->until_ms;
    reason = principal_save(&service->access, &change.principal);
    return reason == REASON_NONE ? device_change_commit(&change) : reason;
}

static enum reason check_open(struct service *service, struct call *call)
{
    if (service->config->enrolment.is_open)
        return REASON_NONE;
    call->sentence = "this deployment enrols no devices by itself: see [enrolment] in privyseald.conf(5)";
    return REASON_NOT_FOUND;
}

enum reason handle_MakeDeviceCode(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__MakeDeviceCodeRequest *ask = (const Privyseal__V1__MakeDeviceCodeRequest *)request;
    Privyseal__V1__MakeDeviceCodeResponse *answer = (Privyseal__V1__MakeDeviceCodeResponse *)reply;
    const struct new_code code = { .user = call->token.name,
                                   .proof = pack_lend(&ask->code_proof),
                                   .sealed_secret = pack_lend(&ask->sealed_secret),
                                   .until_ms = call->now_ms + DEVICE_CODE_LIFE_MS };
    enum reason reason = device_check_owner(call);

    call->record.note = "by the user";
    if (reason == REASON_NONE)
        reason = check_open(service, call);
    if (reason == REASON_NONE)
        reason = store_code(service, &code);
    if (reason != REASON_NONE)
        return reason;
    answer->expires_unix = (uint64_t)code.until_ms / 1000;
    return message_set_text(&answer->endpoint, service->config->enrolment.address) < 0 ? REASON_INTERNAL
                                                                                       : REASON_NONE;
}

enum reason handle_AddDeviceCode(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    const Privyseal__V1__AddDeviceCodeRequest *ask = (const Privyseal__V1__AddDeviceCodeRequest *)request;
    Privyseal__V1__AddDeviceCodeResponse *answer = (Privyseal__V1__AddDeviceCodeResponse *)reply;
    uint32_t hours = ask->hours ? ask->hours : CODE_HOURS_DEFAULT;
    const struct new_code code = { .user = ask->user,
                                   .proof = pack_lend(&ask->code_proof),
                                   .until_ms = call->now_ms + (int64_t)hours * HOUR_MS };
    enum reason reason = check_open(service, call);

    if (hours > CODE_HOURS_MAX || !name_is_valid(bytes_of_text(ask->user)))
        return REASON_MALFORMED;
    call->record.token = ask->user;
    call->record.note = "by an operator";
    if (reason == REASON_NONE)
        reason = store_code(service, &code);
    if (reason != REASON_NONE)
        return reason;
    notice_tell(service, call, "device.code", ask->user);
    answer->expires_unix = (uint64_t)code.until_ms / 1000;
    return message_set_text(&answer->endpoint, service->config->enrolment.address) < 0 ? REASON_INTERNAL
                                                                                       : REASON_NONE;
}

/* -------------------------------------------------------------------------------------------- FetchSecret */

/* Given out once: whoever comes second with the same code learns that somebody was first. */
static enum reason release_secret(struct service *service, struct call *call, const char *user,
                                  struct bytes proof, ProtobufCBinaryData *ret)
{
    static const uint8_t none[DEVICE_SECRET_SEALED_LEN];
    CLEANUP(device_change_clear) struct device_change change = { 0 };
    bool is_right = false;
    enum reason reason = device_change_begin(service, user, &change);

    if (reason == REASON_NONE)
        reason = device_code_check(service, &change.principal, proof, call->now_ms, &is_right);
    if (reason != REASON_NONE)
        return reason;
    if (!is_right)
        return REASON_ENROLMENT; /* it was a moment ago */
    if (memcmp(change.principal.device_secret, none, sizeof(none)) == 0)
        return REASON_NONE;
    if (message_set_bytes(ret, BYTES_OF_ARRAY(change.principal.device_secret)) < 0)
        return REASON_INTERNAL;
    memset(change.principal.device_secret, 0, sizeof(change.principal.device_secret));
    reason = principal_save(&service->access, &change.principal);
    return reason == REASON_NONE ? device_change_commit(&change) : reason;
}

static enum reason fetch_of_code(struct service *service, struct call *call,
                                 const struct enrolment_subject *subject,
                                 const Privyseal__V1__FetchSecretRequest *ask, ProtobufCBinaryData *ret)
{
    bool is_right = false;
    enum reason reason =
        device_code_check(service, &subject->principal, pack_lend(&ask->evidence), call->now_ms, &is_right);

    if (reason == REASON_NONE && !(is_right && subject->is_user))
        reason = REASON_ENROLMENT;
    if (reason != REASON_NONE)
        return reason;
    return release_secret(service, call, ask->user, pack_lend(&ask->evidence), ret);
}

/* Sealed under the code itself, of which the signer knows S_r alone; and it stays good, as the code does. */
static enum reason fetch_of_recovery(struct service *service, const struct enrolment_subject *subject,
                                     const Privyseal__V1__FetchSecretRequest *ask, ProtobufCBinaryData *ret)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = enrolment_recovery_code(service, subject, pack_lend(&ask->evidence), &recovery);

    if (reason != REASON_NONE)
        return reason;
    return message_set_bytes(ret, buffer_bytes(&recovery.code.blob)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

enum reason handle_FetchSecret(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__FetchSecretRequest *ask = (const Privyseal__V1__FetchSecretRequest *)request;
    Privyseal__V1__FetchSecretResponse *answer = (Privyseal__V1__FetchSecretResponse *)reply;
    CLEANUP(enrolment_subject_clear) struct enrolment_subject subject = { 0 };
    enum reason reason = enrolment_begin(service, call, ask->user);

    if (reason == REASON_NONE)
        reason = enrolment_subject_load(service, ask->user, &subject);
    if (reason != REASON_NONE)
        return reason;
    switch ((int)ask->proof) {
    case PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE:
        return fetch_of_code(service, call, &subject, ask, &answer->sealed_secret);
    case PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY:
        return fetch_of_recovery(service, &subject, ask, &answer->sealed_secret);
    default:
        return REASON_MALFORMED; /* no other kind brings a secret */
    }
}
