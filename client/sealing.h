/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealing.h - the signers' sealing key, out of a certificate that was checked.
 *
 * Every token's description brings the chain along, and mostly the same one. Checking it costs two signatures'
 * verification and a millisecond: a thousand tokens are a second. So the one that was checked last is known again, byte
 * by byte, for a minute; an expired one is believed for as much longer.
 *
 * Threads: any.
 */
#pragma once

#include <openssl/types.h>
#include <pthread.h>

#include "include/bytes.h"

struct sealing {
    pthread_mutex_t lock;
    struct buffer chain; /* guarded by lock, as the rest: its certificates, each after its length */
    uint8_t key[32];
    int64_t checked_ms; /* clock_boot_ms() */
};

void sealing_init(struct sealing *sealing);
void sealing_clear(struct sealing *sealing);
/* Errors: those of certificate_seal_key(), with a sentence in @why (static); -EACCES without @trust; -ENOMEM. */
MUST_CHECK int sealing_key(struct sealing *sealing, OSSL_LIB_CTX *libctx, X509_STORE *trust,
                           const struct bytes *ders, size_t count, uint8_t ret[32], const char **why);
