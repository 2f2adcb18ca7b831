/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_load.h - the rows of a token that have MACs of their own: read, believed, and the ones that were asked for.
 *
 * A MAC shows that a row is ours. That it is what the statement asked for only the database says, and whoever owns that
 * may have put a view in a table's place, which finds one row and answers with another.
 */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

/* Errors: REASON_NOT_FOUND, REASON_INTEGRITY (not ours, or another), REASON_STORE, REASON_BUSY, REASON_HSM. */
MUST_CHECK enum reason row_load_access(struct access *access, int64_t token_id, enum access_kind kind,
                                       struct access_row *ret);
MUST_CHECK enum reason row_load_key(struct access *access, int64_t token_id, const uint8_t name[KEY_NAME_LEN],
                                    struct key_row *ret);
/* The certificate of that key. */
MUST_CHECK enum reason row_load_certificate(struct access *access, int64_t token_id,
                                            const uint8_t key_name[KEY_NAME_LEN],
                                            struct certificate_row *ret);
