/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment.c - what is served to callers without a certificate, until they have one.
 *
 * Nothing here tells whether a user exists: see enrolment_subject.h, and the test that compares the calls made.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/enrolment_proof.h"
#include "proto/name.h"
#include "proxy/service/device_change.h"
#include "proxy/service/device_issue.h"
#include "proxy/service/device_request.h"
#include "proxy/service/enrolment_proof.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/seal_chain.h"

/* -------------------------------------------------------------------------------- GetAuthority, GetEnrolment */

static int set_certificate(ProtobufCBinaryData *field, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    int r = len > 0 ? message_set_bytes(field, BYTES(der, (size_t)len)) : -EIO;

    OPENSSL_free(der);
    return r;
}

static enum reason fill_authorities(const struct service *service,
                                    Privyseal__V1__GetAuthorityResponse *answer)
{
    int count = sk_X509_num(service->roots);

    answer->authority = message_alloc((size_t)count * sizeof(*answer->authority));
    if (!answer->authority)
        return REASON_INTERNAL;
    for (int i = 0; i < count; i++) {
        if (set_certificate(&answer->authority[i], sk_X509_value(service->roots, i)) < 0)
            return REASON_INTERNAL;
        answer->n_authority++;
    }
    return REASON_NONE;
}

static enum reason fill_endpoints(const struct enrolment_config *config,
                                  Privyseal__V1__GetAuthorityResponse *answer)
{
    answer->endpoint = message_alloc(config->endpoint_count * sizeof(*answer->endpoint));
    if (!answer->endpoint)
        return REASON_INTERNAL;
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (message_set_text(&answer->endpoint[i], config->endpoints[i]) < 0)
            return REASON_INTERNAL;
        answer->n_endpoint++;
    }
    return REASON_NONE;
}

static enum reason fill_proofs(const struct enrolment_config *config,
                               Privyseal__V1__GetAuthorityResponse *answer)
{
    answer->proof = message_alloc(ENROLMENT_PROOFS * sizeof(*answer->proof));
    if (!answer->proof)
        return REASON_INTERNAL;
    for (unsigned kind = 0; kind < ENROLMENT_PROOFS; kind++)
        if (config->proofs & ENROLMENT_BIT(kind))
            answer->proof[answer->n_proof++] = (Privyseal__V1__EnrolmentProof)kind;
    return REASON_NONE;
}

enum reason handle_GetAuthority(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    Privyseal__V1__GetAuthorityResponse *answer = (Privyseal__V1__GetAuthorityResponse *)reply;
    const struct enrolment_config *config = &service->config->enrolment;
    enum reason reason;

    (void)request;
    (void)call;
    if (!config->is_open)
        return REASON_NOT_PERMITTED;
    if (message_set_text(&answer->realm, service->config->realm) < 0)
        return REASON_INTERNAL;
    reason = fill_authorities(service, answer);
    if (reason == REASON_NONE)
        reason = fill_proofs(config, answer);
    return reason == REASON_NONE ? fill_endpoints(config, answer) : reason;
}

enum reason handle_GetEnrolment(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    const Privyseal__V1__GetEnrolmentRequest *ask = (const Privyseal__V1__GetEnrolmentRequest *)request;
    Privyseal__V1__GetEnrolmentResponse *answer = (Privyseal__V1__GetEnrolmentResponse *)reply;
    const struct service_config *config = service->config;
    uint8_t salt[SALT_LEN];
    enum reason reason = enrolment_begin(service, call, ask->user);

    if (reason == REASON_NONE)
        reason = pin_salt(&service->access, ask->user, salt); /* of any name */
    if (reason == REASON_NONE)
        reason = enrolment_pin_version(service, ask->user, &answer->pin_version);
    if (reason != REASON_NONE)
        return reason;
    answer->argon2_memory_kib = config->argon2_memory_kib;
    answer->argon2_passes = config->argon2_passes;
    answer->argon2_lanes = config->argon2_lanes;
    if (message_set_bytes(&answer->salt, BYTES_OF_ARRAY(salt)) < 0)
        return REASON_INTERNAL;
    return seal_chain_fill(service, call->now_ms, &answer->challenge, &answer->n_seal_certificates,
                           &answer->seal_certificates);
}

/* ------------------------------------------------------------------------------------------------ EnrolDevice */

/* What was proved may be over by the time it is to be written: the PIN changed, the user disabled. */
static bool is_still_so(const struct enrolment_subject *before, const struct token_row *token,
                        const struct principal_row *principal)
{
    return token->enabled && !token->locked && token->pin_version == before->token.pin_version &&
           principal->enabled;
}

static enum reason add_device(struct service *service, struct call *call, const struct enrolment_claim *claim,
                              const struct enrolment_subject *subject, const struct enrolment_proved *proved,
                              struct device_issue *issue)
{
    CLEANUP(device_change_clear) struct device_change change = { 0 };
    struct token_row token;
    enum reason reason = device_change_begin(service, claim->user, &change);

    if (reason == REASON_NONE)
        reason = token_load(&service->access, claim->user, &token);
    if (reason == REASON_NONE && !is_still_so(subject, &token, &change.principal))
        reason = REASON_ENROLMENT;
    if (reason == REASON_NONE)
        reason = device_change_check_good(&change, call);
    if (reason == REASON_NONE)
        reason = device_change_check_day(&change, call);
    if (reason == REASON_NONE)
        reason = device_issue(service, call, issue);
    if (reason == REASON_NONE)
        reason = enrolment_use_up(service, claim, subject, proved, &token, &change.principal);
    if (reason == REASON_NONE)
        reason = principal_add_certificate(&service->access, &change.principal, &issue->row);
    return reason == REASON_NONE ? device_change_commit(&change) : reason;
}

static enum reason enrol(struct service *service, struct call *call, const struct enrolment_claim *claim,
                         struct device_issue *issue)
{
    CLEANUP(enrolment_subject_clear) struct enrolment_subject subject = { 0 };
    struct enrolment_proved proved = { 0 };
    enum reason reason = enrolment_prove(service, call, claim, &subject, &proved);

    if (reason != REASON_NONE)
        return reason;
    reason = add_device(service, call, claim, &subject, &proved, issue);
    /* It was proved; if that cannot be written down, it counts, which harms nobody who has proofs to spare. */
    (void)!enrolment_attempt_give_back(&service->access, &proved.attempt);
    return reason;
}

/* By what the device came, for the log and its user. */
static void tell(struct service *service, struct call *call, const char *user, const char *label,
                 const char *proof)
{
    struct notice notice = notice_of(call, "device.new", user);

    snprintf(call->text.note, sizeof(call->text.note), "device %s by %s", call->text.key, proof);
    notice_add(&notice, "device", call->text.key);
    notice_add(&notice, "label", label);
    notice_add(&notice, "proof", proof);
    notice_send(service, &notice);
}

static bool is_label(const char *label)
{
    return strlen(label) <= DEVICE_LABEL_MAX && label_is_valid(bytes_of_text(label));
}

enum reason handle_EnrolDevice(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__EnrolDeviceRequest *ask = (const Privyseal__V1__EnrolDeviceRequest *)request;
    Privyseal__V1__EnrolDeviceResponse *answer = (Privyseal__V1__EnrolDeviceResponse *)reply;
    const struct enrolment_claim claim = { .user = ask->user,
                                           .pin_version = ask->pin_version,
                                           .s = pack_lend(&ask->stretched_pin),
                                           .kind = ask->proof,
                                           .evidence = pack_lend(&ask->evidence) };
    CLEANUP(device_issue_clear) struct device_issue issue = { .user = ask->user, .role = ROLE_DEVICE };
    enum reason reason = enrolment_begin(service, call, ask->user);

    if (reason == REASON_NONE && *ask->label && !is_label(ask->label))
        reason = REASON_MALFORMED;
    if (reason == REASON_NONE)
        reason = device_request_open(call, pack_lend(&ask->request), &issue.key);
    if (reason != REASON_NONE)
        return reason;
    strcpy(issue.row.label, ask->label);
    reason = enrol(service, call, &claim, &issue);
    if (reason != REASON_NONE)
        return reason;
    device_note(call, BYTES_OF_ARRAY(issue.row.hash));
    tell(service, call, ask->user, issue.row.label, enrolment_proof_word(ask->proof));
    return device_issue_answer(&issue, &answer->n_certificate, &answer->certificate);
}
