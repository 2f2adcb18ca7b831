/* SPDX-License-Identifier: Apache-2.0 */
/* output.h - one JSON value, printed for people (tables, key and value) or as it is (--json). */
#pragma once

#include "cli/cli.h"
#include "include/bytes.h"

struct column {
    const char *key;   /* in each object */
    const char *title; /* "USER" */
};

/* An array of objects as a table. @rows is borrowed. */
enum cli_exit output_table(const struct cli *cli, json_t *rows, const struct column *columns, size_t count);
/* The head and one row of a table whose rows come one by one: columns are two spaces apart, none is padded. */
void output_titles(const struct column *columns, size_t count);
void output_row(const json_t *row, const struct column *columns, size_t count);
/* An object as lines "key  value"; nested arrays of strings as further lines. */
enum cli_exit output_object(const struct cli *cli, json_t *object);
/* What was done: a sentence for people, @object (taken) with --json. */
enum cli_exit output_done(const struct cli *cli, json_t *object, const char *format, ...) PRINTF_LIKE(3, 4);
/* PEM to the file @path, else (NULL) to standard output; with --json as {"file"} or {"pem"}. */
enum cli_exit output_pem(const struct cli *cli, const char *path, struct bytes pem);
/* A sentence for people only: silent with --json. To standard output. */
void output_say(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
/* "2026-11-21 20:15 UTC"; "-" for 0. */
json_t *output_time(uint64_t unix_seconds);
json_t *output_hex(struct bytes bytes);
