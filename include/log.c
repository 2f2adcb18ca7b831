/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - lines to standard error. The one piece of process-wide state outside a context: a log is where a process
 * speaks, like standard error itself.
 */
#include "include/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "include/table.h"

#define LINE_MAX_LEN   1024
#define LIMITED_EVENTS 32 /* distinct limited events that are counted apart */

static struct {
    const char *speaker;
    enum log_level least;
    bool is_journal;
} log_state = { "privyseald", LOG_LEVEL_INFO, false };

static const char *const level_words[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

void log_open(const char *speaker, enum log_level least)
{
    log_state.speaker = speaker;
    log_state.least = least;
    log_state.is_journal = getenv("JOURNAL_STREAM") != NULL;
}

static size_t write_prefix(char *line, size_t size, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm utc;
    char when[32];
    int len;

    if (log_state.is_journal) {
        len = snprintf(line, size, "<%d>%s: %s ", level, log_state.speaker, event);
        return len < 0 ? 0 : (size_t)len;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    len = snprintf(line, size, "%s.%03ldZ %s %s: %s ", when, now.tv_nsec / 1000000, level_words[level],
                   log_state.speaker, event);
    return len < 0 ? 0 : (size_t)len;
}

/* One write per line, so that lines of several processes do not mix; control characters cannot forge a line. */
static void write_line(enum log_level level, const char *event, const char *format, va_list arguments)
{
    char line[LINE_MAX_LEN];
    size_t used = write_prefix(line, sizeof(line) - 1, level, event);
    int more;

    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    more = vsnprintf(line + used, sizeof(line) - 1 - used, format, arguments);
    if (more > 0)
        used += (size_t)more < sizeof(line) - 1 - used ? (size_t)more : sizeof(line) - 2 - used;
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0)
        return; /* nowhere left to say so */
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    va_list arguments;

    if (level > log_state.least)
        return;
    va_start(arguments, format);
    write_line(level, event, format, arguments);
    va_end(arguments);
}

struct limited {
    const char *event;
    int64_t minute;
    unsigned said, dropped;
};

/* The counter of @event in this minute; NULL when the table is full of others. */
static struct limited *limited_find(const char *event, unsigned *dropped_before)
{
    static struct limited events[LIMITED_EVENTS];
    struct timespec now;
    struct limited *row;

    clock_gettime(CLOCK_MONOTONIC, &now);
    for (EACH_ROW(row, events)) {
        if (row->event && strcmp(row->event, event) != 0)
            continue;
        if (row->minute != now.tv_sec / 60 || !row->event) {
            *dropped_before = row->dropped;
            *row = (struct limited){ .event = event, .minute = now.tv_sec / 60 };
        }
        return row;
    }
    return NULL;
}

void log_event_limited(enum log_level level, unsigned per_minute, const char *event, const char *format, ...)
{
    unsigned dropped = 0;
    struct limited *row;
    va_list arguments;

    if (level > log_state.least)
        return;
    row = limited_find(event, &dropped);
    if (dropped)
        log_event(level, event, "dropped=%u", dropped);
    if (!row || row->said >= per_minute) {
        if (row)
            row->dropped++;
        return;
    }
    row->said++;
    va_start(arguments, format);
    write_line(level, event, format, arguments);
    va_end(arguments);
}
