/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - printing results. */
#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/ca.h"

#define CELL_MAX    512
#define COLUMNS_MAX 12

/* A value as people read it. */
static void cell_text(const json_t *value, char *ret, size_t size)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        snprintf(ret, size, "%s", json_string_length(value) ? json_string_value(value) : "-");
        break;
    case JSON_INTEGER:
        snprintf(ret, size, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        snprintf(ret, size, "%.1f", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        snprintf(ret, size, "%s", json_is_true(value) ? "yes" : "no");
        break;
    default:
        snprintf(ret, size, "-");
        break;
    }
}

static void row_cell(const json_t *row, const struct column *column, char *ret, size_t size)
{
    const json_t *value = json_object_get(row, column->key);

    if (value)
        cell_text(value, ret, size);
    else
        snprintf(ret, size, "-");
}

/* How many columns of a terminal @text takes: bytes that continue a UTF-8 character take none. */
static int text_width(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_padded(const char *text, int width, bool is_last)
{
    fputs(text, stdout);
    for (int i = text_width(text); !is_last && i < width + 2; i++)
        putchar(' ');
}

static enum cli_exit print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
    putchar('\n');
    return CLI_DONE;
}

enum cli_exit output_table(const struct cli *cli, json_t *rows, const struct column *columns, size_t count)
{
    int widths[COLUMNS_MAX] = { 0 };
    char cell[CELL_MAX];
    json_t *row;
    size_t i;

    if (cli->is_json)
        return print_json(rows);
    for (size_t c = 0; c < count; c++)
        widths[c] = text_width(columns[c].title);
    json_array_foreach (rows, i, row)
        for (size_t c = 0; c < count; c++) {
            row_cell(row, &columns[c], cell, sizeof(cell));
            widths[c] = text_width(cell) > widths[c] ? text_width(cell) : widths[c];
        }
    for (size_t c = 0; c < count; c++)
        print_padded(columns[c].title, widths[c], c + 1 == count);
    putchar('\n');
    json_array_foreach (rows, i, row) {
        for (size_t c = 0; c < count; c++) {
            row_cell(row, &columns[c], cell, sizeof(cell));
            print_padded(cell, widths[c], c + 1 == count);
        }
        putchar('\n');
    }
    return CLI_DONE;
}

void output_titles(const struct column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? "  " : "", columns[i].title);
    putchar('\n');
}

void output_row(const json_t *row, const struct column *columns, size_t count)
{
    char cell[CELL_MAX];

    for (size_t i = 0; i < count; i++) {
        row_cell(row, &columns[i], cell, sizeof(cell));
        printf("%s%s", i ? "  " : "", cell);
    }
    putchar('\n');
}

/* Keys are words with underscores in JSON, and with spaces for people. */
static void print_key(const char *key, int width)
{
    int used = 0;

    for (; *key; key++, used++)
        putchar(*key == '_' ? ' ' : *key);
    for (; used < width + 2; used++)
        putchar(' ');
}

/* An object's values side by side. */
static void print_values(const json_t *object)
{
    const char *key, *between = "";
    char cell[CELL_MAX];
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        cell_text(value, cell, sizeof(cell));
        printf("%s%s", between, cell);
        between = "  ";
    }
}

/* Values, or objects, under each other. */
static void print_list(const json_t *list, int width)
{
    char cell[CELL_MAX];
    const json_t *entry;
    size_t i;

    json_array_foreach (list, i, entry) {
        if (i)
            printf("%*s", width + 2, "");
        if (json_is_object(entry)) {
            print_values(entry);
        } else {
            cell_text(entry, cell, sizeof(cell));
            fputs(cell, stdout);
        }
        putchar('\n');
    }
    if (json_array_size(list) == 0)
        puts("-");
}

enum cli_exit output_object(const struct cli *cli, json_t *object)
{
    char cell[CELL_MAX];
    const char *key;
    json_t *value;
    int width = 0;

    if (cli->is_json)
        return print_json(object);
    json_object_foreach (object, key, value)
        width = (int)strlen(key) > width ? (int)strlen(key) : width;
    json_object_foreach (object, key, value) {
        print_key(key, width);
        if (json_is_array(value)) {
            print_list(value, width);
            continue;
        }
        cell_text(value, cell, sizeof(cell));
        puts(cell);
    }
    return CLI_DONE;
}

enum cli_exit output_done(const struct cli *cli, json_t *object, const char *format, ...)
{
    CLEANUP(json_decref) json_t *owned = object;
    va_list arguments;

    if (cli->is_json)
        return print_json(owned);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    return CLI_DONE;
}

enum cli_exit output_pem(const struct cli *cli, const char *path, struct bytes pem)
{
    CLEANUP(json_decref) json_t *object = NULL;
    CLEANUP(free_string) char *why = NULL;

    if (path && ca_write_file(path, 0644, pem, &why) < 0)
        return cli_fail(cli, CLI_REFUSED, "Choose a place that can be written to.", "%s", why ? why : path);
    if (!cli->is_json) /* main() looks at what became of standard output */
        return path || fwrite(pem.data, 1, pem.len, stdout) == pem.len ? CLI_DONE : CLI_REFUSED;
    object = path ? json_pack("{s:s}", "file", path) : json_pack("{s:s%}", "pem", pem.data, pem.len);
    return print_json(object);
}

void output_say(const struct cli *cli, const char *format, ...)
{
    va_list arguments;

    if (cli->is_json)
        return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

json_t *output_time(uint64_t unix_seconds)
{
    time_t when = (time_t)unix_seconds;
    char text[32] = "-";
    struct tm utc;

    if (unix_seconds && gmtime_r(&when, &utc))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

json_t *output_hex(struct bytes bytes)
{
    char text[2 * 256 + 1];

    hex_encode(BYTES(bytes.data, bytes.len > 256 ? 256 : bytes.len), text);
    return json_string(text);
}
