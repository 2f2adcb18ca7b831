/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewal.h - a device's certificate renewed before it ends, in its own file.
 *
 * Whoever renews holds a lock on the certificate's directory, and looks again whether it is still due: of many processes
 * on one device one renews, and the others find it done. The new certificate takes the place of the old one in one
 * rename; connections to come use it, and its first login ends the old one's life.
 */
#pragma once

#include <stdbool.h>

#include "client/config.h"
#include "client/remote.h"

/* Whether two thirds of the certificate's life have passed. False too for a file that cannot be read. */
bool renewal_is_due(const struct identity_config *identity);

/*
 * Renews with the key that is there, or with @new_key a new one, under the login that @token holds. Nothing is asked of
 * the server unless the files can be written. @deadline_ms: of clock_now_ms(). @why: a sentence, caller frees.
 * Errors: -EACCES, -EROFS (files), -EBUSY (another process is at it), -EREMOTEIO (the server: @error says what), others.
 */
MUST_CHECK int renewal_make(OSSL_LIB_CTX *libctx, const struct identity_config *identity,
                            struct remote_token *token, bool has_new_key, int64_t deadline_ms,
                            struct remote_error *error, char **why);
