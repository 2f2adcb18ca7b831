/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_tables.c - a reader of just the SQL that schema.c is written in: CREATE TABLE, columns with a {kind}, and
 * constraints that begin with a word in capitals. A table that is altered is refused: an older program would not know
 * what it writes over, nor an older backup what it lacks.
 */
#include "proxy/store/schema_tables.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/table.h"

static const char create_table[] = "CREATE TABLE ";
static const char alter_table[] = "ALTER TABLE ";
static const char primary_key[] = "PRIMARY KEY";

static const struct {
    const char *word;
    enum value_kind kind;
} kinds[] = {
    { "{id}", VALUE_INTEGER },
    { "{number}", VALUE_INTEGER },
    { "{text}", VALUE_TEXT },
    { "{blob}", VALUE_BLOB },
};

/* A table on its way: the lists of its statements. */
struct reading {
    struct schema_table *table;
    struct buffer columns, places;
    struct bytes names[TABLE_COLUMNS_MAX];
};

static bool contains(struct bytes text, const char *word)
{
    return memmem(text.data, text.len, word, strlen(word)) != NULL;
}

static struct bytes first_word(struct bytes text)
{
    size_t len = 0;

    while (len < text.len && (isalnum(text.data[len]) || text.data[len] == '_'))
        len++;
    return BYTES(text.data, len);
}

static char *text_of(struct bytes bytes)
{
    return strndup((const char *)bytes.data, bytes.len);
}

static int set_key(struct schema_table *table, struct bytes columns)
{
    if (table->key)
        return -EINVAL;
    table->key = text_of(columns);
    return table->key ? 0 : -ENOMEM;
}

/* PRIMARY KEY (a, b): what is in the brackets. The others are not needed. */
static int read_constraint(struct reading *reading, struct bytes text)
{
    const uint8_t *open = memchr(text.data, '(', text.len), *close = memrchr(text.data, ')', text.len);

    if (strncmp((const char *)text.data, primary_key, strlen(primary_key)) != 0)
        return 0;
    return open && close ? set_key(reading->table, BYTES(open + 1, close - open - 1)) : -EINVAL;
}

static int read_column(struct reading *reading, struct bytes text)
{
    struct schema_table *table = reading->table;
    struct bytes name = first_word(text);
    char place[24];

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!contains(text, kinds[i].word))
            continue;
        if (table->column_count == TABLE_COLUMNS_MAX)
            return -EINVAL;
        reading->names[table->column_count] = name;
        table->kinds[table->column_count++] = kinds[i].kind;
        snprintf(place, sizeof(place), "%s$%zu", table->column_count > 1 ? ", " : "", table->column_count);
        buffer_append_text(&reading->places, place);
        buffer_append_text(&reading->columns, table->column_count > 1 ? ", " : "");
        buffer_append(&reading->columns, name);
        table->has_id |= i == 0;
        return i == 0 || contains(text, primary_key) ? set_key(table, name) : 0;
    }
    return -EINVAL;
}

/* Calls read_column() or read_constraint() for each part between the table's own commas; @ret_end: behind its ')'. */
static int read_parts(struct reading *reading, const char *text, const char **ret_end)
{
    const char *start = text;
    int depth = 0, r = 0;

    for (; r == 0 && *text && depth >= 0; text++) {
        struct bytes part;

        depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
        if (depth > 0 || (*text != ',' && depth == 0))
            continue;
        while (*start == ' ')
            start++;
        part = BYTES(start, text - start);
        r = isupper(*part.data) ? read_constraint(reading, part) : read_column(reading, part);
        start = text + 1;
    }
    *ret_end = text;
    return r == 0 && depth >= 0 ? -EINVAL : r;
}

/* Which columns the primary key has. */
static int find_keys(struct reading *reading)
{
    struct schema_table *table = reading->table;
    const char *at = table->key;

    for (; *at; at += strspn(at, ", ")) {
        struct bytes name = first_word(bytes_of_text(at));
        size_t column = 0;

        while (column < table->column_count && !bytes_equal(reading->names[column], name))
            column++;
        if (name.len == 0 || column == table->column_count || table->key_count == TABLE_KEYS_MAX)
            return -EINVAL;
        table->keys[table->key_count++] = column;
        at += name.len;
    }
    return 0;
}

static bool is_key(const struct schema_table *table, size_t column)
{
    for (size_t i = 0; i < table->key_count; i++)
        if (table->keys[i] == column)
            return true;
    return false;
}

/* "$1, $2": as many as the key has columns. */
static void append_places(const struct schema_table *table, struct buffer *text)
{
    char place[24];

    for (size_t i = 0; i < table->key_count; i++) {
        snprintf(place, sizeof(place), "%s$%zu", i ? ", " : "", i + 1);
        buffer_append_text(text, place);
    }
}

/* What is not the key, for an insert that meets the row. */
static void append_updates(const struct reading *reading, struct buffer *text)
{
    const char *before = "UPDATE SET ";

    if (reading->table->key_count == reading->table->column_count)
        buffer_append_text(text, "NOTHING");
    for (size_t i = 0; i < reading->table->column_count; i++) {
        if (is_key(reading->table, i))
            continue;
        buffer_append_text(text, before);
        buffer_append(text, reading->names[i]);
        buffer_append_text(text, " = excluded.");
        buffer_append(text, reading->names[i]);
        before = ", ";
    }
}

static int make_page_statements(const struct reading *reading)
{
    struct schema_table *table = reading->table;
    const char *columns = (const char *)reading->columns.data;
    CLEANUP(buffer_clear) struct buffer places = { 0 };
    CLEANUP(buffer_clear) struct buffer updates = { 0 };

    append_places(table, &places);
    append_updates(reading, &updates);
    buffer_append_u8(&places, '\0');
    buffer_append_u8(&updates, '\0');
    if (places.failed || updates.failed ||
        asprintf(&table->first_page, "SELECT %s FROM %s ORDER BY %s LIMIT %d", columns, table->name,
                 table->key, PAGE_ROWS) < 0 ||
        asprintf(&table->next_page, "SELECT %s FROM %s WHERE (%s) > (%s) ORDER BY %s LIMIT %d", columns,
                 table->name, table->key, (const char *)places.data, table->key, PAGE_ROWS) < 0 ||
        asprintf(&table->put, "%s ON CONFLICT (%s) DO %s", table->insert, table->key,
                 (const char *)updates.data) < 0 ||
        asprintf(&table->remove, "DELETE FROM %s WHERE (%s) = (%s)", table->name, table->key,
                 (const char *)places.data) < 0)
        return -ENOMEM;
    return 0;
}

static int make_statements(struct reading *reading)
{
    struct schema_table *table = reading->table;
    int r;

    buffer_append_u8(&reading->columns, '\0');
    buffer_append_u8(&reading->places, '\0');
    if (!table->key || table->column_count == 0)
        return -EINVAL;
    if (reading->columns.failed || reading->places.failed)
        return -ENOMEM;
    if (asprintf(&table->select, "SELECT %s FROM %s ORDER BY %s", (const char *)reading->columns.data,
                 table->name, table->key) < 0 ||
        asprintf(&table->insert, "INSERT INTO %s (%s) VALUES (%s)", table->name,
                 (const char *)reading->columns.data, (const char *)reading->places.data) < 0 ||
        asprintf(&table->count, "SELECT count(*) FROM %s", table->name) < 0)
        return -ENOMEM;
    r = find_keys(reading);
    return r < 0 ? r : make_page_statements(reading);
}

/* @text: behind "CREATE TABLE ". */
static int read_table(const char *text, struct schema_table *table, const char **ret_end)
{
    struct reading reading = { .table = table };
    struct bytes name = first_word(bytes_of_text(text));
    int r;

    table->name = text_of(name);
    if (!table->name)
        return -ENOMEM;
    if (strncmp(text + name.len, " (", 2) != 0)
        return -EINVAL;
    r = read_parts(&reading, text + name.len + 2, ret_end);
    if (r == 0)
        r = make_statements(&reading);
    buffer_clear(&reading.columns);
    buffer_clear(&reading.places);
    return r;
}

static int read_version(const char *text, struct schema_tables *tables)
{
    int r = strstr(text, alter_table) ? -EINVAL : 0;

    while (r == 0 && (text = strstr(text, create_table))) {
        struct schema_table *items = reallocarray(tables->items, tables->count + 1, sizeof(*items));

        if (!items)
            return -ENOMEM;
        tables->items = items;
        items[tables->count] = (struct schema_table){ 0 };
        r = read_table(text + strlen(create_table), &items[tables->count++], &text);
    }
    return r;
}

int schema_tables_new(const struct schema *schema, struct schema_tables *ret)
{
    struct schema_tables tables = { .ends = calloc(schema->version, sizeof(*tables.ends)) };
    int r = tables.ends ? 0 : -ENOMEM;

    for (; r == 0 && tables.version < schema->version; tables.version++) {
        r = read_version(schema->texts[tables.version], &tables);
        tables.ends[tables.version] = tables.count;
    }
    if (r < 0)
        schema_tables_clear(&tables);
    else
        *ret = tables;
    return r;
}

bool schema_tables_is_end(const struct schema_tables *tables, size_t count)
{
    for (unsigned i = 0; i < tables->version; i++)
        if (tables->ends[i] == count)
            return true;
    return false;
}

void schema_tables_clear(struct schema_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        free(tables->items[i].name);
        free(tables->items[i].key);
        free(tables->items[i].select);
        free(tables->items[i].insert);
        free(tables->items[i].count);
        free(tables->items[i].first_page);
        free(tables->items[i].next_page);
        free(tables->items[i].put);
        free(tables->items[i].remove);
    }
    free(tables->items);
    free(tables->ends);
    *tables = (struct schema_tables){ 0 };
}
