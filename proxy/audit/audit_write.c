/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_write.c - lines on their way to the disk: each by itself, or a round's in one write.
 *
 * A line by itself is written before it counts, and one that was not written whole is taken back. A line that is gathered
 * counts at once, so the file system sets blocks aside for it first: a full disk refuses the call whose record would not
 * fit, and a write that fails all the same is a disk that is ill.
 */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/log.h"
#include "proxy/audit/audit_state.h"

#define ROOM_STEP ((off_t)64 * 1024) /* set aside at once, as that costs 20 us: a hundred records */

/* Takes back what was written of a line, and with it the room behind it. While that fails, nothing can be appended. */
static int take_back(struct audit *audit)
{
    audit->room = 0;
    audit->is_torn = ftruncate(audit->fd, audit->length) < 0;
    return audit->is_torn ? -errno : 0;
}

/* The file is what we left: nobody else wrote to it, and it still has its name. */
static int check_file(struct audit *audit)
{
    struct stat status;

    if (fstat(audit->fd, &status) < 0)
        return -errno;
    if (status.st_size == audit->length && status.st_nlink == 1)
        return 0;
    audit->error = audit_broken(audit, audit->sequence, "somebody else changed or removed the file");
    return audit->error;
}

static int write_whole(struct audit *audit, struct bytes lines)
{
    int error;

    for (size_t done = 0; done < lines.len;) {
        ssize_t n = write(audit->fd, lines.data + done, lines.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            error = n < 0 ? -errno : -EIO;
            if (done)
                (void)take_back(audit); /* remembered in is_torn */
            return error;
        }
        done += (size_t)n;
    }
    audit->length += (off_t)lines.len;
    return 0;
}

static int append_lines(struct audit *audit, struct bytes lines)
{
    int r = audit->error;

    if (r == 0 && audit->is_torn)
        r = take_back(audit);
    if (r == 0)
        r = check_file(audit);
    return r < 0 ? r : write_whole(audit, lines);
}

int audit_write_gathered(struct audit *audit)
{
    struct bytes lines = BYTES(audit->gathered, audit->gathered_len);

    if (audit->error || lines.len == 0)
        return audit->error;
    audit->error =
        append_lines(audit, lines); /* the chain in memory is ahead of the file, and nothing leads back */
    audit->gathered_len = 0;
    if (audit->error)
        log_event(LOG_LEVEL_ERROR, "audit.write", "log=%s error=\"%s\"", audit->name,
                  strerror(-audit->error));
    return audit->error;
}

int audit_write_line(struct audit *audit, struct bytes line)
{
    int r = audit_write_gathered(audit);

    return r < 0 ? r : append_lines(audit, line);
}

/* Blocks for @len bytes behind the file's end, which stays where it is. fallocate(2) */
static int set_aside(struct audit *audit, off_t len)
{
    while (fallocate(audit->fd, FALLOC_FL_KEEP_SIZE, audit->length, len) < 0)
        if (errno != EINTR)
            return -errno;
    audit->room = audit->length + len;
    return 0;
}

static int make_room(struct audit *audit, off_t len)
{
    int r;

    if (audit->length + len <= audit->room)
        return 0;
    r = set_aside(audit, len + ROOM_STEP);
    return r == -ENOSPC || r == -EDQUOT ? set_aside(audit, len) : r;
}

int audit_gather_line(struct audit *audit, struct bytes line)
{
    int r = audit->error;

    if (r == 0 && audit->gathered_len + line.len > GATHERED_MAX)
        r = audit_write_gathered(audit);
    if (r == 0 && !audit->has_no_room)
        r = make_room(audit, (off_t)(audit->gathered_len + line.len));
    if (r == -EOPNOTSUPP || r == -ENOSYS)
        audit->has_no_room = true;
    if (audit->has_no_room || audit->is_torn)
        return audit_write_line(audit, line);
    if (r < 0)
        return r;
    memcpy(audit->gathered + audit->gathered_len, line.data, line.len);
    audit->gathered_len += line.len;
    return 0;
}

/* After a failure the kernel may have dropped what it could not write: nothing in this file can be trusted to last. */
int audit_sync(struct audit *audit)
{
    int r = audit_write_gathered(audit);

    if (r < 0 || audit->is_synced)
        return r;
    if (fdatasync(audit->fd) < 0) {
        audit->error = -errno;
        log_event(LOG_LEVEL_ERROR, "audit.sync", "log=%s error=\"%s\"", audit->name, strerror(errno));
        return audit->error;
    }
    audit->is_synced = true;
    return 0;
}
