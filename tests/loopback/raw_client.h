/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_client.h - a client without client/: it makes messages that the real one never would, with the right keys.
 *
 * Its S is 32 bytes out of nowhere, so nothing is stretched and a case takes milliseconds.
 */
#pragma once

#include "proto/session_keys.h"
#include "tests/loopback/deployment.h"

struct raw_client {
    const struct person *person;
    struct session_keys keys; /* of the lease, after raw_unlock() */
    uint64_t sequence;        /* the last one used */
};

/* alice's token, of wrapped custody, with a PIN of the raw kind; logged in. Clear with raw_clear(). */
void raw_start(struct raw_client *client);
void raw_clear(struct raw_client *client);
/* Another login of the same. */
void raw_unlock(struct raw_client *client);
/* A serialized UnlockRequest that is right. */
void raw_unlock_request(const struct raw_client *client, struct buffer *ret);

/* Seals @plaintext properly, sends it, and opens the answer into @ret unless it is a failure. */
enum grpc_status raw_sealed(const struct raw_client *client, enum method_id method, struct bytes plaintext,
                            struct secret **ret);
/* Makes a session message around @plaintext, under the next number. */
void raw_session_message(struct raw_client *client, enum method_id method, struct bytes plaintext,
                         struct buffer *ret);
/* And sends it. */
enum grpc_status raw_session(struct raw_client *client, enum method_id method, struct bytes plaintext,
                             struct secret **ret);
/* A P-256 key made in the session, and a SignRequest for it, serialized. */
void raw_sign_request(struct raw_client *client, struct buffer *ret);
