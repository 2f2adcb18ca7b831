/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - what can be found wrong before anything is started, in words for whoever started us. */
#pragma once

#include "proxy/crew.h"

/* A sentence on standard error: what, why, what to do. Returns @status. */
int check_explain(int status, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * Everything that can be wrong without binding a socket or touching the HSM; fills in who the children run as, and the
 * TLS files. Returns an exit status (sysexits.h), explained.
 */
int check_start(struct crew *crew);
