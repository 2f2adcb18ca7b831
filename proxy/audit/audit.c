/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - the writer of one log.
 *
 * The file (or the room in it: audit_write.c), the chain in memory and the store's head advance in this order and never
 * one without the one before: a head is stored only when the lines before it are on the disk.
 */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/log.h"
#include "proxy/audit/audit_state.h"

#define TICK_MS 1000

/* ------------------------------------------------------------------------------------------------- appending */

uint64_t audit_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The chain, the counts and the tree go on to a line that is safe. */
static int advance(struct audit *audit, const struct audit_record *record, const uint8_t hash[HASH_LEN],
                   const uint8_t key[KEY_NAME_LEN])
{
    struct bytes line = BYTES(audit->line.data, audit->line.len - 1); /* the line's end belongs to the file */

    audit->sequence = record->sequence;
    audit->is_synced = false;
    memcpy(audit->hash, hash, HASH_LEN);
    if (record->key_count)
        audit_counts_set(&audit->counts, key, record->key_count, record->sequence, true);
    if (audit->forward)
        audit->forward(audit->forward_arg, record, line);
    return audit_grow_tree(audit, line, strcmp(record->event, "checkpoint") == 0);
}

typedef int secure_function(struct audit *audit, struct bytes line);

static int add(struct audit *audit, struct audit_record *record, secure_function *secure)
{
    uint8_t hash[HASH_LEN], key[KEY_NAME_LEN];
    int r;

    record->sequence = audit->sequence + 1;
    record->time_us = audit_now_us();
    if (record->key_count && hex_decode(record->key, key, KEY_NAME_LEN) < 0)
        return -EINVAL;
    audit->line.len = 0;
    audit->line.failed = false;
    r = audit_record_line(record, audit->hash, &audit->line, hash);
    if (r == 0)
        r = audit_counts_reserve(&audit->counts);
    if (r == 0)
        r = secure(audit, buffer_bytes(&audit->line));
    return r < 0 ? r : advance(audit, record, hash, key);
}

int audit_append(struct audit *audit, struct audit_record *record)
{
    return add(audit, record, audit_write_line);
}

/* A copy of a record must not be elsewhere before the record itself is here: who forwards has each written at once. */
int audit_gather(struct audit *audit, struct audit_record *record)
{
    return add(audit, record, audit->forward ? audit_write_line : audit_gather_line);
}

int audit_grow_tree(struct audit *audit, struct bytes line, bool is_checkpoint)
{
    uint8_t leaf[HASH_LEN];
    int r = audit_leaf(line, leaf);

    if (is_checkpoint)
        audit->tree.count = 0;
    if (r == 0)
        r = audit_tree_add(&audit->tree, leaf);
    if (r < 0)
        audit->error = r; /* the tree is no longer that of the file */
    return r;
}

int audit_next_count(struct audit *audit, const uint8_t name[KEY_NAME_LEN], uint64_t *ret)
{
    const struct audit_count *count = audit_counts_find(&audit->counts, name);
    uint64_t signatures, sequence;
    int r;

    if (count) {
        *ret = count->signatures + 1;
        return 0;
    }
    r = audit_counts_reserve(&audit->counts);
    if (r == 0)
        r = store_key_count_get(audit->store, &audit->config.log, name, &signatures, &sequence);
    if (r < 0)
        return r;
    audit_counts_set(&audit->counts, name, signatures, sequence, false);
    *ret = signatures + 1;
    return 0;
}

int audit_flush(struct audit *audit)
{
    return audit->config.sync == AUDIT_SYNC_BATCH ? audit_sync(audit) : audit_write_gathered(audit);
}

/* ---------------------------------------------------------------------------------------------- once a second */

/* What the store is told, as it was at one moment: records may come while the store makes us wait. */
struct head {
    uint64_t sequence;
    uint8_t hash[HASH_LEN];
    struct audit_count *counts;
    size_t count;
};

static void head_clear(struct head *head)
{
    free(head->counts);
}
DEFINE_CLEAR(head_clear, struct head);

static int put_head(const struct audit *audit, const struct head *head)
{
    const struct log_name *log = &audit->config.log;
    int r = store_audit_head_put(audit->store, log, head->sequence, head->hash);

    for (size_t i = 0; i < head->count && r == 0; i++)
        r = store_key_count_put(audit->store, log, head->counts[i].key, head->counts[i].signatures,
                                head->counts[i].sequence);
    return r;
}

/* The store must not remember a head that a power cut can take away: the file first, in either mode. */
int audit_store_head(struct audit *audit)
{
    CLEANUP(head_clear) struct head head = { .sequence = audit->sequence };
    int r = audit_sync(audit);

    memcpy(head.hash, audit->hash, HASH_LEN);
    if (r == 0)
        r = audit_counts_dirty(&audit->counts, &head.counts, &head.count);
    if (r == 0)
        r = store_begin(audit->store);
    if (r < 0)
        return r;
    r = put_head(audit, &head);
    if (r < 0) {
        store_rollback(audit->store);
        return r;
    }
    r = store_commit(audit->store);
    if (r < 0)
        return r;
    audit->stored_sequence = head.sequence;
    audit_counts_clean(&audit->counts, head.sequence);
    return 0;
}

static int append_checkpoint(struct audit *audit, const struct audit_checkpoint *checkpoint,
                             struct bytes signature)
{
    char note[AUDIT_NOTE_MAX], digest[2 * HASH_LEN + 1];
    struct audit_record record = { .event = "checkpoint", .result = "OK", .digest = digest, .note = note };

    hex_encode(BYTES_OF_ARRAY(audit->hash), digest);
    audit_checkpoint_note(checkpoint, signature, note);
    return audit_append(audit, &record);
}

static int make_checkpoint(struct audit *audit)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    struct audit_checkpoint checkpoint = { .first = audit->sequence + 1 - audit->tree.count,
                                           .last = audit->sequence };
    uint8_t hash[HASH_LEN];
    int r = audit_tree_root(&audit->tree, checkpoint.root);

    memcpy(checkpoint.head, audit->hash, HASH_LEN);
    if (r == 0)
        r = audit_checkpoint_hash(audit->config.realm, &audit->config.log, &checkpoint, hash);
    if (r == 0)
        r = audit->checkpoint(audit->checkpoint_arg, hash, &signature);
    if (r == 0)
        r = signature.failed ? -ENOMEM : append_checkpoint(audit, &checkpoint, buffer_bytes(&signature));
    if (r == 0)
        audit->checkpoint_sequence = audit->sequence;
    return r;
}

void audit_set_forward(struct audit *audit, audit_forward_fn *fn, void *arg)
{
    audit->forward = fn;
    audit->forward_arg = arg;
}

void audit_set_checkpoint(struct audit *audit, audit_checkpoint_fn *fn, void *arg)
{
    audit->checkpoint = fn;
    audit->checkpoint_arg = arg;
}

void audit_tell(const struct audit *audit, struct audit_state *ret)
{
    *ret = (struct audit_state){ audit->sequence, audit->stored_sequence, audit->error != 0 };
}

/* Whether @interval_ms have passed; a clock that was set back counts as that. */
static bool is_due(int64_t *last_ms, int64_t now_ms, int64_t interval_ms)
{
    if (*last_ms && now_ms >= *last_ms && now_ms - *last_ms < interval_ms)
        return false;
    *last_ms = now_ms;
    return true;
}

static void say_failure(const struct audit *audit, const char *event, int error)
{
    log_event_limited(LOG_LEVEL_ERROR, 6, event, "log=%s error=\"%s\"", audit->name, strerror(-error));
}

static bool wants_checkpoint(struct audit *audit, int64_t now_ms)
{
    if (!audit->checkpoint || audit->sequence <= audit->checkpoint_sequence)
        return false;
    return audit->sequence - audit->checkpoint_sequence >= AUDIT_CHECKPOINT_RECORDS ||
           is_due(&audit->checkpointed_ms, now_ms, AUDIT_CHECKPOINT_MS);
}

void audit_tick(struct audit *audit, int64_t now_ms)
{
    int r = 0;

    if (!is_due(&audit->ticked_ms, now_ms, TICK_MS))
        return;
    if (wants_checkpoint(audit, now_ms))
        r = make_checkpoint(audit);
    if (r < 0)
        say_failure(audit, "audit.checkpoint", r);
    audit_settle(audit);
    r = audit_rotate_if_full(audit, audit_now_us());
    if (r < 0)
        say_failure(audit, "audit.rotate", r);
}

void audit_settle(struct audit *audit)
{
    int r = audit->sequence > audit->stored_sequence ? audit_store_head(audit) : 0;

    if (r < 0)
        say_failure(audit, "audit.head", r);
}
