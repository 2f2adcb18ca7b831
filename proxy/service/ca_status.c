/* SPDX-License-Identifier: Apache-2.0 */
/* ca_status.c - the set of revoked certificates in memory, as the authority's row binds it. */
#include "proxy/service/ca_status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/service/refusal.h"

int ca_status_new(struct ca_status **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

static void forget_answers(struct ca_status *status)
{
    for (size_t i = 0; i < OCSP_SLOTS; i++) {
        buffer_clear(&status->slots[i].answer);
        status->slots[i].until_ms = 0;
    }
}

void ca_status_free(struct ca_status *status)
{
    if (!status)
        return;
    forget_answers(status);
    buffer_clear(&status->crl);
    free(status->revoked);
    free(status);
}

static int by_serial(const void *a, const void *b)
{
    return memcmp(((const struct issued_row *)a)->serial, ((const struct issued_row *)b)->serial,
                  ISSUED_SERIAL_LEN);
}

static enum reason take_in(struct service *service, const struct authority_row *row, struct ca_status *status)
{
    struct issued_row *rows = NULL;
    size_t count = 0;
    enum reason reason = issued_revoked(&service->access, row, &rows, &count);

    if (reason != REASON_NONE)
        return reason;
    qsort(rows, count, sizeof(*rows), by_serial);
    free(status->revoked);
    status->revoked = rows;
    status->revoked_count = count;
    status->row = *row;
    forget_answers(status);
    return REASON_NONE;
}

/* What the store has is then not looked at further: what is believed is the copy. */
static bool is_unchanged(struct service *service, const struct ca_status *status)
{
    struct authority_row row;

    return status->is_read && store_authority_get(service->access.store, status->row.authority, &row) == 0 &&
           memcmp(row.mac, status->row.mac, HASH_LEN) == 0;
}

enum reason ca_status_refresh(struct service *service, const struct ca *ca)
{
    struct ca_status *status = ca->status;
    struct authority_row row;
    enum reason reason;

    if (is_unchanged(service, status))
        return REASON_NONE;
    reason = authority_load(&service->access, ca->authority, &row);
    if (reason == REASON_NONE)
        reason = authority_remember(&service->access, &row);
    if (reason == REASON_NONE)
        reason = take_in(service, &row, status);
    if (reason == REASON_NONE)
        status->is_read = true;
    return reason;
}

const struct issued_row *ca_status_revoked(const struct ca_status *status,
                                           const uint8_t serial[ISSUED_SERIAL_LEN])
{
    struct issued_row wanted;

    if (status->revoked_count == 0)
        return NULL;
    memcpy(wanted.serial, serial, ISSUED_SERIAL_LEN);
    return bsearch(&wanted, status->revoked, status->revoked_count, sizeof(wanted), by_serial);
}
