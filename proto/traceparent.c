/* SPDX-License-Identifier: Apache-2.0 */
/* traceparent.c - four fields of fixed length. */
#include "proto/traceparent.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TRACE_AT 3
#define FLAGS_AT 53

static bool is_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* @len lower-case hexadecimal digits, and a dash after them unless they are the last. */
static bool is_field(const char *text, size_t len, bool is_last)
{
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]))
            return false;
    return is_last || text[len] == '-';
}

static bool is_zero(const char *text, size_t len)
{
    while (len && *text == '0') {
        text++;
        len--;
    }
    return len == 0;
}

/* Version 00 ends after its flags; a later one may go on after a dash. 3.2.4 (Versioning of traceparent). */
static bool ends_well(const char *text)
{
    const char *end = text + TRACEPARENT_LEN;

    return *end == '\0' || (*end == '-' && !is_zero(text, 2));
}

bool traceparent_parse(const char *text, char ret[TRACEPARENT_LEN + 1])
{
    if (!is_field(text, 2, false) || (text[0] == 'f' && text[1] == 'f') ||
        !is_field(text + TRACE_AT, TRACE_ID_LEN, false) || is_zero(text + TRACE_AT, TRACE_ID_LEN) ||
        !is_field(text + TRACEPARENT_SPAN_AT, SPAN_ID_LEN, false) ||
        is_zero(text + TRACEPARENT_SPAN_AT, SPAN_ID_LEN) || !is_field(text + FLAGS_AT, 2, true) ||
        !ends_well(text))
        return false;
    snprintf(ret, TRACEPARENT_LEN + 1, "00%.*s", TRACEPARENT_LEN - 2, text + 2);
    return true;
}

void traceparent_trace_id(const char *parsed, char ret[TRACE_ID_LEN + 1])
{
    size_t len = *parsed ? TRACE_ID_LEN : 0;

    memcpy(ret, parsed + (len ? TRACE_AT : 0), len);
    ret[len] = '\0';
}
