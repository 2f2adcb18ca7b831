/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the client's configuration: which files there are, and whether together they say enough. */
#include "client/config.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/config_parse.h"
#include "include/table.h"

#define CONFIG_SYSTEM_FILE "/etc/privyseal/pkcs11.conf"
#define CONFIG_USER_FILE   "privyseal/pkcs11.conf" /* below $XDG_CONFIG_HOME or ~/.config */

/* --------------------------------------------------------------------------------------------------------- words */

char *config_text(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return text;
}

void config_error(struct config_parse *parse, char *what)
{
    if (!parse->why)
        parse->why = config_text("%s:%d: %s", parse->path, parse->line, what ? what : "out of memory");
    free(what);
}

void config_expected(struct config_parse *parse, const struct config_key *key)
{
    config_error(parse, config_text("expected %s", key->expected));
}

/* --------------------------------------------------------------------------------------------------------- files */

/* The user's own file, or NULL when there is no home to look in. A setuid host: only the user database is asked. */
static char *user_file(void)
{
    const char *directory = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");
    char room[1024];
    struct passwd entry, *found = NULL;

    if (directory && directory[0] == '/')
        return config_text("%s/" CONFIG_USER_FILE, directory);
    if ((!home || home[0] != '/') && getpwuid_r(getuid(), &entry, room, sizeof(room), &found) == 0 && found)
        home = found->pw_dir;
    return home && home[0] == '/' ? config_text("%s/.config/" CONFIG_USER_FILE, home) : NULL;
}

static int read_usual_files(struct client_config *config, char **why)
{
    CLEANUP(free_string) char *user = user_file();
    const char *usual[] = { CONFIG_SYSTEM_FILE, user }, *named = secure_getenv("PRIVYSEAL_CONF");

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        int r = usual[i] ? config_read_file(config, usual[i], why) : 0;

        /* What is not there, or not for this user, is not configured. */
        if (r == -ENOENT || r == -ENOTDIR || r == -EACCES) {
            free(*why);
            *why = NULL;
        } else if (r < 0) {
            return r;
        }
    }
    return named && *named ? config_read_file(config, named, why) : 0;
}

/* ---------------------------------------------------------------------------------------------------- checking */

static int incomplete(char **why, const char *kind, const char *name, const char *sentence)
{
    *why = config_text("[%s %s]: %s", kind, name, sentence);
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
    r = path ? config_read_file(config, path, why) : read_usual_files(config, why);
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
