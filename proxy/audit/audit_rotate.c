/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_rotate.c - closes the file that is written to and begins the next, without a break in the chain.
 *
 * In this order, so that audit_open() goes on from wherever a crash leaves it:
 *   1. all is on the disk, and the store knows the head;
 *   2. the file gets its number (from here on there is none to write to: audit_open() makes one);
 *   3. a new file is made (empty, or with half a line: audit_open() cuts that off);
 *   4. its first record says which segment it is, and is on the disk before anything else is.
 */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/log.h"
#include "proxy/audit/audit_segments.h"
#include "proxy/audit/audit_state.h"

int audit_begin_segment(struct audit *audit, uint32_t number)
{
    char note[32], digest[2 * HASH_LEN + 1];
    struct audit_record record = { .event = "segment", .result = "OK", .digest = digest, .note = note };
    int r;

    snprintf(note, sizeof(note), SEGMENT_NOTE "%" PRIu32, number);
    hex_encode(BYTES_OF_ARRAY(audit->hash), digest);
    r = audit_append(audit, &record);
    if (r < 0)
        return r;
    audit->segment = number;
    audit->segment_us = record.time_us;
    audit->segment_sequence = record.sequence;
    return fdatasync(audit->fd) < 0 ? -errno : 0;
}

static int give_number(const struct audit *audit)
{
    char from[AUDIT_PATH_MAX], to[AUDIT_PATH_MAX];
    int r = audit_segment_path(audit->config.directory, &audit->config.log, 0, from);

    if (r == 0)
        r = audit_segment_path(audit->config.directory, &audit->config.log, audit->segment, to);
    if (r < 0)
        return r;
    /* A closed segment is never written over. rename(2) */
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

/* Whatever failed half-way, this writer cannot go on: its file is not the one that others will look for. */
static int stop(struct audit *audit, int error)
{
    audit->error = error;
    log_event(LOG_LEVEL_ERROR, "audit.rotate", "log=%s segment=%u why=\"%s\"", audit->name, audit->segment,
              strerror(-error));
    return error;
}

static int rotate(struct audit *audit)
{
    int r = give_number(audit);

    if (r < 0)
        return r == -EEXIST ? r : stop(audit, r);
    close(audit->fd);
    audit->fd = -1;
    r = audit_open_file(audit);
    if (r == 0)
        r = audit_begin_segment(audit, audit->segment + 1);
    return r < 0 ? stop(audit, r) : 0;
}

static bool is_full(const struct audit *audit, uint64_t now_us)
{
    const struct audit_config *config = &audit->config;

    return (config->rotate_bytes && (uint64_t)audit->length >= config->rotate_bytes) ||
           (config->rotate_us && now_us > audit->segment_us &&
            now_us - audit->segment_us >= config->rotate_us);
}

int audit_rotate_if_full(struct audit *audit, uint64_t now_us)
{
    int r = 0;

    if (audit->error || audit->is_torn || audit->sequence == audit->segment_sequence ||
        !is_full(audit, now_us))
        return 0;
    if (audit->sequence > audit->stored_sequence)
        r = audit_store_head(audit);
    if (r == 0 && audit->sequence > audit->stored_sequence)
        return 0; /* records came meanwhile: the next time */
    return r < 0 ? r : rotate(audit);
}
