/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - reads the client's configuration files into one struct client_config.
 *
 * inih tells its handler neither line numbers nor sections without keys, and cuts long lines silently. So the reader
 * that feeds it looks at every line first: it counts, notes where sections begin, and refuses what would be cut.
 */
#include "client/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/bytes.h"
#include "include/table.h"
#include "proto/limits.h"
#include "proto/name.h"

#define CONFIG_SYSTEM_FILE "/etc/privyseal/pkcs11.conf"
#define CONFIG_USER_FILE   "privyseal/pkcs11.conf" /* below $XDG_CONFIG_HOME or ~/.config */
#define CONFIG_LINE_MAX    (INI_MAX_LINE - 2)      /* inih's buffer without newline and NUL */

enum section { SECTION_CLIENT, SECTION_DEPLOYMENT, SECTION_IDENTITY, SECTION_TOKEN, SECTIONS };

/* One file being read. */
struct config_parse {
    struct client_config *config;
    const char *path;
    FILE *file;
    int line;
    bool at_line_start;
    bool is_continued;    /* the line begins with white space: it goes on with the value before */
    const char *word;     /* of the section we are in: "token" */
    enum section section; /* SECTIONS: before the first */
    size_t index;         /* of the entry in its array */
    unsigned keys_seen;   /* bit per row of config_keys[]: what this section has given in this file */
    char *why;            /* the first error; nothing is taken afterwards */
};

struct config_key;
typedef void config_setter(struct config_parse *parse, const struct config_key *key, void *field,
                           const char *value);

struct config_key {
    enum section section;
    const char *name;
    size_t offset;
    config_setter *set;
    const char *expected; /* ends the sentence "FILE:LINE: expected ..." */
};

static config_setter set_text, set_path, set_name, set_endpoints, set_endpoint_order, set_timeout, set_tokens,
    set_debug;

static const struct config_key config_keys[] = {
    { SECTION_CLIENT, "tokens", offsetof(struct client_config, tokens_all), set_tokens,
      "tokens = all, or tokens = listed" },
    { SECTION_CLIENT, "debug", offsetof(struct client_config, debug), set_debug, "debug = FILE or stderr" },
    { SECTION_DEPLOYMENT, "realm", offsetof(struct deployment_config, realm), set_name,
      "realm = NAME, 1 to 32 bytes without colon, slash or quote" },
    { SECTION_DEPLOYMENT, "endpoints", 0, set_endpoints,
      "endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { SECTION_DEPLOYMENT, "endpoint_order", offsetof(struct deployment_config, is_balanced),
      set_endpoint_order, "endpoint_order = listed, or endpoint_order = balanced" },
    { SECTION_DEPLOYMENT, "ca", offsetof(struct deployment_config, ca), set_path, "ca = a PEM file" },
    { SECTION_DEPLOYMENT, "connect_timeout_ms", offsetof(struct deployment_config, connect_timeout_ms),
      set_timeout, "connect_timeout_ms = 100 to 600000" },
    { SECTION_DEPLOYMENT, "login_timeout_ms", offsetof(struct deployment_config, login_timeout_ms),
      set_timeout, "login_timeout_ms = 100 to 600000" },
    { SECTION_DEPLOYMENT, "sign_timeout_ms", offsetof(struct deployment_config, sign_timeout_ms), set_timeout,
      "sign_timeout_ms = 100 to 600000" },
    { SECTION_IDENTITY, "deployment", offsetof(struct identity_config, deployment), set_name,
      "deployment = NAME of a [deployment NAME] section" },
    { SECTION_IDENTITY, "certificate", offsetof(struct identity_config, certificate), set_path,
      "certificate = a PEM file" },
    { SECTION_IDENTITY, "key", offsetof(struct identity_config, key), set_path, "key = a PEM file" },
    { SECTION_IDENTITY, "device_secret", offsetof(struct identity_config, device_secret), set_path,
      "device_secret = a file of 32 bytes" },
    { SECTION_TOKEN, "identity", offsetof(struct token_config, identity), set_name,
      "identity = NAME of an [identity NAME] section" },
    { SECTION_TOKEN, "token", offsetof(struct token_config, token), set_name,
      "token = its NAME at the server, 1 to 32 bytes without colon, slash or quote" },
    { SECTION_TOKEN, "keys", offsetof(struct token_config, keys), set_text,
      "keys = IDs in hexadecimal or labels, separated by spaces" },
};

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

static char *format_text(const char *format, ...) PRINTF_LIKE(1, 2);

static char *format_text(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return text;
}

/* Notes the first error: "FILE:LINE: @what". Takes @what. */
static void parse_error(struct config_parse *parse, char *what)
{
    if (!parse->why)
        parse->why = format_text("%s:%d: %s", parse->path, parse->line, what ? what : "out of memory");
    free(what);
}

/* ------------------------------------------------------------------------------------------------ suggestions */

/* Levenshtein distance of two short words. */
static unsigned word_distance(const char *a, const char *b)
{
    unsigned row[64], n = (unsigned)strlen(b);

    if (n >= ARRAY_SIZE(row))
        return UINT_MAX;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

static void keep_nearest(const char *word, const char *candidate, unsigned *distance, const char **nearest)
{
    unsigned d = word_distance(candidate, word);

    if (d < *distance) {
        *distance = d;
        *nearest = candidate;
    }
}

static void unknown_key(struct config_parse *parse, const char *name)
{
    const struct config_key *key;
    const char *nearest = NULL;
    unsigned distance = UINT_MAX;

    for (EACH_ROW(key, config_keys))
        if (key->section == parse->section)
            keep_nearest(name, key->name, &distance, &nearest);
    parse_error(parse,
                format_text("[%s] has no key \"%s\"; did you mean \"%s\"?", parse->word, name, nearest));
}

static void unknown_section(struct config_parse *parse, const char *word)
{
    const struct config_section *section;
    const char *nearest = NULL;
    unsigned distance = UINT_MAX;

    for (EACH_ROW(section, config_sections))
        keep_nearest(word, section->word, &distance, &nearest);
    parse_error(parse, format_text("unknown section \"%s\"; did you mean [%s%s]?", word, nearest,
                                   strcmp(nearest, "client") == 0 ? "" : " NAME"));
}

/* ----------------------------------------------------------------------------------------------------- setters */

/* Replaces a text; takes @text (NULL: there was no memory). */
static void replace_text(struct config_parse *parse, char **field, char *text)
{
    if (!text) {
        parse_error(parse, NULL);
        return;
    }
    free(*field);
    *field = text;
}

static void expected(struct config_parse *parse, const struct config_key *key)
{
    parse_error(parse, format_text("expected %s", key->expected));
}

static void set_text(struct config_parse *parse, const struct config_key *key, void *field, const char *value)
{
    (void)key;
    replace_text(parse, field, strdup(value));
}

static void set_name(struct config_parse *parse, const struct config_key *key, void *field, const char *value)
{
    if (!name_is_valid(bytes_of_text(value))) {
        expected(parse, key);
        return;
    }
    replace_text(parse, field, strdup(value));
}

/* A relative path is relative to the file that names it, wherever the application happens to run. */
static void set_path(struct config_parse *parse, const struct config_key *key, void *field, const char *value)
{
    const char *slash = strrchr(parse->path, '/');

    (void)key;
    if (value[0] == '/' || !slash)
        replace_text(parse, field, strdup(value));
    else
        replace_text(parse, field, format_text("%.*s/%s", (int)(slash - parse->path), parse->path, value));
}

static void set_debug(struct config_parse *parse, const struct config_key *key, void *field,
                      const char *value)
{
    if (strcmp(value, "stderr") == 0)
        set_text(parse, key, field, value);
    else
        set_path(parse, key, field, value);
}

/* "listed", or @word, which sets the field. */
static void set_unless_listed(struct config_parse *parse, const struct config_key *key, bool *field,
                              const char *value, const char *word)
{
    if (strcmp(value, word) != 0 && strcmp(value, "listed") != 0)
        expected(parse, key);
    else
        *field = strcmp(value, word) == 0;
}

static void set_tokens(struct config_parse *parse, const struct config_key *key, void *field,
                       const char *value)
{
    set_unless_listed(parse, key, field, value, "all");
}

static void set_endpoint_order(struct config_parse *parse, const struct config_key *key, void *field,
                               const char *value)
{
    set_unless_listed(parse, key, field, value, "balanced");
}

static bool parse_number(const char *text, unsigned least, unsigned most, unsigned *ret)
{
    unsigned long number;
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno || *end || number < least || number > most)
        return false;
    *ret = (unsigned)number;
    return true;
}

static void set_timeout(struct config_parse *parse, const struct config_key *key, void *field,
                        const char *value)
{
    if (!parse_number(value, 100, 600000, field))
        expected(parse, key);
}

/* A character of a host name, or of an address in brackets: nothing that a URL would take for something else. */
static bool is_host(const char *host, size_t len)
{
    bool in_brackets = len > 2 && host[0] == '[' && host[len - 1] == ']';
    const char *allowed = in_brackets ? "0123456789abcdefABCDEF:." : NULL;

    if (in_brackets) {
        host++;
        len -= 2;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)host[i];

        if (allowed ? !strchr(allowed, c) : !(isalnum(c) || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return len > 0 && len < 254;
}

static bool is_endpoint(const char *text)
{
    const char *colon = strrchr(text, ':');
    unsigned port;

    return colon && is_host(text, (size_t)(colon - text)) && parse_number(colon + 1, 1, 65535, &port);
}

/* Replaces the whole list; a continued line adds to it. */
static void set_endpoints(struct config_parse *parse, const struct config_key *key, void *field,
                          const char *value)
{
    struct deployment_config *deployment = field;
    CLEANUP(free_string) char *copy = strdup(value);
    char *rest = copy, *word;

    while (!parse->is_continued && deployment->endpoint_count)
        free(deployment->endpoints[--deployment->endpoint_count]);
    while ((word = strsep(&rest, " \t"))) {
        if (!*word)
            continue;
        if (*word == ';') /* inih leaves the comments of indented lines to us */
            break;
        if (!is_endpoint(word) || deployment->endpoint_count == CONFIG_ENDPOINTS_MAX) {
            expected(parse, key);
            return;
        }
        deployment->endpoints[deployment->endpoint_count] = NULL;
        replace_text(parse, &deployment->endpoints[deployment->endpoint_count], strdup(word));
        if (parse->why)
            return;
        deployment->endpoint_count++;
    }
    if (deployment->endpoint_count == 0)
        expected(parse, key);
}

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
        parse_error(parse, format_text("at most %zu [%s] sections", kind->limit, kind->word));
        return false;
    }
    larger = realloc(*array, (*count + 1) * kind->entry_size);
    if (larger)
        *array = larger;
    if (!larger || !copy) {
        parse_error(parse, NULL);
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
            parse_error(parse, format_text("expected [%s NAME], a name of 1 to %d bytes without colon, slash "
                                           "or quote",
                                           word, NAME_MAX_LEN));
        else if (!kind->has_name && *name)
            parse_error(parse, format_text("expected [%s], without a name", word));
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
        parse_error(parse, copy ? strdup("expected \"]\" at the end of the section's name") : NULL);
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
        parse_error(parse, format_text("expected a line of at most %d bytes", CONFIG_LINE_MAX));
        return NULL;
    }
    watch_line(parse, text);
    return parse->why ? NULL : text;
}

/* inih's handler for "name = value"; non-zero is success. */
static int take_value(void *cookie, const char *section, const char *name, const char *value)
{
    struct config_parse *parse = cookie;
    const struct config_section *kind = &config_sections[parse->section];
    const struct config_key *key;
    char *entry = (char *)parse->config;

    (void)section;
    if (parse->why)
        return 1;
    if (parse->section == SECTIONS) {
        parse_error(parse, strdup("expected a section such as [deployment NAME] before the first key"));
        return 1;
    }
    if (kind->has_name)
        entry = (char *)entry_name(*(void **)(entry + kind->array), kind, parse->index);
    for (EACH_ROW(key, config_keys)) {
        unsigned bit = 1u << (key - config_keys);

        if (key->section != parse->section || strcmp(key->name, name) != 0)
            continue;
        parse->is_continued = parse->is_continued && (parse->keys_seen & bit);
        if ((parse->keys_seen & bit) && !(parse->is_continued && key->set == set_endpoints))
            parse_error(parse, format_text("expected \"%s\" once in a section, on one line (an indented line "
                                           "continues the one before)",
                                           name));
        else if (!*value)
            expected(parse, key);
        else
            key->set(parse, key, entry + key->offset, value);
        parse->keys_seen |= bit;
        return 1;
    }
    unknown_key(parse, name);
    return 1;
}

/* Errors: -ENOENT, other -errno, -EINVAL; @why is set with each. */
static int read_file(struct client_config *config, const char *path, char **why)
{
    struct config_parse parse = { .config = config, .path = path, .section = SECTIONS, .word = "" };
    char *files;
    int r;

    parse.file = fopen(path, "re");
    if (!parse.file) {
        r = -errno;
        *why = format_text("%s: %s", path, strerror(-r));
        return r;
    }
    r = ini_parse_stream(read_line, &parse, take_value, &parse);
    /* inih goes on after a line it cannot read and tells the first one's number at the end. */
    if (r > 0 && (!parse.why || r < parse.line)) {
        free(parse.why);
        parse.why = NULL;
        parse.line = r;
        parse_error(&parse, strdup("expected \"name = value\" or \"[section]\""));
    } else if (ferror(parse.file)) {
        parse_error(&parse, format_text("cannot be read: %s", strerror(errno)));
    }
    fclose(parse.file);
    if (parse.why) {
        *why = parse.why;
        return -EINVAL;
    }
    files = format_text("%s%s\n", config->files ? config->files : "", path);
    if (!files)
        return -ENOMEM;
    free(config->files);
    config->files = files;
    return 0;
}

/* The user's own file, or NULL when there is no home to look in. A setuid host: only the user database is asked. */
static char *user_file(void)
{
    const char *directory = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");
    char room[1024];
    struct passwd entry, *found = NULL;

    if (directory && directory[0] == '/')
        return format_text("%s/" CONFIG_USER_FILE, directory);
    if ((!home || home[0] != '/') && getpwuid_r(getuid(), &entry, room, sizeof(room), &found) == 0 && found)
        home = found->pw_dir;
    return home && home[0] == '/' ? format_text("%s/.config/" CONFIG_USER_FILE, home) : NULL;
}

static int read_usual_files(struct client_config *config, char **why)
{
    CLEANUP(free_string) char *user = user_file();
    const char *usual[] = { CONFIG_SYSTEM_FILE, user }, *named = secure_getenv("PRIVYSEAL_CONF");

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        int r = usual[i] ? read_file(config, usual[i], why) : 0;

        /* What is not there, or not for this user, is not configured. */
        if (r == -ENOENT || r == -ENOTDIR || r == -EACCES) {
            free(*why);
            *why = NULL;
        } else if (r < 0) {
            return r;
        }
    }
    return named && *named ? read_file(config, named, why) : 0;
}

/* ---------------------------------------------------------------------------------------------------- checking */

static int incomplete(char **why, const char *kind, const char *name, const char *sentence)
{
    *why = format_text("[%s %s]: %s", kind, name, sentence);
    return -EINVAL;
}

static int check_deployments(const struct client_config *config, char **why)
{
    for (size_t i = 0; i < config->deployment_count; i++) {
        const struct deployment_config *deployment = &config->deployment[i];

        if (!deployment->realm)
            return incomplete(why, "deployment", deployment->name, "expected realm = NAME");
        if (!deployment->endpoint_count)
            return incomplete(why, "deployment", deployment->name, "expected endpoints = HOST:PORT ...");
        if (!deployment->ca)
            return incomplete(why, "deployment", deployment->name, "expected ca = a PEM file");
    }
    return 0;
}

static int check_identities(const struct client_config *config, char **why)
{
    for (size_t i = 0; i < config->identity_count; i++) {
        const struct identity_config *identity = &config->identity[i];

        if (!identity->certificate)
            return incomplete(why, "identity", identity->name, "expected certificate = a PEM file");
        if (!identity->key)
            return incomplete(why, "identity", identity->name, "expected key = a PEM file");
        if (!client_config_deployment(config, identity->deployment))
            return incomplete(why, "identity", identity->name,
                              "expected deployment = NAME of a [deployment NAME] section (it may be left out "
                              "where there is only one)");
    }
    return 0;
}

static int finish_tokens(struct client_config *config, char **why)
{
    for (size_t i = 0; i < config->token_count; i++) {
        struct token_config *token = &config->token[i];

        if (!token->token)
            token->token = strdup(token->name);
        if (!token->token)
            return -ENOMEM;
        if (!client_config_identity(config, token->identity))
            return incomplete(why, "token", token->name,
                              "expected identity = NAME of an [identity NAME] section (it may be left out "
                              "where there is only one)");
    }
    return 0;
}

/* The environment's wish for a trace wins over every file's. */
static int take_debug_wish(struct client_config *config)
{
    const char *wish = secure_getenv("PRIVYSEAL_DEBUG");
    char *copy;

    if (!wish || !*wish)
        return 0;
    copy = strdup(wish);
    if (!copy)
        return -ENOMEM;
    free(config->debug);
    config->debug = copy;
    return 0;
}

int client_config_load(const char *path, struct client_config **ret, char **why)
{
    CLEANUP(client_config_free) struct client_config *config = calloc(1, sizeof(*config));
    int r;

    *why = NULL;
    if (!config)
        return -ENOMEM;
    r = path ? read_file(config, path, why) : read_usual_files(config, why);
    if (r == 0)
        r = check_deployments(config, why);
    if (r == 0)
        r = check_identities(config, why);
    if (r == 0)
        r = finish_tokens(config, why);
    if (r == 0)
        r = take_debug_wish(config);
    if (r < 0)
        return r;
    *ret = TAKE(config);
    return 0;
}

static void deployment_clear(struct deployment_config *deployment)
{
    free(deployment->name);
    free(deployment->realm);
    free(deployment->ca);
    for (size_t i = 0; i < deployment->endpoint_count; i++)
        free(deployment->endpoints[i]);
}

static void identity_clear(struct identity_config *identity)
{
    free(identity->name);
    free(identity->deployment);
    free(identity->certificate);
    free(identity->key);
    free(identity->device_secret);
}

static void token_clear(struct token_config *token)
{
    free(token->name);
    free(token->identity);
    free(token->token);
    free(token->keys);
}

void client_config_free(struct client_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->deployment_count; i++)
        deployment_clear(&config->deployment[i]);
    for (size_t i = 0; i < config->identity_count; i++)
        identity_clear(&config->identity[i]);
    for (size_t i = 0; i < config->token_count; i++)
        token_clear(&config->token[i]);
    free(config->deployment);
    free(config->identity);
    free(config->token);
    free(config->debug);
    free(config->files);
    free(config);
}

const struct identity_config *client_config_identity(const struct client_config *config, const char *name)
{
    if (!name)
        return config->identity_count == 1 ? &config->identity[0] : NULL;
    for (size_t i = 0; i < config->identity_count; i++)
        if (strcmp(config->identity[i].name, name) == 0)
            return &config->identity[i];
    return NULL;
}

const struct deployment_config *client_config_deployment(const struct client_config *config, const char *name)
{
    if (!name)
        return config->deployment_count == 1 ? &config->deployment[0] : NULL;
    for (size_t i = 0; i < config->deployment_count; i++)
        if (strcmp(config->deployment[i].name, name) == 0)
            return &config->deployment[i];
    return NULL;
}
