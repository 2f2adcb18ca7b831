/* SPDX-License-Identifier: Apache-2.0 */
/* device_change.c - one principal, all its certificates, one transaction. */
#include "proxy/service/device_change.h"

#include <stdio.h>
#include <string.h>

#include "proxy/service/refusal.h"

#define DAY_MS INT64_C(86400000)

enum reason device_check_owner(struct call *call)
{
    if (call->caller.certificate.role == ROLE_DEVICE &&
        strcmp(call->caller.principal.name, call->token.name) == 0)
        return REASON_NONE;
    call->sentence = "only the token's own user manages its devices, from one of them";
    return REASON_NOT_PERMITTED;
}

enum reason device_change_begin(struct service *service, const char *user, struct device_change *ret)
{
    struct access *access = &service->access;
    enum reason reason = refusal_of_store(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    ret->store = access->store;
    reason = principal_load(access, user, &ret->principal);
    return reason == REASON_NONE ? principal_certificates(access, &ret->principal, &ret->rows, &ret->count)
                                 : reason;
}

enum reason device_change_commit(struct device_change *change)
{
    enum reason reason = refusal_of_store(store_commit(change->store));

    if (reason == REASON_NONE)
        change->store = NULL;
    return reason;
}

void device_change_clear(struct device_change *change)
{
    if (change->store)
        store_rollback(change->store);
    free(change->rows);
    *change = (struct device_change){ 0 };
}

struct principal_certificate_row *device_change_find(const struct device_change *change, struct bytes hash)
{
    for (size_t i = 0; i < change->count; i++)
        if (bytes_equal(hash, BYTES_OF_ARRAY(change->rows[i].hash)))
            return &change->rows[i];
    return NULL;
}

enum reason device_change_revoke(struct service *service, struct device_change *change,
                                 struct principal_certificate_row *row)
{
    if (row->revoked)
        return REASON_NONE;
    row->revoked = true;
    return principal_change_certificate(&service->access, &change->principal, row);
}

enum reason device_change_check_good(const struct device_change *change, struct call *call)
{
    size_t good = 0;

    for (size_t i = 0; i < change->count; i++)
        good += !change->rows[i].revoked && change->rows[i].not_after_ms > call->now_ms;
    if (good < DEVICES_MAX)
        return REASON_NONE;
    call->sentence = "the user has as many devices as there may be: revoke some";
    return REASON_LIMIT;
}

enum reason device_change_check_day(const struct device_change *change, struct call *call)
{
    size_t made = 0;

    for (size_t i = 0; i < change->count; i++)
        made += change->rows[i].created_ms > call->now_ms - DAY_MS;
    if (made < DEVICES_A_DAY_MAX)
        return REASON_NONE;
    call->sentence =
        "the user has made as many certificates for devices as may be made in a day: try tomorrow";
    return REASON_LIMIT;
}

void device_note(struct call *call, struct bytes fingerprint)
{
    if (fingerprint.len != HASH_LEN)
        return;
    hex_encode(fingerprint, call->text.key);
    snprintf(call->text.note, sizeof(call->text.note), "device %s", call->text.key);
    call->record.note = call->text.note;
}
