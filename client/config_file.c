/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_file.c - one configuration file: its lines, its sections, its keys.
 *
 * inih tells its handler neither line numbers nor sections without keys, and cuts long lines silently. So the reader
 * that feeds it looks at every line first: it counts, notes where sections begin, and refuses what would be cut.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <string.h>

#include "client/config_parse.h"
#include "include/bytes.h"
#include "include/spelling.h"
#include "include/table.h"
#include "proto/limits.h"
#include "proto/name.h"

#define CONFIG_LINE_MAX (INI_MAX_LINE - 2) /* inih's buffer without newline and NUL */

/* An array of sections of one kind, as struct client_config holds it. */
struct config_section {
    const char *word;
    bool has_name;
    size_t array, count; /* offsets in struct client_config */
    size_t entry_size;
    size_t limit;
};

static const struct config_section config_sections[SECTIONS] = {
    [SECTION_CLIENT] = { "client", false, 0, 0, 0, 0 },
    [SECTION_DEPLOYMENT] = { "deployment", true, offsetof(struct client_config, deployment),
                             offsetof(struct client_config, deployment_count),
                             sizeof(struct deployment_config), 64 },
    [SECTION_IDENTITY] = { "identity", true, offsetof(struct client_config, identity),
                           offsetof(struct client_config, identity_count), sizeof(struct identity_config),
                           64 },
    [SECTION_TOKEN] = { "token", true, offsetof(struct client_config, token),
                        offsetof(struct client_config, token_count), sizeof(struct token_config),
                        CONFIG_TOKENS_MAX },
};

/* ---------------------------------------------------------------------------------------------------- sections */

/* Every entry starts with its name: that is what lets one function serve all arrays. */
static char **entry_name(void *array, const struct config_section *kind, size_t index)
{
    return (char **)((char *)array + index * kind->entry_size);
}

static bool append_entry(struct config_parse *parse, const struct config_section *kind, void **array,
                         size_t *count, const char *name)
{
    CLEANUP(free_string) char *copy = strdup(name);
    void *larger;

    if (*count == kind->limit) {
        config_error(parse, config_text("at most %zu [%s] sections", kind->limit, kind->word));
        return false;
    }
    larger = realloc(*array, (*count + 1) * kind->entry_size);
    if (larger)
        *array = larger;
    if (!larger || !copy) {
        config_error(parse, NULL);
        return false;
    }
    memset(entry_name(larger, kind, *count), 0, kind->entry_size);
    *entry_name(larger, kind, (*count)++) = TAKE(copy);
    return true;
}

/* Enters [@kind @name], making it at its first mention: the order of mention is the order of slots. */
static void enter_section(struct config_parse *parse, const struct config_section *kind, const char *name)
{
    void **array = (void **)((char *)parse->config + kind->array);
    size_t *count = (size_t *)((char *)parse->config + kind->count);

    parse->section = (enum section)(kind - config_sections);
    parse->word = kind->word;
    if (!kind->has_name)
        return;
    for (parse->index = 0; parse->index < *count; parse->index++)
        if (strcmp(*entry_name(*array, kind, parse->index), name) == 0)
            return;
    if (!append_entry(parse, kind, array, count, name) || parse->section != SECTION_DEPLOYMENT)
        return;
    parse->config->deployment[parse->index].connect_timeout_ms = 5000;
    parse->config->deployment[parse->index].login_timeout_ms = 30000;
    parse->config->deployment[parse->index].sign_timeout_ms = 15000;
}

static void unknown_section(struct config_parse *parse, const char *word)
{
    const struct config_section *section;
    const char *nearest = NULL;
    unsigned least = UINT_MAX;

    for (EACH_ROW(section, config_sections)) {
        unsigned distance = spelling_distance(word, section->word);

        if (distance < least) {
            least = distance;
            nearest = section->word;
        }
    }
    config_error(parse, config_text("unknown section \"%s\"; did you mean [%s%s]?", word, nearest,
                                    strcmp(nearest, "client") == 0 ? "" : " NAME"));
}

/* @text: what stands between the brackets; "token anna", perhaps with spaces or quotes around the name. */
static void begin_section(struct config_parse *parse, char *text)
{
    const struct config_section *kind;
    char *word = text + strspn(text, " \t"), *name = word + strcspn(word, " \t"), *end;

    parse->keys_seen = 0;
    parse->section = SECTIONS;
    if (*name)
        *name++ = '\0';
    name += strspn(name, " \t");
    for (end = name + strlen(name); end > name && isspace((unsigned char)end[-1]);)
        *--end = '\0';
    for (EACH_ROW(kind, config_sections)) {
        if (strcmp(kind->word, word) != 0)
            continue;
        if (kind->has_name && !name_is_valid(bytes_of_text(name)))
            config_error(parse,
                         config_text("expected [%s NAME], a name of 1 to %d bytes without colon, slash "
                                     "or quote",
                                     word, NAME_MAX_LEN));
        else if (!kind->has_name && *name)
            config_error(parse, config_text("expected [%s], without a name", word));
        else
            enter_section(parse, kind, name);
        return;
    }
    unknown_section(parse, word);
}

/* ----------------------------------------------------------------------------------------------------- reading */

/* Looks at a line before inih does; see the head of this file. */
static void watch_line(struct config_parse *parse, const char *line)
{
    CLEANUP(free_string) char *copy = NULL;
    const char *start = line + strspn(line, " \t\r\n");
    char *end;

    if (parse->line == 1 && strncmp(start, "\xef\xbb\xbf", 3) == 0)
        start += 3;
    parse->is_continued = start > line && *start;
    /* "[::1]:8443" in an indented line goes on with the endpoints before it. */
    if (*start != '[' || (parse->is_continued && parse->keys_seen))
        return;
    copy = strdup(start + 1);
    end = copy ? strchr(copy, ']') : NULL;
    if (!end) {
        config_error(parse, copy ? strdup("expected \"]\" at the end of the section's name") : NULL);
        return;
    }
    *end = '\0';
    begin_section(parse, copy);
}

/* fgets() for inih, which gives room for INI_MAX_LINE bytes. */
static char *read_line(char *text, int size, void *cookie)
{
    struct config_parse *parse = cookie;
    size_t len;

    if (parse->why || !fgets(text, size, parse->file))
        return NULL;
    parse->line++;
    len = strlen(text);
    if (len + 1 == (size_t)size && text[len - 1] != '\n') {
        config_error(parse, config_text("expected a line of at most %d bytes", CONFIG_LINE_MAX));
        return NULL;
    }
    watch_line(parse, text);
    return parse->why ? NULL : text;
}

static void take_key(struct config_parse *parse, void *entry, const char *name, const char *value)
{
    unsigned bit;
    const struct config_key *key = config_key_find(parse, name, &bit);

    if (!key) {
        config_error(parse, config_text("[%s] has no key \"%s\"; did you mean \"%s\"?", parse->word, name,
                                        config_key_nearest(parse, name)));
        return;
    }
    parse->is_continued = parse->is_continued && (parse->keys_seen & bit);
    if ((parse->keys_seen & bit) && !(parse->is_continued && key->may_continue))
        config_error(parse, config_text("expected \"%s\" once in a section, on one line (an indented line "
                                        "continues the one before)",
                                        name));
    else if (!*value)
        config_expected(parse, key);
    else
        key->set(parse, key, (char *)entry + key->offset, value);
    parse->keys_seen |= bit;
}

/* inih's handler for "name = value"; non-zero is success. */
static int take_value(void *cookie, const char *section, const char *name, const char *value)
{
    struct config_parse *parse = cookie;
    const struct config_section *kind = &config_sections[parse->section];
    char *entry = (char *)parse->config;

    (void)section;
    if (parse->why)
        return 1;
    if (parse->section == SECTIONS) {
        config_error(parse, strdup("expected a section such as [deployment NAME] before the first key"));
        return 1;
    }
    if (kind->has_name)
        entry = (char *)entry_name(*(void **)(entry + kind->array), kind, parse->index);
    take_key(parse, entry, name, value);
    return 1;
}

int config_read_file(struct client_config *config, const char *path, char **why)
{
    struct config_parse parse = { .config = config, .path = path, .section = SECTIONS, .word = "" };
    char *files;
    int r;

    parse.file = fopen(path, "re");
    if (!parse.file) {
        r = -errno;
        *why = config_text("%s: %s", path, strerror(-r));
        return r;
    }
    r = ini_parse_stream(read_line, &parse, take_value, &parse);
    /* inih goes on after a line it cannot read and tells the first one's number at the end. */
    if (r > 0 && (!parse.why || r < parse.line)) {
        free(parse.why);
        parse.why = NULL;
        parse.line = r;
        config_error(&parse, strdup("expected \"name = value\" or \"[section]\""));
    } else if (ferror(parse.file)) {
        config_error(&parse, config_text("cannot be read: %s", strerror(errno)));
    }
    fclose(parse.file);
    if (parse.why) {
        *why = parse.why;
        return -EINVAL;
    }
    files = config_text("%s%s\n", config->files ? config->files : "", path);
    if (!files)
        return -ENOMEM;
    free(config->files);
    config->files = files;
    return 0;
}
