/* SPDX-License-Identifier: Apache-2.0 */
/* cases.h - the tables of cases, in the order in which they are run. Each ends with a row without a name. */
#pragma once

#include "conformance/checks/check.h"

extern const struct check_case cases_load[];       /* function list, C_Initialize, C_Finalize, C_GetInfo */
extern const struct check_case cases_interface[];  /* C_GetInterface of 3.0 */
extern const struct check_case cases_every_call[]; /* each function without C_Initialize, a slot, a session */
extern const struct check_case cases_null[];       /* each pointer that may not be NULL */
extern const struct check_case cases_slot[];       /* slots, tokens, mechanisms */
extern const struct check_case cases_session[];    /* sessions and login states */
extern const struct check_case cases_object[];     /* searches and attributes */
extern const struct check_case cases_profile[];    /* what the token says it is, by the objects of 3.0 */
extern const struct check_case cases_sign[];       /* the signature operation */
extern const struct check_case cases_message[];    /* the one of 3.0: many messages from one beginning */
extern const struct check_case cases_recover[];    /* signatures that give back what was signed */
extern const struct check_case cases_process[];    /* threads, fork, unloading, exit */

/* Every key with every mechanism: rows made while running. Runs them. */
void cases_signature_run(const struct settings *settings);
