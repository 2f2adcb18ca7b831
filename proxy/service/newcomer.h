/* SPDX-License-Identifier: Apache-2.0 */
/*
 * newcomer.h - one new user: a name, a token without keys, and a code by which the user, and nobody who has seen only the
 * database, sets the first PIN.
 */
#pragma once

#include "proxy/service/service.h"

/* One who is to be enrolled. */
struct newcomer {
    const Privyseal__V1__NewUser *ask;
    struct token_row token;
    struct group_row groups[GROUPS_PER_TOKEN_MAX];
    struct secret *code;
    Privyseal__V1__NewUserResult result;
    const char *why;     /* static; of one who is not added */
    enum reason refusal; /* of one who is refused: whose fault it is */
};

void newcomer_clear(struct newcomer *newcomer);
DEFINE_CLEAR(newcomer_clear, struct newcomer);

/*
 * Adds newcomer->ask, in a transaction; says in the newcomer what came of it. @gives_codes: who is there already, without
 * a PIN, gets another code. Errors: what is not the newcomer's fault.
 */
MUST_CHECK enum reason newcomer_enrol(struct service *service, int64_t now_ms, bool gives_codes,
                                      struct newcomer *newcomer);
