/* SPDX-License-Identifier: Apache-2.0 */
/* csv.h - comma-separated values (RFC 4180): fields in quotes where need be, a quote in them doubled. */
#pragma once

#include <stdio.h>

#include "include/cleanup.h"

#define CSV_FIELDS_MAX 32

/* One record. The fields point into it. */
struct csv_record {
    char *text;
    char *field[CSV_FIELDS_MAX];
    size_t count;
    unsigned line; /* where it began */
};

void csv_record_clear(struct csv_record *record);
DEFINE_CLEAR(csv_record_clear, struct csv_record);
/*
 * The next record of @file; empty lines are passed over. @line: the lines read so far, counted on.
 * Returns 1, or 0 at the end. Errors: -EBADMSG (no such format: @ret->line says where), -ENOMEM, -EIO.
 */
MUST_CHECK int csv_read(FILE *file, unsigned *line, struct csv_record *ret);
/* One field, in quotes if it needs them; and what stands between two. */
void csv_write_field(FILE *file, const char *text);
