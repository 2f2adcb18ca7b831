/* SPDX-License-Identifier: Apache-2.0 */
/* forward_format.c - records as the journal and as syslog have them. */
#include "proxy/audit/forward_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "include/log.h"
#include "include/table.h"

#define FACILITY_AUDIT 13 /* RFC 5424 6.2.1 (PRI): log audit */
#define TAG            "privyseald-audit"

static enum log_level level_of(const struct audit_record *record)
{
    if (strcmp(record->result, "OK") == 0)
        return LOG_LEVEL_NOTICE;
    return strcmp(record->result, "INTEGRITY") == 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
}

/* ------------------------------------------------------------------------------------------------- journal */

/* A value with a line's end has its length before it, 8 bytes, little-endian. */
static void append_field(struct buffer *out, const char *name, struct bytes value)
{
    uint64_t len = value.len;

    buffer_append_text(out, name);
    if (value.len && memchr(value.data, '\n', value.len)) {
        buffer_append_u8(out, '\n');
        for (unsigned i = 0; i < 8; i++)
            buffer_append_u8(out, (uint8_t)(len >> (8 * i)));
    } else {
        buffer_append_u8(out, '=');
    }
    buffer_append(out, value);
    buffer_append_u8(out, '\n');
}

void format_journal(const struct audit_record *record, const struct log_name *log, struct bytes line,
                    struct buffer *ret)
{
    char name[LOG_TEXT_MAX], priority[2] = { (char)('0' + level_of(record)), '\0' }, sequence[24];
    const struct {
        const char *name, *value;
    } fields[] = {
        { "PRIORITY", priority },
        { "SYSLOG_IDENTIFIER", TAG },
        { "PRIVYSEAL_LOG", name },
        { "PRIVYSEAL_SEQUENCE", sequence },
        { "PRIVYSEAL_EVENT", record->event },
        { "PRIVYSEAL_RESULT", record->result },
        { "PRIVYSEAL_PRINCIPAL", record->principal },
        { "PRIVYSEAL_TOKEN", record->token },
        { "PRIVYSEAL_PEER", record->peer },
        { "PRIVYSEAL_REQUEST", record->request_id },
        { "PRIVYSEAL_CLIENT_REQUEST", record->client_request_id },
        { "PRIVYSEAL_TRACE", record->trace_id },
    };

    log_name_text(log, name);
    snprintf(sequence, sizeof(sequence), "%" PRIu64, record->sequence);
    append_field(ret, "MESSAGE", line);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (fields[i].value && *fields[i].value)
            append_field(ret, fields[i].name, bytes_of_text(fields[i].value));
}

/* -------------------------------------------------------------------------------------------------- syslog */

void format_syslog(const struct audit_record *record, const struct log_name *log, struct bytes line,
                   struct buffer *ret)
{
    time_t seconds = (time_t)(record->time_us / 1000000);
    char when[32] = "-", head[256];
    struct tm utc;

    if (gmtime_r(&seconds, &utc))
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(head, sizeof(head), "<%d>1 %s.%06uZ %s " TAG " %ld %s - ",
             FACILITY_AUDIT * 8 + (int)level_of(record), when, (unsigned)(record->time_us % 1000000),
             log->proxy, (long)getpid(), record->event);
    buffer_append_text(ret, head);
    buffer_append(ret, line);
}

void format_syslog_stream(const struct audit_record *record, const struct log_name *log, struct bytes line,
                          struct buffer *ret)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    char count[24];

    format_syslog(record, log, line, &message);
    snprintf(count, sizeof(count), "%zu ", message.len);
    buffer_append_text(ret, count);
    buffer_append(ret, buffer_bytes(&message));
    ret->failed |= message.failed;
}
