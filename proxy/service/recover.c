/* SPDX-License-Identifier: Apache-2.0 */
/* recover.c - refused, compared, opened, counted, forgiven. */
#include "proxy/service/recover.h"

#include "proxy/service/refusal.h"

enum reason recover_check_standing(struct call *call, struct bytes certificate_hash, uint32_t pin_version)
{
    enum reason reason = pin_check_certificate(call, certificate_hash);
    int64_t wait_ms = recovery_wait_ms(&call->token, call->now_ms);

    if (reason != REASON_NONE)
        return reason;
    if (call->token.pin_version == 0)
        return REASON_PIN_NOT_SET;
    if (pin_version != call->token.pin_version)
        return REASON_PIN_CHANGED;
    call->failure.retry_after_ms = (uint32_t)wait_ms;
    return wait_ms > 0 ? REASON_PIN_DELAYED : REASON_NONE;
}

enum reason recover_check_value(struct service *service, const struct call *call,
                                const struct access_row *row, struct bytes secret, bool *ret_is_right)
{
    uint8_t value[HASH_LEN];
    enum reason reason = pin_check_value(&service->access, &call->token, row, secret, value);

    *ret_is_right = reason == REASON_NONE && secret_equal(BYTES_OF_ARRAY(value), BYTES_OF_ARRAY(row->check));
    return reason;
}

enum reason recover_open_by(struct service *service, const struct call *call, const struct access_row *row,
                            struct bytes secret, struct opened *ret)
{
    const struct custody_ops *custody = custody_kinds[call->token.custody];
    CK_RV rv;

    if (!service->custody[call->token.custody])
        return REASON_UNAVAILABLE;
    leases_sweep(service->leases, call->now_ms, call->token.id);
    rv = custody->authorise(service->custody[call->token.custody], &call->token, row, secret, &ret->token);
    if (rv != CKR_OK)
        return refusal_of_rv(rv);
    ret->custody = custody;
    return REASON_NONE;
}

enum reason recover_count_failure(struct service *service, struct call *call)
{
    enum reason reason = recovery_count_failure(&service->access, &call->token, call->now_ms);

    return reason == REASON_NONE ? REASON_RECOVERY_INCORRECT : reason;
}

enum reason recover_forgive(struct service *service, struct change *change)
{
    change->token.recovery_failures = 0;
    change->token.recovery_failed_ms = 0;
    return attempt_forgive(&service->access, &change->token);
}
