/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_state.h - what stands behind struct hsm, for the files of this folder. One thread. */
#pragma once

#include <openssl/types.h>

#include "proto/mechanism.h"
#include "proxy/hsm/breaker.h"
#include "proxy/hsm/handle_cache.h"
#include "proxy/hsm/hsm.h"
#include "proxy/hsm/hsm_session.h"
#include "proxy/hsm/library.h"
#include "proxy/hsm/library_watch.h"
#include "proxy/hsm/master_keys.h"

struct hsm {
    struct library *library;
    struct library_watch watch; /* over all its calls */
    struct breaker breaker;
    uint64_t calls_seen, seen_at_ms; /* watch.calls when last looked at, and since when it is the same */
    struct library_token token;      /* the one with the master keys */
    struct hsm_session session; /* read only and logged in: serving makes session objects, nothing else */
    struct master_keys keys;
    struct handle_cache *handles;
    uint64_t objects_made;
    char description[160];
    CK_MECHANISM_TYPE oaep_hashes[MECHANISM_OAEP_HASHES];
    size_t oaep_count;
    bool knows_oaep; /* the two above are filled */
};

/*
 * AES-256 key for one row: HSM.derive(Kd of @kd_epoch, @input), a session object that en- and decrypts with GCM. The
 * caller destroys it at once. Errors: CKR_KEY_NEEDED (no such epoch), what the HSM says.
 */
MUST_CHECK CK_RV hsm_derive_key(struct hsm *hsm, uint32_t kd_epoch, struct bytes input,
                                CK_OBJECT_HANDLE *ret);
/* From now on hsm_objects_made() says that this process should be replaced. */
void hsm_wear_out(struct hsm *hsm);
