/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traceparent.h - which trace of somebody's a call belongs to: a label that is passed on, logged, and decides nothing.
 *
 * Source: W3C Trace Context 3.2 (Traceparent Header), 3.2.2 (traceparent Header Field Values).
 */
#pragma once

#include <stdbool.h>

#define TRACEPARENT_LEN 55 /* "00-" trace id "-" parent id "-" flags */
#define TRACE_ID_LEN    32 /* lower-case hexadecimal digits */
#define SPAN_ID_LEN     16

#define TRACEPARENT_SPAN_AT 36 /* where the parent id stands */

/*
 * Whether @text is a traceparent. Of a version later than 00 only the part that we know is kept, as version 00.
 * @ret: untouched if not.
 */
bool traceparent_parse(const char *text, char ret[TRACEPARENT_LEN + 1]);
/* The trace id in a parsed one; that of an empty one is empty. */
void traceparent_trace_id(const char *parsed, char ret[TRACE_ID_LEN + 1]);
