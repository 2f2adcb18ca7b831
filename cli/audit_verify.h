/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_verify.h - the check of one log, line by line, wherever the lines come from: the chain, the signed checkpoints,
 * the running count of every key, and the heads that somebody remembers.
 */
#pragma once

#include <jansson.h>

#include "include/bytes.h"
#include "proto/audit_record.h"
#include "proto/audit_tree.h"
#include "proto/public_key.h"

/* A head that the log must have passed through: the store's, and the one of an earlier check. */
struct audit_known_head {
    uint64_t sequence; /* 0: none */
    uint8_t hash[HASH_LEN];
    bool is_met;
};

struct audit_verification {
    const struct public_key *key; /* of the checkpoints; NULL: signatures are not looked at */
    const char *realm;
    struct log_name log;
    struct audit_check check;
    uint64_t first;   /* the first record that is here; 0: none yet */
    uint64_t records; /* looked at */
    uint64_t checkpoints;
    uint64_t restored; /* the last record after which the log goes on from a backup; 0: none */
    uint64_t covered;  /* the last record under a checkpoint that was good */
    struct audit_tree tree;
    uint64_t tree_first;
    struct audit_known_head store, earlier;
    void *counts;    /* tsearch(3): of each key */
    uint64_t at;     /* the record of the finding */
    const char *why; /* the finding; NULL: sound so far */
};

MUST_CHECK int audit_verification_init(struct audit_verification *verification, const char *realm,
                                       const struct log_name *log, const struct public_key *key);
void audit_verification_clear(struct audit_verification *verification);
DEFINE_CLEAR(audit_verification_clear, struct audit_verification);

/* The next line; after a finding, nothing more is looked at. */
void audit_verify_line(struct audit_verification *verification, struct bytes line);
/* All lines were given: what is missing at the end is a finding too. */
void audit_verify_end(struct audit_verification *verification);
/* The log as a row of the report. */
json_t *audit_verification_row(const struct audit_verification *verification);
