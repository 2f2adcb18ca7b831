/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - privyseald.conf, line by line, against the table of its keys (config_keys.h); then what is not there.
 *
 * Nothing is guessed: what the table does not know, and what it knows but cannot take, is an error with the file, the
 * line and what was expected there.
 */
#include "proxy/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "include/bytes.h"
#include "include/table.h"
#include "proto/log_name.h"
#include "proxy/config_keys.h"

/* A file on its way into a config. */
struct loader {
    const char *path;
    struct proxy_config *config;
    FILE *file;
    unsigned line; /* the last that was read */
    bool is_seen[CONFIG_KEYS_MAX];
    bool is_place_seen[HSMS_MAX - 1][CONFIG_KEYS_MAX];
    int error; /* the first; nothing is read after it */
    char *why; /* its words */
};

/* ---------------------------------------------------------------------------------------------------- errors */

static int refuse(struct loader *loader, int error, unsigned line, const char *format, ...) PRINTF_LIKE(4, 5);

/* Keeps the first error: "FILE:LINE: words", without the line when that is 0. Returns @error. */
static int refuse(struct loader *loader, int error, unsigned line, const char *format, ...)
{
    CLEANUP(free_string) char *words = NULL;
    va_list arguments;
    int len;

    if (loader->error)
        return loader->error;
    loader->error = error;
    va_start(arguments, format);
    len = vasprintf(&words, format, arguments);
    va_end(arguments);
    if (len < 0) {
        words = NULL;
        return error;
    }
    len = line ? asprintf(&loader->why, "%s:%u: %s", loader->path, line, words)
               : asprintf(&loader->why, "%s: %s", loader->path, words);
    if (len < 0)
        loader->why = NULL;
    return error;
}

static int refuse_key(struct loader *loader, const char *section, const char *name)
{
    const struct config_key *nearest = config_keys_nearest(section, name);

    if (!nearest)
        return refuse(loader, -EINVAL, loader->line, "unknown key \"%s\" in [%s]", name, section);
    return refuse(loader, -EINVAL, loader->line, "unknown key \"%s\" in [%s]; did you mean \"%s\" in [%s]?",
                  name, section, nearest->name, nearest->section);
}

static int refuse_section(struct loader *loader, const char *section, const char *name)
{
    const char *nearest = config_keys_nearest_section(section);

    if (!*section)
        return refuse(loader, -EINVAL, loader->line, "\"%s\" stands before the first [section]", name);
    if (nearest)
        return refuse(loader, -EINVAL, loader->line, "unknown section [%s]; did you mean [%s]?", section,
                      nearest);
    return refuse(loader, -EINVAL, loader->line, "unknown section [%s]", section);
}

static int refuse_value(struct loader *loader, const struct config_key *key, const char *value)
{
    const char *expected = config_form_expected(key, value);

    if (expected)
        return refuse(loader, -EINVAL, loader->line, "%s = \"%s\": expected %s", key->name, value, expected);
    return refuse(loader, -EINVAL, loader->line, "%s = \"%s\": expected a number from %u to %u", key->name,
                  value, key->least, key->most);
}

/* --------------------------------------------------------------------------------------------------- reading */

/* @fields: what the key's offset counts from. */
static int set_key(struct loader *loader, const struct config_key *key, const char *value, void *fields)
{
    int r = config_form_read(key, value, (char *)fields + key->offset);

    if (r == -EINVAL)
        return refuse_value(loader, key, value);
    return r < 0 ? refuse(loader, r, loader->line, "%s", strerror(-r)) : 0;
}

/* The HSM of a section "hsm.NAME", which may be a new one; NULL: there cannot be one, as has been said. */
static struct hsm_place *find_place(struct loader *loader, const char *section)
{
    struct proxy_config *config = loader->config;
    const char *name = section + strlen("hsm.");

    for (unsigned i = 0; i < config->further_count; i++)
        if (strcmp(config->further[i].name, section) == 0)
            return &config->further[i];
    if (!proxy_name_is_valid(name) || strlen(name) > HSM_NAME_LEN_MAX)
        (void)refuse(loader, -EINVAL, loader->line,
                     "[%s]: expected 1 to %d letters, digits, - and _ behind the dot", section,
                     HSM_NAME_LEN_MAX);
    else if (config->further_count == ARRAY_SIZE(config->further))
        (void)refuse(loader, -EINVAL, loader->line, "[%s]: more than %d HSMs", section, HSMS_MAX);
    if (loader->error)
        return NULL;
    strcpy(config->further[config->further_count].name, section);
    return &config->further[config->further_count++];
}

/* As on_line(). */
static int on_place_line(struct loader *loader, const char *section, const char *name, const char *value)
{
    struct hsm_place *place = find_place(loader, section);
    const struct config_key *key = config_keys_find(&config_place_keys, NULL, name);
    bool *is_seen;

    if (!place)
        return 0;
    if (!key) {
        (void)refuse(loader, -EINVAL, loader->line,
                     "unknown key \"%s\" in [%s]: there are module, environment, token, pin_file and signers",
                     name, section);
        return 0;
    }
    is_seen = &loader->is_place_seen[place - loader->config->further][key - config_place_keys.rows];
    if (*is_seen) {
        (void)refuse(loader, -EINVAL, loader->line, "%s is given twice in [%s]", name, section);
        return 0;
    }
    *is_seen = true;
    return set_key(loader, key, value, place) == 0;
}

/* inih's handler: 1 is success. */
static int on_line(void *arg, const char *section, const char *name, const char *value)
{
    struct loader *loader = arg;
    const struct config_key *key = config_keys_find(&config_keys, section, name);
    bool *is_seen;

    if (loader->error)
        return 0;
    if (strncmp(section, "hsm.", strlen("hsm.")) == 0)
        return on_place_line(loader, section, name, value);
    if (!key) {
        (void)(config_keys_has_section(section) ? refuse_key(loader, section, name)
                                                : refuse_section(loader, section, name));
        return 0;
    }
    is_seen = &loader->is_seen[key - config_keys.rows];
    if (*is_seen && !config_form_is_list(key->form)) {
        (void)refuse(loader, -EINVAL, loader->line, "%s is given twice in [%s]", name, section);
        return 0;
    }
    *is_seen = true;
    return set_key(loader, key, value, loader->config) == 0;
}

/*
 * inih's reader. A line that does not fit would be split unnoticed; a NUL would hide the rest of one. Indentation goes:
 * to inih an indented line continues the value above it.
 */
static char *read_line(char *text, int room, void *stream)
{
    struct loader *loader = stream;
    size_t len;

    if (loader->error || !fgets(text, room, loader->file))
        return NULL;
    loader->line++;
    len = strlen(text);
    if ((len && text[len - 1] == '\n') || (feof(loader->file) && len + 1 < (size_t)room)) {
        size_t indent = strspn(text, " \t");

        memmove(text, text + indent, len + 1 - indent);
        return text;
    }
    if (len + 1 < (size_t)room)
        (void)refuse(loader, -EINVAL, loader->line, "this is not a text file");
    else
        (void)refuse(loader, -EINVAL, loader->line, "the line is too long: at most %d bytes", room - 2);
    return NULL;
}

static int read_file(struct loader *loader)
{
    int line;

    loader->file = fopen(loader->path, "re");
    if (!loader->file)
        return refuse(loader, -errno, 0, "%s", strerror(errno));
    line = ini_parse_stream(read_line, loader, on_line, loader);
    if (ferror(loader->file))
        (void)refuse(loader, -EIO, 0, "cannot be read");
    fclose(loader->file);
    if (line > 0) /* the handler's own errors were said when they were found */
        return refuse(loader, -EINVAL, (unsigned)line, "expected [section], key = value, or a # comment");
    return loader->error;
}

/* ---------------------------------------------------------------------------------------------- what is not there */

/* The first label of the host's name. `init` writes it down, so that a renamed host keeps its logs. */
static int name_after_host(struct loader *loader)
{
    char host[HOST_NAME_MAX + 1] = "";

    if (loader->config->proxy)
        return 0;
    if (gethostname(host, sizeof(host) - 1) == 0)
        host[strcspn(host, ".")] = '\0';
    loader->config->proxy = strdup(proxy_name_is_valid(host) ? host : "proxy");
    return loader->config->proxy ? 0 : refuse(loader, -ENOMEM, 0, "%s", strerror(ENOMEM));
}

/* Each HSM has its own; one that does not say how many, as many as [hsm]. */
static void count_signers(struct proxy_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned first = config->signers;

    if (first == 0)
        first = cores < 1 ? 1 : (unsigned)cores;
    config->signers = first;
    for (unsigned i = 0; i < config->further_count; i++) {
        if (config->further[i].signers == 0)
            config->further[i].signers = first;
        config->signers += config->further[i].signers;
    }
}

static int set_fallbacks(struct loader *loader)
{
    const struct config_key *key;

    for (EACH_KEY(key, &config_keys)) {
        bool is_wanted = key->fallback && !loader->is_seen[key - config_keys.rows];
        int r = is_wanted ? set_key(loader, key, key->fallback, loader->config) : 0;

        if (r < 0)
            return r;
    }
    count_signers(loader->config);
    return name_after_host(loader);
}

static void name_missing(struct buffer *missing, const char *section, const char *name)
{
    buffer_append_text(missing, missing->len ? ", [" : "[");
    buffer_append_text(missing, section);
    buffer_append_text(missing, "] ");
    buffer_append_text(missing, name);
}

/* Some are required by what others say. */
static bool is_required(const struct proxy_config *config, const struct config_key *key)
{
    return key->is_required ||
           (key->offset == offsetof(struct proxy_config, recovery_officers) && config->recovery_quorum) ||
           (key->offset == offsetof(struct proxy_config, ca_url) && config->ca_listen);
}

/* Names all that is missing at once: nobody wants to learn it one by one. */
static int check_required(struct loader *loader)
{
    CLEANUP(buffer_clear) struct buffer missing = { 0 };
    const struct proxy_config *config = loader->config;
    const struct config_key *key;

    for (EACH_KEY(key, &config_keys))
        if (is_required(config, key) && !loader->is_seen[key - config_keys.rows])
            name_missing(&missing, key->section, key->name);
    for (unsigned i = 0; i < config->further_count; i++)
        for (EACH_KEY(key, &config_place_keys))
            if (key->is_required && !loader->is_place_seen[i][key - config_place_keys.rows])
                name_missing(&missing, config->further[i].name, key->name);
    if (missing.len == 0)
        return 0;
    return refuse(loader, -EINVAL, 0, "missing: %.*s", (int)missing.len, (const char *)missing.data);
}

/* The state directory: that of the file, or what [server] state says, from there. */
static int resolve_state(struct loader *loader)
{
    struct proxy_config *config = loader->config;
    const char *said = config->state ? config->state : ".";
    size_t folder_len = (size_t)(strrchr(config->path, '/') - config->path);
    CLEANUP(free_string) char *wanted = NULL;
    char *state;
    int len = *said == '/' ? asprintf(&wanted, "%s", said)
                           : asprintf(&wanted, "%.*s/%s", (int)folder_len, config->path, said);

    if (len < 0) {
        wanted = NULL;
        return refuse(loader, -ENOMEM, 0, "%s", strerror(ENOMEM));
    }
    state = realpath(wanted, NULL);
    if (!state)
        return refuse(loader, -errno, 0, "state directory %s: %s", wanted, strerror(errno));
    free(config->state);
    config->state = state;
    return 0;
}

static int load(struct loader *loader)
{
    int r = read_file(loader);

    if (r < 0)
        return r;
    loader->config->path = realpath(loader->path, NULL);
    if (!loader->config->path)
        return refuse(loader, -errno, 0, "%s", strerror(errno));
    r = set_fallbacks(loader);
    if (r < 0)
        return r;
    r = check_required(loader);
    return r < 0 ? r : resolve_state(loader);
}

int proxy_config_load(const char *path, struct proxy_config **ret, char **why)
{
    CLEANUP(proxy_config_free) struct proxy_config *config = calloc(1, sizeof(*config));
    struct loader loader = { .path = path, .config = config };
    int r;

    if (!config)
        return -ENOMEM;
    r = load(&loader);
    if (r < 0) {
        *why = loader.why;
        return r;
    }
    *ret = TAKE(config);
    return 0;
}

/* The texts among @fields, by the table of their keys. */
static void free_texts(const struct config_keys *keys, void *fields)
{
    const struct config_key *key;

    for (EACH_KEY(key, keys))
        if (config_form_is_text(key->form))
            free(*(char **)((char *)fields + key->offset));
}

void proxy_config_free(struct proxy_config *config)
{
    if (!config)
        return;
    free_texts(&config_keys, config);
    for (unsigned i = 0; i < config->further_count; i++)
        free_texts(&config_place_keys, &config->further[i]);
    for (size_t i = 0; i < LISTEN_MAX; i++) {
        free(config->listen.at[i]);
        free(config->enrolment_listen.at[i]);
        free(config->enrolment_endpoints.at[i]);
    }
    free(config->path);
    free(config);
}
