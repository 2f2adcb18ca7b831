/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum.h - secrets that M of N officers hold: dealt, asked for, answered, joined.
 *
 *   sealed   {what, id, threshold, shares: [{officer, public_key, index, enc, sealed, digest}]}: a secret in shares
 *            (shamir.h), each sealed to its officer by HPKE. Useless to all but M officers together.
 *   request  {purpose, host, realm, time, public_key, secrets: [sealed...]}: somebody asks for those secrets, with a
 *            fresh X25519 key whose private half stays with whoever asks.
 *   answer   {request, officer, shares: [{id, index, enc, sealed}]}: an officer's shares, opened and sealed again to the
 *            request's key and bound to all of the request by its SHA-256.
 * All are JSON. What an officer answers depends on what an officer is shown: purpose, host and the request's
 * fingerprint, to be compared with what the one who asks reads out.
 *
 * Contexts (HPKE's info): "privyseal v1 quorum share" (realm, what, id, threshold, index, officer's key);
 * "privyseal v1 quorum answer" (request, id, index). Source: RFC 9180 6.1 (single-shot).
 * Errors of all: -EBADMSG (not of this form, or not authentic), -ENOMEM, -EIO.
 */
#pragma once

#include "include/json.h"
#include "include/secret.h"
#include "proto/officer.h"
#include "proto/shamir.h"

#define QUORUM_ID_LEN      16
#define QUORUM_SECRETS_MAX 8    /* in one request */
#define QUORUM_SHARE_MAX   8192 /* bytes: an RSA-4096 key in PKCS#8 has about 2,400 */

struct quorum {
    unsigned threshold; /* M; 0: there is no quorum */
    size_t count;
    struct officer officers[SHAMIR_SHARES_MAX];
};

/* {threshold, officers: [{name, public_key}]} */
MUST_CHECK int quorum_of_json(const json_t *object, struct quorum *ret);
json_t *quorum_to_json(const struct quorum *quorum); /* NULL: out of memory */

/* Deals @secret to @quorum. Errors: also -EINVAL (a quorum that cannot be). */
MUST_CHECK int quorum_seal(const char *realm, const char *what, const struct quorum *quorum,
                           struct bytes secret, json_t **ret);
/*
 * @secrets: an array of sealed secrets, borrowed. @public_key: of a fresh X25519 key, whose private half opens the answers
 * in quorum_join().
 */
MUST_CHECK int quorum_ask(const char *realm, const char *purpose, json_t *secrets,
                          const uint8_t public_key[HPKE_KEY_LEN], json_t **ret);
/* SHA-256 of the request, however its file is indented. */
MUST_CHECK int quorum_request_digest(const json_t *request, uint8_t ret[HASH_LEN]);
/* Errors: also -ENOENT (no share of this request is sealed to that key). @ret_officer: lent by the request. */
MUST_CHECK int quorum_answer(const json_t *request, struct bytes officer_private,
                             const uint8_t officer_public[HPKE_KEY_LEN], json_t **ret,
                             const char **ret_officer);
/*
 * The secret @what of the request, from an array of answers. An answer to another request, or with a share that is not
 * the one dealt, is named in @why (caller frees) and refused. Errors: -EAGAIN (too few; @why says how many).
 */
MUST_CHECK int quorum_join(const json_t *request, struct bytes private_key, const json_t *answers,
                           const char *what, struct secret **ret, char **why);
