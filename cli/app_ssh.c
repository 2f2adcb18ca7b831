/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_ssh.c - ssh_config(5): PKCS11Provider between two comments of ours, before everything else in the file,
 * where it is for every host. ssh takes the first value it finds.
 */
#include "cli/app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BEGIN "# privyseal apps: begin\n"
#define BLOCK_END   "# privyseal apps: end\n"
#define KEYWORD     "PKCS11Provider \""

/* The file and our lines in it; @begin is NULL where there are none. */
struct config {
    char *text;
    char *begin, *end;
};

static void config_clear(struct config *config)
{
    free(config->text);
}
DEFINE_CLEAR(config_clear, struct config);

int ssh_find(struct places *ret, char **why)
{
    (void)why;
    return places_add(ret, app_home(".ssh/config"));
}

static int read_config(const char *place, struct config *ret, char **why)
{
    int r = app_read(place, &ret->text, why);

    if (r < 0 || !ret->text)
        return r;
    ret->begin = strstr(ret->text, BLOCK_BEGIN);
    ret->end = ret->begin ? strstr(ret->begin, BLOCK_END) : NULL;
    if (ret->begin && !ret->end)
        return app_fail(-EINVAL, why, "%s: \"%.*s\" has lost its end: remove these lines by hand", place,
                        (int)strlen(BLOCK_BEGIN) - 1, BLOCK_BEGIN);
    if (ret->end)
        ret->end += strlen(BLOCK_END);
    return 0;
}

static int ssh_find_module(const char *place, char **ret, char **why)
{
    CLEANUP(config_clear) struct config config = { 0 };
    int r = read_config(place, &config, why);
    const char *value;

    *ret = NULL;
    if (r < 0 || !config.begin)
        return r;
    value = strstr(config.begin, KEYWORD);
    if (value && value < config.end) {
        value += strlen(KEYWORD);
        *ret = strndup(value, strcspn(value, "\"\n"));
    }
    return 0;
}

/* The file without our lines, after @module's. NULL: without any. */
static int rewrite(const char *place, const char *module, char **why)
{
    CLEANUP(config_clear) struct config config = { 0 };
    CLEANUP(buffer_clear) struct buffer content = { 0 };
    int r = read_config(place, &config, why);

    if (r < 0)
        return r;
    if (module) {
        buffer_append_text(&content, BLOCK_BEGIN KEYWORD);
        buffer_append_text(&content, module);
        buffer_append_text(&content, "\"\n" BLOCK_END);
    }
    if (config.begin)
        buffer_append(&content, BYTES(config.text, (size_t)(config.begin - config.text)));
    buffer_append_text(&content, config.begin ? config.end : config.text);
    if (content.failed)
        return -ENOMEM;
    return app_write(place, 0600, buffer_bytes(&content), why);
}

static int ssh_add(const char *place, const char *module, char **why)
{
    CLEANUP(free_string) char *present = NULL;
    CLEANUP(free_string) char *directory = NULL;
    int r = ssh_find_module(place, &present, why);

    if (r < 0 || (present && strcmp(present, module) == 0))
        return r;
    if (strpbrk(module, "\"\n"))
        return app_fail(-EINVAL, why, "ssh's configuration cannot hold the name %s", module);
    directory = strndup(place, (size_t)(strrchr(place, '/') - place));
    if (!directory)
        return -ENOMEM;
    r = app_make_directory(directory, 0700, why);
    return r < 0 ? r : rewrite(place, module, why);
}

static int ssh_remove(const char *place, char **why)
{
    CLEANUP(free_string) char *present = NULL;
    int r = ssh_find_module(place, &present, why);

    return r < 0 || !present ? r : rewrite(place, NULL, why);
}

const struct place_kind place_ssh = { ssh_find_module, ssh_add, ssh_remove };
