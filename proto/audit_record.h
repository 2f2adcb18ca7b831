/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_record.h - one record of an audit log, its place in the hash chain, and the check of a whole log.
 *
 * A log is a file of lines; a line is a JSON object with the fields below, sorted as here, and ends with its hash:
 * hash = SHA-256(context("privyseal v1 audit", previous hash, line without its "hash" member)); so the object that is
 * hashed is the line up to ,"hash" and a closing brace.
 * The first record's previous hash is SHA-256(context("privyseal v1 audit log", realm, proxy, signer)).
 * Nobody needs an HSM, a database or this program to check one: docs/protocol.md shows how.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "proto/limits.h"
#include "proto/log_name.h"

#define AUDIT_LINE_MAX 4096

struct audit_record {
    uint64_t sequence;             /* from 1, in its log */
    uint64_t time_us;              /* since 1970, UTC */
    const char *event;             /* "sign", "unlock", "pin.set", "user.add" ... */
    const char *result;            /* a reason's word, or "OK" */
    const char *request_id;        /* the front's */
    const char *client_request_id; /* the application's; a repeat keeps it */
    const char *trace_id;    /* of the application's trace, if it has one; NULL or "": not in the line */
    const char *principal;   /* who, by certificate; "" unknown */
    const char *certificate; /* hexadecimal SHA-256 of it */
    const char *peer;        /* address */
    const char *token;
    const char *key;       /* hexadecimal name of the key, or "" */
    const char *mechanism; /* "CKM_RSA_PKCS", or "" */
    const char *digest;    /* hexadecimal: what was signed (SHA-256 of it when longer than 64 bytes) */
    uint64_t key_count;    /* signatures made with this key so far, this one included; 0: not a signature */
    uint64_t latency_us;
    const char *note; /* further words, "" */
};

/* Errors: -ENAMETOOLONG (over AUDIT_LINE_MAX), -ENOMEM. @ret gets the line with "\n" appended. */
MUST_CHECK int audit_record_line(const struct audit_record *record, const uint8_t previous[HASH_LEN],
                                 struct buffer *ret, uint8_t ret_hash[HASH_LEN]);
MUST_CHECK int audit_first_hash(const char *realm, const struct log_name *log, uint8_t ret[HASH_LEN]);

/* The number of the record that @line is; 0: it is none. */
uint64_t audit_line_sequence(struct bytes line);
/* When it was made, since 1970; 0: it is none. */
uint64_t audit_line_time_us(struct bytes line);

/* A check in progress: feed it the lines of one log in order. */
struct audit_check {
    uint64_t next_sequence;
    uint8_t hash[HASH_LEN];
};

MUST_CHECK int audit_check_init(struct audit_check *check, const char *realm, const struct log_name *log);
/* Errors: -EBADMSG with a sentence in @why (static): broken chain, gap, not a record. */
MUST_CHECK int audit_check_line(struct audit_check *check, struct bytes line, const char **why);
