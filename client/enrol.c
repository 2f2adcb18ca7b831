/* SPDX-License-Identifier: Apache-2.0 */
/* enrol.c - the calls of a device that has no certificate yet. */
#include <errno.h>
#include <string.h>

#include "client/clock.h"
#include "client/remote_call.h"
#include "client/stretch.h"
#include "proto/device_code.h"
#include "proto/pack.h"

/* What GetEnrolment says of a name, whosever it is. */
struct enrolment_terms {
    uint8_t salt[SALT_LEN];
    struct stretch_cost cost;
    uint32_t pin_version;
    struct seal_target target;
};

static CK_RV get_terms(struct remote *remote, const char *user, struct enrolment_terms *ret,
                       struct remote_error *error)
{
    Privyseal__V1__GetEnrolmentRequest request = PRIVYSEAL__V1__GET_ENROLMENT_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__GetEnrolmentResponse *reply;
    CK_RV rv;

    request.user = (char *)user;
    rv = remote_plain(remote, METHOD_GetEnrolment, &request.base, &message, error);
    if (rv != CKR_OK)
        return rv;
    reply = (const Privyseal__V1__GetEnrolmentResponse *)message;
    if (reply->salt.len != SALT_LEN)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the server's salt has the wrong length");
    memcpy(ret->salt, reply->salt.data, SALT_LEN);
    ret->cost = (struct stretch_cost){ reply->argon2_memory_kib, reply->argon2_passes, reply->argon2_lanes };
    ret->pin_version = reply->pin_version;
    return remote_seal_target(remote, pack_lend(&reply->challenge), reply->seal_certificates,
                              reply->n_seal_certificates, &ret->target, error);
}

static CK_RV call_sealed(struct remote *remote, enum method_id id, const ProtobufCMessage *request,
                         struct seal_target *target, ProtobufCMessage **ret, struct remote_error *error)
{
    const struct method *method = method_by_id(id);
    const struct sealed_body body = { .request = request };
    CLEANUP(secret_free) struct secret *reply = NULL;
    CK_RV rv =
        remote_sealed(remote, method, &body, target, clock_now_ms() + method->deadline_ms, &reply, error);

    return rv == CKR_OK ? remote_unpack(method, secret_bytes(reply), ret, error) : rv;
}

/* What the server gets of a code; of none, nothing. */
static CK_RV make_evidence(struct remote *remote, const struct remote_enrolment *enrolment,
                           struct secret **ret, struct remote_error *error)
{
    const char *realm = remote->deployment->realm;
    int r;

    switch (enrolment->proof) {
    case PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE:
        r = device_code_proof(remote->libctx, realm, enrolment->user, enrolment->code, ret);
        break;
    case PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY:
        r = recovery_code_secret(remote->libctx, realm, enrolment->user, enrolment->code, ret);
        break;
    default:
        r = secret_copy(enrolment->code, ret);
    }
    return r < 0 ? remote_error_errno(error, r, "the code") : CKR_OK;
}

static CK_RV stretch(struct remote *remote, const struct remote_enrolment *enrolment,
                     const struct enrolment_terms *terms, struct secret **ret, struct remote_error *error)
{
    int r = stretch_pin(remote->libctx, remote->deployment->realm, enrolment->user, enrolment->pin,
                        BYTES_OF_ARRAY(terms->salt), &terms->cost, terms->pin_version,
                        enrolment->device_secret, ret);

    if (r == -EPERM)
        return remote_error_set(error, CKR_DEVICE_ERROR,
                                "the server asks to stretch the PIN with a cost outside of what is allowed");
    if (r == -EINVAL)
        return remote_error_set(error, CKR_PIN_LEN_RANGE, "a PIN has %d to %d bytes", PIN_MIN_LEN,
                                PIN_MAX_LEN);
    return r < 0 ? remote_error_errno(error, r, "stretching the PIN") : CKR_OK;
}

CK_RV remote_enrol(struct remote *remote, const struct remote_enrolment *enrolment,
                   ProtobufCMessage **ret_reply, struct remote_error *error)
{
    Privyseal__V1__EnrolDeviceRequest request = PRIVYSEAL__V1__ENROL_DEVICE_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *stretched = NULL, *evidence = NULL;
    struct enrolment_terms terms;
    CK_RV rv = get_terms(remote, enrolment->user, &terms, error);

    if (rv == CKR_OK)
        rv = stretch(remote, enrolment, &terms, &stretched, error);
    if (rv == CKR_OK)
        rv = make_evidence(remote, enrolment, &evidence, error);
    if (rv != CKR_OK)
        return rv;
    request.user = (char *)enrolment->user;
    request.pin_version = terms.pin_version;
    request.stretched_pin = pack_borrow(secret_bytes(stretched));
    request.proof = enrolment->proof;
    request.evidence = pack_borrow(secret_bytes(evidence));
    request.request = pack_borrow(enrolment->request);
    request.label = (char *)enrolment->label;
    return call_sealed(remote, METHOD_EnrolDevice, &request.base, &terms.target, ret_reply, error);
}

static CK_RV open_secret(struct remote *remote, const struct remote_enrolment *enrolment, struct bytes sealed,
                         struct secret **ret, struct remote_error *error)
{
    int r = device_code_open(remote->libctx, remote->deployment->realm, enrolment->user, enrolment->code,
                             sealed, ret);

    return r < 0 ? remote_error_errno(error, r, "the device secret that came with the code") : CKR_OK;
}

CK_RV remote_fetch_device_secret(struct remote *remote, const struct remote_enrolment *enrolment,
                                 struct secret **ret, struct remote_error *error)
{
    Privyseal__V1__FetchSecretRequest request = PRIVYSEAL__V1__FETCH_SECRET_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *message = NULL;
    CLEANUP(secret_free) struct secret *evidence = NULL;
    const Privyseal__V1__FetchSecretResponse *reply;
    struct enrolment_terms terms;
    CK_RV rv = get_terms(remote, enrolment->user, &terms, error);

    if (rv == CKR_OK)
        rv = make_evidence(remote, enrolment, &evidence, error);
    if (rv != CKR_OK)
        return rv;
    request.user = (char *)enrolment->user;
    request.proof = enrolment->proof;
    request.evidence = pack_borrow(secret_bytes(evidence));
    rv = call_sealed(remote, METHOD_FetchSecret, &request.base, &terms.target, &message, error);
    if (rv != CKR_OK)
        return rv;
    reply = (const Privyseal__V1__FetchSecretResponse *)message;
    if (reply->sealed_secret.len == 0)
        return CKR_OK;
    return open_secret(remote, enrolment, pack_lend(&reply->sealed_secret), ret, error);
}
