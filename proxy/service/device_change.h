/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_change.h - a user's certificates, changed in one transaction: the principal's row is read anew in it, and
 * nothing is written but by device_change_commit().
 */
#pragma once

#include "proxy/service/service.h"

/*
 * Whether the caller of a session is the token's own user, on a device of the user's: an application that was granted
 * the token, and has its PIN, manages no devices. Errors: REASON_NOT_PERMITTED.
 */
MUST_CHECK enum reason device_check_owner(struct call *call);

struct device_change {
    struct store *store; /* NULL: no transaction open */
    struct principal_row principal;
    struct principal_certificate_row *rows; /* those of the principal, believed */
    size_t count;
};

/* Errors: those of principal_load() and principal_certificates(), REASON_STORE, REASON_BUSY. */
MUST_CHECK enum reason device_change_begin(struct service *service, const char *user,
                                           struct device_change *ret);
MUST_CHECK enum reason device_change_commit(struct device_change *change);
void device_change_clear(struct device_change *change);
DEFINE_CLEAR(device_change_clear, struct device_change);

/* NULL: the principal has no such certificate. */
struct principal_certificate_row *device_change_find(const struct device_change *change, struct bytes hash);
/* Revokes @row, one of @change->rows, unless it is. Errors: those of principal_change_certificate(). */
MUST_CHECK enum reason device_change_revoke(struct service *service, struct device_change *change,
                                            struct principal_certificate_row *row);
/* Whether there is room for one device more. Errors: REASON_LIMIT, with a sentence. */
MUST_CHECK enum reason device_change_check_good(const struct device_change *change, struct call *call);
/* Whether a user may make one more certificate today: else rows grow without end. Errors: as above. */
MUST_CHECK enum reason device_change_check_day(const struct device_change *change, struct call *call);

/* "device FINGERPRINT" into the record's note, and the fingerprint's text. */
void device_note(struct call *call, struct bytes fingerprint);
