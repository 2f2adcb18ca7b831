/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - the other HSMs of the configuration while [hsm] makes an epoch that all shall have: each in a process of its own,
 * since a process has one PKCS#11 library.
 *
 * A member opens its HSM, makes a key pair there that the epoch's transport key is wrapped under, takes the epoch over,
 * compares it with the commitment, and ends. What the pair can open is of this epoch alone, and goes with the session: a
 * process that is killed, here or there, leaves at most a key that the root has not signed for, which nobody uses.
 * Over a socket, in JSON: {next, public_key} from the member, {copies, commitment} to it, {} from it.
 */
#pragma once

#include <sys/types.h>

#include "proxy/config.h"
#include "proxy/hsm/ceremony.h"

struct pool_member {
    unsigned hsm; /* by number, as proxy_config_hsm() has it */
    pid_t pid;
    int socket;
};

struct pool {
    const struct proxy_config *config;
    struct pool_member members[HSMS_MAX];
    struct ceremony_recipient recipients[HSMS_MAX]; /* of the same index */
    size_t count;
    uint32_t least; /* the smallest number that the epoch may have in all of them */
};

/*
 * Starts a member for each further HSM that is not in @left_out (a bit for each number) and waits for their public keys. Before
 * this process opens a library. Returns an exit status, like all verbs; what is wrong was said.
 */
MUST_CHECK int pool_gather(const struct proxy_config *config, enum master_kind kind, unsigned left_out,
                           struct pool *ret);
/* Gives @copy to each; done when all have compared it with @commitment. */
MUST_CHECK int pool_deliver(const struct pool *pool, const struct master_copy *copy,
                            const uint8_t commitment[HASH_LEN]);
/* Members that wait for something are ended. */
void pool_clear(struct pool *pool);
DEFINE_CLEAR(pool_clear, struct pool);
