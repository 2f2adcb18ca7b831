/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.h - what the files about forgotten PINs share: recovery.c sets ways up and takes them down, recover_code.c and
 * recover_officers.c use them, officers.c serves those who hold shares.
 */
#pragma once

#include "proto/officer_share.h"
#include "proxy/service/change.h"
#include "proxy/service/service.h"

#define RECOVERY_REQUEST_MS                                                                                  \
    (7LL * 24 * 60 * 60 * 1000) /* so long a request waits for its user once it may end */

/* The quorum of call->token as proto/officer_share.h wants it; lent. */
struct officer_quorum recovery_quorum(const struct service *service, const struct token_row *token,
                                      const struct quorum_row *row);
/* A request as messages have it. Errors: REASON_INTERNAL (memory). */
MUST_CHECK enum reason recovery_info(const struct recovery *recovery, Privyseal__V1__RecoveryInfo **ret);
/* Forgets the request of @recovery and what officers gave for it, inside a transaction. */
MUST_CHECK enum reason recovery_drop_request(struct service *service, struct recovery *recovery);

/*
 * One change of call->token's ways: the rows as they are now, believed, in a transaction.
 *     reason = recovery_change_begin(...);   ... write rows ...   reason = recovery_change_commit(...);
 * Errors: those of change_begin() and recovery_load().
 */
MUST_CHECK enum reason recovery_change_begin(struct service *service, const struct call *call,
                                             struct change *change, struct recovery *ret);
MUST_CHECK enum reason recovery_change_commit(struct service *service, struct change *change);

/* An officer's share on its way in and out of its row: sealed under a key that only the HSM derives, for @request. */
MUST_CHECK enum reason recovery_share_seal(struct service *service, const struct token_row *token,
                                           const struct quorum_row *quorum, struct bytes share,
                                           struct share_row *row);
MUST_CHECK enum reason recovery_share_open(struct service *service, const struct token_row *token,
                                           const struct quorum_row *quorum, const struct share_row *row,
                                           struct secret **ret);
