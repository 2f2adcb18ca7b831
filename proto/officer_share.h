/* SPDX-License-Identifier: Apache-2.0 */
/*
 * officer_share.h - how officers help a user who forgot the PIN: a random Q, by Shamir in shares of which some give it back.
 *
 *   share i    HPKE to officer i; info = C("privyseal v1 officers", realm),
 *              aad = C("privyseal v1 officer share", realm, token, quorum's name, i, how many are needed)
 *   digest i   HMAC-SHA256(share, C("privyseal v1 officer share digest", the same)): tells at once what is no share
 *   S_q        HKDF-SHA256(ikm = Q, info = C("privyseal v1 officers secret", realm, token, quorum's name)):
 *              opens the token's access row as S does
 *
 * The user's client makes Q, so no server sees a share before the officers open theirs, for a request of the user's.
 */
#pragma once

#include <openssl/types.h>

#include "include/secret.h"
#include "proto/hpke.h"
#include "proto/limits.h"

#define OFFICER_SHARE_LEN  32                                      /* Q, and each share */
#define OFFICER_SEALED_LEN (HPKE_KEY_LEN + OFFICER_SHARE_LEN + 16) /* encapsulated key, ciphertext, tag */

/* Which quorum: lent. */
struct officer_quorum {
    const char *realm, *token;
    struct bytes name; /* QUORUM_NAME_LEN */
    uint32_t needed;
};

/* Errors of all: -ENOMEM, -EIO. */
MUST_CHECK int officer_share_seal(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum, uint32_t number,
                                  struct bytes officer_key, struct bytes share,
                                  uint8_t ret[OFFICER_SEALED_LEN]);
/* Errors: also -EBADMSG (not for this key, or not this share of this quorum). */
MUST_CHECK int officer_share_open(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum, uint32_t number,
                                  struct bytes private_key, struct bytes sealed, struct secret **ret);
MUST_CHECK int officer_share_digest(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum,
                                    uint32_t number, struct bytes share, uint8_t ret[HASH_LEN]);
/* S_q. */
MUST_CHECK int officer_quorum_secret(OSSL_LIB_CTX *libctx, const struct officer_quorum *quorum,
                                     struct bytes q, struct secret **ret);
