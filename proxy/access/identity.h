/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h - who calls: from a TLS client certificate's hash to a principal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

struct caller {
    bool is_known; /* a registered certificate, neither revoked nor over, of an enabled principal */
    struct principal_row principal;
    struct principal_certificate_row certificate;
    uint8_t certificate_hash[HASH_LEN];
};

/*
 * Looks the certificate up. An unknown one is a caller who is not known, not an error; a caller who is not known
 * has no principal and no role, whatever the rows say. TLS has looked at its end when the connection was made, which may
 * be long ago.
 * Errors: REASON_INTEGRITY (the principal's rows are not as they were written: nobody knows who this is),
 * REASON_STORE, REASON_BUSY, REASON_HSM. Then too @ret holds the certificate's hash, for the record.
 */
MUST_CHECK enum reason identity_find(struct access *access, struct bytes certificate_hash, int64_t now_ms,
                                     struct caller *ret);
