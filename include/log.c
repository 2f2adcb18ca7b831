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
    enum log_format format;
} log_state = { "privyseald", LOG_LEVEL_INFO, false, LOG_FORMAT_TEXT };

static const char *const level_words[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

void log_set_format(enum log_format format)
{
    log_state.format = format;
}

void log_open(const char *speaker, enum log_level least)
{
    log_state.speaker = speaker;
    log_state.least = least;
    log_state.is_journal = getenv("JOURNAL_STREAM") != NULL;
}

/* "2026-11-21T20:15:00.123Z" */
static void write_time(char ret[40])
{
    struct timespec now;
    struct tm utc;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret + len, 8, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
}

static size_t write_prefix(char *line, size_t size, enum log_level level, const char *event)
{
    char when[40];
    int len;

    if (log_state.is_journal) {
        len = snprintf(line, size, "<%d>%s: %s ", level, log_state.speaker, event);
        return len < 0 ? 0 : (size_t)len;
    }
    write_time(when);
    len = snprintf(line, size, "%s %s %s: %s ", when, level_words[level], log_state.speaker, event);
    return len < 0 ? 0 : (size_t)len;
}

/* ----------------------------------------------------------------------------------------------------- JSON */

/* Room for the words of a line with every character escaped, and a pair of quotes and two signs more for every field. */
struct json_line {
    char text[5 * LINE_MAX_LEN];
    size_t used;
};

static void json_byte(struct json_line *line, char c)
{
    if (line->used < sizeof(line->text) - 2) /* room for what ends an object and a line */
        line->text[line->used++] = c;
}

/* RFC 8259 7 (Strings). Control characters become "?", as in a line of words. */
static void json_string(struct json_line *line, const char *text, size_t len)
{
    json_byte(line, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            json_byte(line, '\\');
        json_byte(line, c < 0x20 || c == 0x7f ? '?' : text[i]);
    }
    json_byte(line, '"');
}

static void json_member(struct json_line *line, const char *name, size_t name_len, const char *value,
                        size_t len)
{
    json_byte(line, line->used ? ',' : '{');
    json_string(line, name, name_len);
    json_byte(line, ':');
    json_string(line, value, len);
}

/* The fields "key=value key=\"value of words\"" as members. */
static void json_fields(struct json_line *line, const char *text)
{
    while (*text) {
        size_t name_len = strcspn(text, "= "), len;
        const char *value = text + name_len;

        if (*value != '=') {
            text = value + (*value != '\0');
            continue;
        }
        value++;
        len = *value == '"' ? strcspn(value + 1, "\"") : strcspn(value, " ");
        json_member(line, text, name_len, value + (*value == '"'), len);
        text = value + len + 2 * (*value == '"');
        text += *text == ' ';
    }
}

static void write_json(enum log_level level, const char *event, const char *fields)
{
    struct json_line line = { .used = 0 };
    char when[40];

    write_time(when);
    json_member(&line, "time", 4, when, strlen(when));
    json_member(&line, "level", 5, level_words[level], strlen(level_words[level]));
    json_member(&line, "speaker", 7, log_state.speaker, strlen(log_state.speaker));
    json_member(&line, "event", 5, event, strlen(event));
    json_fields(&line, fields);
    line.text[line.used++] = '}';
    line.text[line.used++] = '\n';
    if (write(STDERR_FILENO, line.text, line.used) < 0)
        return; /* nowhere left to say so */
}

/* One write per line, so that lines of several processes do not mix; control characters cannot forge a line. */
static void write_line(enum log_level level, const char *event, const char *format, va_list arguments)
{
    char line[LINE_MAX_LEN];
    size_t used;
    int more;

    if (log_state.format == LOG_FORMAT_JSON) {
        vsnprintf(line, sizeof(line), format, arguments);
        write_json(level, event, line);
        return;
    }
    used = write_prefix(line, sizeof(line) - 1, level, event);

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
