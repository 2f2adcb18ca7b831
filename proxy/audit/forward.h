/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward.h - copies of audit records for the host's journal or a collector, as they are written.
 *
 * The log is the record, this is news: nothing here waits, nothing here fails a call. What a receiver does not take in
 * time is dropped and counted, and the count is said in the process's log.
 */
#pragma once

#include <stdint.h>

#include "include/cleanup.h"
#include "proxy/audit/audit.h"

struct forward;

/*
 * @where: "journald", "syslog:ADDRESS:PORT" (UDP), "syslog-tcp:ADDRESS:PORT"; addresses are numeric, an IPv6 one in
 * brackets. A receiver that is not there yet is no error. Errors: -EINVAL (no such form), -ENOMEM.
 */
MUST_CHECK int forward_open(const char *where, const struct log_name *log, struct forward **ret);
void forward_close(struct forward *forward);
DEFINE_CLEANUP(forward_close, struct forward *);
/* An audit_forward_fn; @arg is the struct forward. */
void forward_record(void *arg, const struct audit_record *record, struct bytes line);
/* Once a second: what waits is sent on, a receiver that went away is sought again, what was dropped is said. */
void forward_tick(struct forward *forward, int64_t now_ms);
uint64_t forward_dropped(const struct forward *forward);

/* The journal's socket; a test has its own. */
#define FORWARD_JOURNAL "/run/systemd/journal/socket"
MUST_CHECK int forward_open_journal(const char *path, const struct log_name *log, struct forward **ret);
