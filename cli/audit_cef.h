/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_cef.h - a record in the Common Event Format, which event managers read.
 * Source: ArcSight Common Event Format, version 25 (Header Information; Character Encoding; Extension Dictionary).
 */
#pragma once

#include <jansson.h>

#include "include/bytes.h"
#include "proto/log_name.h"

/* One line without its "\n", appended. */
void audit_cef_append(const json_t *record, const struct log_name *log, struct buffer *ret);
