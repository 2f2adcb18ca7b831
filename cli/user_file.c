/* SPDX-License-Identifier: Apache-2.0 */
/* user_file.c - fields become users; a file with one fault is not begun with, and tells all of them. */
#include "cli/user_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "include/table.h"
#include "proto/name.h"
#include "proto/token_policy.h"

#define FAULTS_SAID 20 /* the rest is counted */
#define HOURS_MAX   2160

void user_file_clear(struct user_file *file)
{
    free(file->users);
    *file = (struct user_file){ 0 };
}

/* A file on its way in. */
struct user_reader {
    struct cli *cli;
    const char *path;
    struct user_file *file;
    unsigned faults;
};

static void fault(struct user_reader *reader, unsigned line, const char *what, const char *column,
                  const char *value, const char *expected)
{
    if (reader->faults++ >= FAULTS_SAID)
        return;
    fprintf(stderr, "%s:%u: %s%s%s%s%s%s%s\n", reader->path, line, column ? column : "",
            column ? " = \"" : "", value ? value : "", column ? "\": " : "", what, expected ? " " : "",
            expected ? expected : "");
}

/* ----------------------------------------------------------------------------------------------- the columns */

typedef const char *take_fn(struct new_user *user, const char *value); /* NULL, or what was expected */

static const char *take_user(struct new_user *user, const char *value)
{
    if (!name_is_valid(bytes_of_text(value)))
        return "1 to 32 bytes, no colon, slash, quote or backslash, no space at the ends";
    strcpy(user->user, value); /* name_is_valid: at most NAME_MAX_LEN */
    return NULL;
}

static const char *take_custody(struct new_user *user, const char *value)
{
    bool is_partition = strcmp(value, "partition") == 0;

    user->custody =
        is_partition ? PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION : PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED;
    return is_partition || strcmp(value, "wrapped") == 0 ? NULL : "wrapped or partition";
}

static const char *take_hours(struct new_user *user, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    unsigned long hours = digits && digits < 6 && !value[digits] ? strtoul(value, NULL, 10) : 0;

    user->hours = (uint32_t)hours;
    return hours >= 1 && hours <= HOURS_MAX ? NULL : "a number from 1 to 2160";
}

static const char *take_groups(struct new_user *user, const char *value)
{
    for (;;) {
        size_t len = strcspn(value, ";");

        if (user->group_count == GROUPS_PER_TOKEN_MAX || !name_is_valid(BYTES(value, len)))
            return "up to 8 names of groups with ; between them";
        memcpy(user->groups[user->group_count++], value, len); /* zeroed behind */
        if (!value[len])
            return NULL;
        value += len + 1;
    }
}

static const struct column_row {
    const char *name;
    take_fn *take;
} columns[] = {
    { "user", take_user },
    { "custody", take_custody },
    { "hours", take_hours },
    { "group", take_groups },
};

/* A setting of the policy is a column of its own. */
static const char *take_setting(struct new_user *user, const char *name, const char *value)
{
    const char *expected = NULL;

    if (token_policy_set(&user->policy, name, value, &expected) < 0)
        return expected;
    for (size_t i = 0; token_policy_key_at(i); i++)
        if (strcmp(token_policy_key_at(i), name) == 0)
            user->set[user->set_count++] = token_policy_key_at(i);
    return NULL;
}

static const struct column_row *find_column(const char *name)
{
    const struct column_row *row;

    for (EACH_ROW(row, columns))
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static bool is_setting(const char *name)
{
    for (size_t i = 0; token_policy_key_at(i); i++)
        if (strcmp(token_policy_key_at(i), name) == 0)
            return true;
    return false;
}

static void take(struct user_reader *reader, struct new_user *user, const char *name, const char *value)
{
    const struct column_row *column = find_column(name);
    const char *expected;

    if (!*value)
        return;
    expected = column ? column->take(user, value) : take_setting(user, name, value);
    if (expected)
        fault(reader, user->line, "expected", name, value, expected);
}

static bool check_column(struct user_reader *reader, unsigned line, const char *name)
{
    bool is_known = find_column(name) || is_setting(name);

    if (!is_known)
        fault(reader, line,
              "there is no such column; they are user, custody, group, hours and the settings of "
              "`privyseal policy show`",
              "column", name, NULL);
    return is_known;
}

/* A column of its own for each: the second would take the first one's place, silently. */
static bool check_columns(struct user_reader *reader, unsigned line, const struct csv_record *head)
{
    for (size_t i = 0; i < head->count; i++) {
        if (!check_column(reader, line, head->field[i]))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(head->field[i], head->field[j]) != 0)
                continue;
            fault(reader, line, "stands there twice", "column", head->field[i], NULL);
            return false;
        }
    }
    return true;
}

static struct new_user *next_user(struct user_reader *reader, unsigned line)
{
    struct user_file *file = reader->file;

    if (file->count == file->room) {
        size_t room = file->room ? 2 * file->room : 256;
        void *more = reallocarray(file->users, room, sizeof(*file->users));

        if (!more)
            return NULL;
        file->users = more;
        file->room = room;
    }
    file->users[file->count] = (struct new_user){ .line = line };
    return &file->users[file->count++];
}

/* ------------------------------------------------------------------------------------------------- the formats */

static int read_rows(struct user_reader *reader, FILE *stream, const struct csv_record *head, unsigned *line)
{
    for (;;) {
        CLEANUP(csv_record_clear) struct csv_record record = { 0 };
        struct new_user *user;
        int r = csv_read(stream, line, &record);

        if (r == -EBADMSG || (r > 0 && record.count != head->count)) {
            fault(reader, *line, "this line has other fields than the first", NULL, NULL, NULL);
            continue;
        }
        if (r <= 0)
            return r;
        user = next_user(reader, record.line);
        if (!user)
            return -ENOMEM;
        for (size_t i = 0; i < record.count; i++)
            take(reader, user, head->field[i], record.field[i]);
    }
}

static int read_csv(struct user_reader *reader, FILE *stream)
{
    CLEANUP(csv_record_clear) struct csv_record head = { 0 };
    unsigned line = 0;
    int r = csv_read(stream, &line, &head);

    if (r <= 0) {
        fault(reader, line, "expected a line with the names of the columns", NULL, NULL, NULL);
        return r == -EBADMSG ? 0 : r;
    }
    return check_columns(reader, line, &head) ? read_rows(reader, stream, &head, &line) : 0;
}

static int read_object(struct user_reader *reader, json_t *object, unsigned number)
{
    struct new_user *user = next_user(reader, number);
    const char *name;
    json_t *value;

    if (!user)
        return -ENOMEM;
    json_object_foreach (object, name, value) {
        char digits[24];

        snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        if (!check_column(reader, number, name))
            continue;
        if (!json_is_string(value) && !json_is_integer(value))
            fault(reader, number, "expected text or a number", name, "", NULL);
        else
            take(reader, user, name, json_is_string(value) ? json_string_value(value) : digits);
    }
    return 0;
}

static int read_json(struct user_reader *reader, FILE *stream)
{
    json_error_t error;
    CLEANUP(json_decref) json_t *list = json_loadf(stream, JSON_REJECT_DUPLICATES, &error);
    json_t *object;
    size_t i;

    if (!json_is_array(list)) {
        fault(reader, (unsigned)(list ? 1 : error.line), list ? "expected an array of objects" : error.text,
              NULL, NULL, NULL);
        return 0;
    }
    json_array_foreach (list, i, object) {
        int r = read_object(reader, object, (unsigned)i + 1);

        if (r < 0)
            return r;
    }
    return 0;
}

/* JSON begins with a bracket, which no name of a column does. */
static int read_stream(struct user_reader *reader, FILE *stream)
{
    int first;

    do
        first = getc(stream);
    while (first == ' ' || first == '\n' || first == '\r' || first == '\t');
    if (first == EOF)
        return 0;
    ungetc(first, stream);
    return first == '[' || first == '{' ? read_json(reader, stream) : read_csv(reader, stream);
}

/* -------------------------------------------------------------------------------------------------- the whole */

static int compare_names(const void *a, const void *b)
{
    const struct new_user *const *left = a, *const *right = b;

    return strcmp((*left)->user, (*right)->user);
}

/* Each has a name, and its own. */
static int check_names(struct user_reader *reader)
{
    const struct user_file *file = reader->file;
    CLEANUP(free) void *memory = calloc(file->count + 1, sizeof(struct new_user *));
    const struct new_user **sorted = memory;

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < file->count; i++)
        sorted[i] = &file->users[i];
    qsort(sorted, file->count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < file->count; i++) {
        if (!*sorted[i]->user)
            fault(reader, sorted[i]->line, "the user has no (good) name", NULL, NULL, NULL);
        else if (i > 0 && strcmp(sorted[i - 1]->user, sorted[i]->user) == 0)
            fault(reader, sorted[i]->line, "stands in the file twice", "user", sorted[i]->user, NULL);
    }
    return 0;
}

enum cli_exit user_file_read(struct cli *cli, const char *path, struct user_file *ret)
{
    struct user_reader reader = { .cli = cli, .path = path, .file = ret };
    FILE *stream = fopen(path, "re");
    int r;

    if (!stream)
        return cli_fail(cli, CLI_REFUSED, "It is a list of users, CSV or JSON: privyseal(1) describes it.",
                        "%s: %s", path, strerror(errno));
    r = read_stream(&reader, stream);
    fclose(stream);
    if (r == 0)
        r = check_names(&reader);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "It is a list of users, CSV or JSON: privyseal(1) describes it.",
                        "%s: %s", path, strerror(-r));
    if (reader.faults)
        return cli_fail(cli, CLI_USAGE, "Nothing was done. Mend the file and run the command again.",
                        "%s: %u fault%s", path, reader.faults, reader.faults == 1 ? "" : "s");
    if (ret->count == 0)
        return cli_fail(cli, CLI_USAGE, NULL, "%s names no users", path);
    return CLI_DONE;
}
