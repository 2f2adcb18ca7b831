/* SPDX-License-Identifier: Apache-2.0 */
/*
 * requests.h - what a principal asked for and another person has to approve: read, believed and written.
 *
 * The rows hang on their requester's as its certificates do: by a digest under the requester's MAC, with a sequence
 * that grows at every change. So a request that was altered, decided by hand, or put back after it was executed
 * spoils its requester, and two signers that approve the same request at once meet in the compare-and-set.
 */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

struct requests {
    struct principal_row requester;
    struct request_row *rows; /* oldest first */
    size_t count;
};

void requests_clear(struct requests *requests);
DEFINE_CLEAR(requests_clear, struct requests);

/*
 * The principal of that name and all it asked for: everything is as it was written, or it is REASON_INTEGRITY.
 * Errors besides: those of principal_load().
 */
MUST_CHECK enum reason requests_load(struct access *access, const char *requester, struct requests *ret);
/* The one of that name; NULL: there is none. Lent. */
struct request_row *requests_find(struct requests *requests, const uint8_t name[APPROVAL_ID_LEN]);
/* Whether it waits to be decided: open, and not expired. */
bool request_is_open(const struct request_row *row, int64_t now_ms);

/* The writers below are called in the transaction in which @requests was loaded, and save the requester's row. */

/*
 * Adds @row, whose id is set; of those that are no longer open the oldest go when there are too many.
 * Errors: REASON_LIMIT (too many are open), REASON_ALREADY_EXISTS, those of principal_save().
 */
MUST_CHECK enum reason requests_add(struct access *access, struct requests *requests,
                                    struct request_row *row);
/* Writes what was decided about @row, one of @requests. Errors: those of principal_save(). */
MUST_CHECK enum reason requests_decide(struct access *access, struct requests *requests,
                                       const struct request_row *row);
