/* SPDX-License-Identifier: Apache-2.0 */
/* forward_format.h - what a receiver of forwarded records gets, byte for byte. */
#pragma once

#include "proxy/audit/audit.h"

/* A datagram of the journal's native protocol: systemd.io/JOURNAL_NATIVE_PROTOCOL. */
void format_journal(const struct audit_record *record, const struct log_name *log, struct bytes line,
                    struct buffer *ret);
/* A message of RFC 5424 6 (Syslog Message Format); the record itself is its MSG. */
void format_syslog(const struct audit_record *record, const struct log_name *log, struct bytes line,
                   struct buffer *ret);
/* The same for a stream: RFC 6587 3.4.1 (Octet Counting). */
void format_syslog_stream(const struct audit_record *record, const struct log_name *log, struct bytes line,
                          struct buffer *ret);
