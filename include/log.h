/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - structured logging of the daemon and its children: an event name and key=value fields, one line each.
 *
 * Functions return errors; the one place that ends a request logs it, once. No function here takes a struct secret
 * or raw bytes. Lines go to standard error with an RFC 5424 severity prefix "<N>" when it is journald's, else with
 * time and level in words. What a client can trigger passes through log_event_limited().
 */
#pragma once

#include "include/cleanup.h"

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* What a line looks like: words, or one JSON object a line with the fields as members. Children inherit it. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
void log_set_format(enum log_format format);
/* Once, at start: who speaks ("front", "signer 0"), and the least severe level that is written. */
void log_open(const char *speaker, enum log_level least);
/* One line: "event key=value ...". Values with spaces are quoted by the caller (%s with text it trusts). */
void log_event(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same, at most @per_minute lines of this event a minute; says how many it dropped. */
void log_event_limited(enum log_level level, unsigned per_minute, const char *event, const char *format, ...)
    PRINTF_LIKE(4, 5);
