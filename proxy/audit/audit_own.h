/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_own.h - the records about one token, and for each the proof that it is in its log: the way through the hash tree
 * to the root that the next checkpoint signs. Nothing of another token's records leaves but hashes.
 */
#pragma once

#include "proxy/audit/audit_segments.h"

#define AUDIT_OWN_MAX 16 /* records of a page */

struct audit_own_record {
    struct buffer line;
    uint64_t sequence;
    uint64_t checkpoint; /* sequence of the checkpoint's record; 0: there is none yet */
    struct buffer path;
};

struct audit_own_page {
    struct audit_own_record records[AUDIT_OWN_MAX];
    size_t count;
    struct buffer checkpoints[AUDIT_OWN_MAX]; /* lines */
    size_t checkpoint_count;
    uint64_t next; /* the record to go on from */
    bool has_more;
};

void audit_own_page_clear(struct audit_own_page *page);
DEFINE_CLEAR(audit_own_page_clear, struct audit_own_page);

/* Whose records: those about a token of that name since there is this one. */
struct audit_own_subject {
    const char *token;
    uint64_t since_us;
};

/*
 * The next records about @subject from record @from on. Looks at a bounded number of lines, so a page may be empty while
 * there are more. Errors: -ENOENT (no such log here), -EBADMSG (a checkpoint that is none).
 */
MUST_CHECK int audit_own_read(const char *directory, const struct log_name *log,
                              const struct audit_own_subject *subject, uint64_t from,
                              struct audit_own_page *ret);
