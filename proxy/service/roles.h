/* SPDX-License-Identifier: Apache-2.0 */
/* roles.h - the words for roles, on the wire and for people. */
#pragma once

#include "proxy/store/store.h"

/* "device"; "none" for no role. */
const char *role_word(enum role role);
/* ROLE_NONE for an unknown word. */
enum role role_of_word(const char *word);
/* Whether a certificate of this role may be the first thing known of its principal. A device belongs to a user. */
bool role_makes_principal(enum role role);
