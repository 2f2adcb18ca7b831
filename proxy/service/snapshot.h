/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - all public knowledge about a token, in one message whose bytes depend on nothing but its content.
 *
 * Keys stand in the order of their making, certificates in the order of their keys: the module's object handles and
 * the snapshot's hash rest on it.
 */
#pragma once

#include "proxy/service/service.h"

/* A token's rows, checked. */
struct contents {
    struct key_row *keys;
    size_t key_count;
    struct certificate_row *certificates;
    size_t certificate_count;
};

/* Errors: REASON_STORE, REASON_INTEGRITY (a row's MAC), REASON_HSM. */
MUST_CHECK enum reason contents_load(struct service *service, int64_t token_id, struct contents *ret);
void contents_clear(struct contents *contents);
DEFINE_CLEAR(contents_clear, struct contents);

/* The serialized Snapshot of @token. Errors: REASON_HSM, REASON_INTERNAL (memory). */
MUST_CHECK enum reason snapshot_build(struct service *service, const struct token_row *token,
                                      const struct contents *contents, struct secret **ret);

/* As they stand in messages. Errors: REASON_INTERNAL (memory). */
MUST_CHECK enum reason contents_keys(const struct contents *contents, size_t *ret_count,
                                     Privyseal__V1__KeyInfo ***ret);
MUST_CHECK enum reason contents_certificates(const struct contents *contents, size_t *ret_count,
                                             Privyseal__V1__CertificateInfo ***ret);
MUST_CHECK enum reason key_info(const struct key_row *key, Privyseal__V1__KeyInfo **ret);
/* @key: the one it is for; the two have one CKA_ID. */
MUST_CHECK enum reason certificate_info(const struct certificate_row *certificate, const struct key_row *key,
                                        Privyseal__V1__CertificateInfo **ret);
