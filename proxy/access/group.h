/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - groups of tokens, so that a server of applications is granted ten thousand tokens at once.
 *
 * A membership is bound by the token's row and a grant by the group's, each under its MAC: who writes the database puts
 * neither a token into a group nor a principal onto one. Both rows have a sequence, so an older one is refused by those
 * who have seen a newer.
 */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

/*
 * What the groups that @token (believed already) is in grant to @principal_id. Costs nothing for a token in none.
 * Errors: REASON_INTEGRITY, REASON_STORE, REASON_BUSY, REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason group_grants_on(struct access *access, const struct token_row *token,
                                       int64_t principal_id, unsigned *ret_bits);
/* Reads a group and checks its MAC and its age. Errors: REASON_NOT_FOUND, those above. */
MUST_CHECK enum reason group_load(struct access *access, const char *name, struct group_row *ret);
/* The grants on a group that is believed. @ret_rows: malloc'd array. Errors: those above. */
MUST_CHECK enum reason group_grants(struct access *access, const struct group_row *group,
                                    struct group_grant_row **ret_rows, size_t *ret_count);
/* The memberships of a token that is believed. @ret_rows: malloc'd array. Errors: those above. */
MUST_CHECK enum reason group_memberships(struct access *access, const struct token_row *token,
                                         struct member_row **ret_rows, size_t *ret_count);

/* The writers below are called inside the transaction that needs them. */

/* Errors: REASON_ALREADY_EXISTS, REASON_STORE, REASON_HSM. */
MUST_CHECK enum reason group_add(struct access *access, const char *name, int64_t now_ms,
                                 struct group_row *ret);
/* Replaces an earlier grant, 0 takes it back; saves @group. Errors: those of group_grants(). */
MUST_CHECK enum reason group_grant_put(struct access *access, struct group_row *group, int64_t principal_id,
                                       unsigned bits);
/*
 * Puts @token into a group or takes it out; what is so already stays so. token_save() the changed @token after it.
 * @ret_is_changed: whether there is anything to save. Errors: REASON_LIMIT (in too many groups), those above.
 */
MUST_CHECK enum reason group_member_put(struct access *access, const struct group_row *group,
                                        struct token_row *token, bool is_member, bool *ret_is_changed);
