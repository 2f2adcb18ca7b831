/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.h - what the HSM, the store and the system call an error, as a reason: one table per border. */
#pragma once

#include <p11-kit/pkcs11.h>

#include "proto/failure.h"

/* Of the HSM and of custody. CKR_OK: REASON_NONE. */
enum reason refusal_of_rv(CK_RV rv);
/* Of the store. -ENOENT is REASON_NOT_FOUND: a caller who must not learn that gets another reason from the handler. */
enum reason refusal_of_store(int error);
/* Of our own libraries, where the request was well-formed. */
enum reason refusal_of_errno(int error);
