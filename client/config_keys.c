/* SPDX-License-Identifier: Apache-2.0 */
/* config_keys.c - the keys of the configuration, and what their values may be. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "client/config_parse.h"
#include "include/bytes.h"
#include "include/spelling.h"
#include "include/table.h"
#include "proto/name.h"

static config_setter set_text, set_path, set_name, set_endpoints, set_endpoint_order, set_timeout, set_tokens,
    set_debug;

static const struct config_key config_keys[] = {
    { SECTION_CLIENT, "tokens", offsetof(struct client_config, tokens_all), false, set_tokens,
      "tokens = all, or tokens = listed" },
    { SECTION_CLIENT, "debug", offsetof(struct client_config, debug), false, set_debug,
      "debug = FILE or stderr" },
    { SECTION_DEPLOYMENT, "realm", offsetof(struct deployment_config, realm), false, set_name,
      "realm = NAME, 1 to 32 bytes without colon, slash or quote" },
    { SECTION_DEPLOYMENT, "endpoints", 0, true, set_endpoints,
      "endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { SECTION_DEPLOYMENT, "endpoint_order", offsetof(struct deployment_config, is_balanced), false,
      set_endpoint_order, "endpoint_order = listed, or endpoint_order = balanced" },
    { SECTION_DEPLOYMENT, "ca", offsetof(struct deployment_config, ca), false, set_path, "ca = a PEM file" },
    { SECTION_DEPLOYMENT, "connect_timeout_ms", offsetof(struct deployment_config, connect_timeout_ms), false,
      set_timeout, "connect_timeout_ms = 100 to 600000" },
    { SECTION_DEPLOYMENT, "login_timeout_ms", offsetof(struct deployment_config, login_timeout_ms), false,
      set_timeout, "login_timeout_ms = 100 to 600000" },
    { SECTION_DEPLOYMENT, "sign_timeout_ms", offsetof(struct deployment_config, sign_timeout_ms), false,
      set_timeout, "sign_timeout_ms = 100 to 600000" },
    { SECTION_IDENTITY, "deployment", offsetof(struct identity_config, deployment), false, set_name,
      "deployment = NAME of a [deployment NAME] section" },
    { SECTION_IDENTITY, "certificate", offsetof(struct identity_config, certificate), false, set_path,
      "certificate = a PEM file" },
    { SECTION_IDENTITY, "key", offsetof(struct identity_config, key), false, set_path, "key = a PEM file" },
    { SECTION_IDENTITY, "device_secret", offsetof(struct identity_config, device_secret), false, set_path,
      "device_secret = a file of 32 bytes" },
    { SECTION_TOKEN, "identity", offsetof(struct token_config, identity), false, set_name,
      "identity = NAME of an [identity NAME] section" },
    { SECTION_TOKEN, "token", offsetof(struct token_config, token), false, set_name,
      "token = its NAME at the server, 1 to 32 bytes without colon, slash or quote" },
    { SECTION_TOKEN, "keys", offsetof(struct token_config, keys), false, set_text,
      "keys = IDs in hexadecimal or labels, separated by spaces" },
};

const struct config_key *config_key_find(const struct config_parse *parse, const char *name,
                                         unsigned *ret_bit)
{
    const struct config_key *key;

    for (EACH_ROW(key, config_keys))
        if (key->section == parse->section && strcmp(key->name, name) == 0) {
            *ret_bit = 1u << (key - config_keys);
            return key;
        }
    return NULL;
}

const char *config_key_nearest(const struct config_parse *parse, const char *name)
{
    const struct config_key *key;
    const char *nearest = NULL;
    unsigned least = UINT_MAX;

    for (EACH_ROW(key, config_keys)) {
        unsigned distance = key->section == parse->section ? spelling_distance(name, key->name) : UINT_MAX;

        if (distance < least) {
            least = distance;
            nearest = key->name;
        }
    }
    return nearest;
}

/* ----------------------------------------------------------------------------------------------------- setters */

/* Replaces a text; takes @text (NULL: there was no memory). */
static void replace_text(struct config_parse *parse, char **field, char *text)
{
    if (!text) {
        config_error(parse, NULL);
        return;
    }
    free(*field);
    *field = text;
}

static void set_text(struct config_parse *parse, const struct config_key *key, void *field, const char *value)
{
    (void)key;
    replace_text(parse, field, strdup(value));
}

static void set_name(struct config_parse *parse, const struct config_key *key, void *field, const char *value)
{
    if (!name_is_valid(bytes_of_text(value))) {
        config_expected(parse, key);
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
        replace_text(parse, field, config_text("%.*s/%s", (int)(slash - parse->path), parse->path, value));
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
        config_expected(parse, key);
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
        config_expected(parse, key);
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
            config_expected(parse, key);
            return;
        }
        deployment->endpoints[deployment->endpoint_count] = NULL;
        replace_text(parse, &deployment->endpoints[deployment->endpoint_count], strdup(word));
        if (parse->why)
            return;
        deployment->endpoint_count++;
    }
    if (deployment->endpoint_count == 0)
        config_expected(parse, key);
}
