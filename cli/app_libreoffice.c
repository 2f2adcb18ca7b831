/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_libreoffice.c - the NSS database that LibreOffice takes: what MOZILLA_CERTIFICATE_FOLDER names, else
 * the certificate path of its options, else the default profile of Thunderbird, Firefox or SeaMonkey. Where
 * there is none of them it works in an empty temporary one, so we make one of our own and set the certificate
 * path.
 *
 * That option is one <item> in registrymodifications.xcu, which LibreOffice writes one to a line, and anew
 * when it ends: it must not be running. A file of another shape is left alone, and the user is told where to
 * click.
 * Source: LibreOffice 7.4, xmlsecurity/source/xmlsec/nss/nssinitializer.cxx (getMozillaCurrentProfile).
 */
#include "cli/app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/table.h"

#define OPTIONS_FILE "libreoffice/4/user/registrymodifications.xcu"
#define LOCK_FILE    "libreoffice/4/.lock"
#define OWN_DATABASE "privyseal/nss"

#define ITEMS_END "</oor:items>"
#define PROPERTY  "<prop oor:name=\"CertDir\""
#define VALUE     "<value>"

static const char new_options[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                  "<oor:items xmlns:oor=\"http://openoffice.org/2001/registry\" "
                                  "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" "
                                  "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n" ITEMS_END "\n";

/* The options, and the line of the certificate path in them; NULL: it is not set. */
struct options {
    char *path, *text;
    char *line, *line_end;
};

static void options_clear(struct options *options)
{
    free(options->path);
    free(options->text);
}
DEFINE_CLEAR(options_clear, struct options);

static int read_options(struct options *ret, char **why)
{
    char *property;
    int r;

    ret->path = app_config_home(OPTIONS_FILE);
    if (!ret->path)
        return -ENOMEM;
    r = app_read(ret->path, &ret->text, why);
    property = r == 0 && ret->text ? strstr(ret->text, PROPERTY) : NULL;
    if (!property)
        return r;
    for (ret->line = property; ret->line > ret->text && ret->line[-1] != '\n'; ret->line--)
        ;
    ret->line_end = property + strcspn(property, "\n");
    ret->line_end += *ret->line_end == '\n';
    return 0;
}

/* --------------------------------------------------------------------------------------------------- XML */

static const struct entity {
    char character;
    const char *text;
} entities[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&apos;" } };

static void append_escaped(struct buffer *buffer, const char *text)
{
    const struct entity *row;

    for (; *text; text++) {
        for (EACH_ROW(row, entities))
            if (row->character == *text)
                break;
        if (row < entities + ARRAY_SIZE(entities))
            buffer_append_text(buffer, row->text);
        else
            buffer_append_u8(buffer, (uint8_t)*text);
    }
}

static char *unescape(const char *text, size_t len)
{
    char *plain = malloc(len + 1), *to = plain;
    const struct entity *row;

    for (const char *from = text; plain && from < text + len; to++) {
        for (EACH_ROW(row, entities))
            if (strncmp(from, row->text, strlen(row->text)) == 0)
                break;
        *to = row < entities + ARRAY_SIZE(entities) ? row->character : *from;
        from += row < entities + ARRAY_SIZE(entities) ? strlen(row->text) : 1;
    }
    if (plain)
        *to = '\0';
    return plain;
}

/* -------------------------------------------------------------------------------------- certificate path */

/* NULL: not set. */
static char *certificate_path(const struct options *options)
{
    const char *value = options->line ? strstr(options->line, VALUE) : NULL;

    if (!value || value > options->line_end)
        return NULL;
    value += strlen(VALUE);
    return unescape(value, strcspn(value, "<"));
}

static int explain_by_hand(const char *database, char **why)
{
    return app_fail(
        -ENOTSUP, why,
        "LibreOffice's options are not as expected. Set them by hand: Tools, Options, LibreOffice, "
        "Security, Certificate Path: %s",
        database);
}

/* Sets the path, or with NULL takes the option away. */
static int set_certificate_path(struct options *options, const char *database, char **why)
{
    CLEANUP(buffer_clear) struct buffer content = { 0 };
    CLEANUP(free_string) char *lock = app_config_home(LOCK_FILE);
    char *text = options->text ? options->text : (char *)new_options;
    char *end = strstr(text, ITEMS_END), *line = options->line ? options->line : end,
         *line_end = options->line ? options->line_end : end;

    if (!lock)
        return -ENOMEM;
    if (access(lock, F_OK) == 0)
        return app_fail(-EBUSY, why, "LibreOffice is running (%s): end it first", lock);
    if (!end || line_end > end || (options->line && strncmp(line, "<item ", strlen("<item ")) != 0))
        return explain_by_hand(database ? database : "none", why);
    buffer_append(&content, BYTES(text, (size_t)(line - text)));
    if (database) {
        buffer_append_text(&content,
                           "<item oor:path=\"/org.openoffice.Office.Common/Security/Scripting\">" PROPERTY
                           " oor:op=\"fuse\">" VALUE);
        append_escaped(&content, database);
        buffer_append_text(&content, "</value></prop></item>\n");
    }
    buffer_append_text(&content, line_end);
    return content.failed ? -ENOMEM : app_write(options->path, 0600, buffer_bytes(&content), why);
}

/* ------------------------------------------------------------------------------------------------ public */

static int add_default_profile(struct places *ret, char **why)
{
    static const char *const directories[] = { ".thunderbird", ".mozilla/firefox", ".mozilla/seamonkey" };
    const char *const *below;
    int r = 0;

    for (EACH_ROW(below, directories)) {
        CLEANUP(free_string) char *directory = app_home(*below);
        CLEANUP(free_string) char *profile = NULL;

        if (!directory)
            return -ENOMEM;
        r = mozilla_default_profile(directory, &profile, why);
        if (r < 0 || profile)
            return r < 0 ? r : places_add(ret, TAKE(profile));
    }
    return r;
}

int libreoffice_find(struct places *ret, char **why)
{
    const char *variable = getenv("MOZILLA_CERTIFICATE_FOLDER");
    CLEANUP(options_clear) struct options options = { 0 };
    CLEANUP(free_string) char *path = NULL;
    int r;

    if (variable && *variable)
        return places_add(ret, strdup(strncmp(variable, "sql:", 4) == 0 ? variable + 4 : variable));
    r = read_options(&options, why);
    if (r < 0)
        return r;
    path = certificate_path(&options);
    if (path && access(path, F_OK) == 0)
        return places_add(ret, TAKE(path));
    return add_default_profile(ret, why);
}

int libreoffice_prepare(char **why)
{
    CLEANUP(options_clear) struct options options = { 0 };
    CLEANUP(free_string) char *database = app_config_home(OWN_DATABASE);
    CLEANUP(free_string) char *directory = NULL;
    int r = database ? read_options(&options, why) : -ENOMEM;

    if (r < 0)
        return r;
    directory = strndup(options.path, (size_t)(strrchr(options.path, '/') - options.path));
    r = directory ? app_make_directory(directory, 0700, why) : -ENOMEM;
    if (r == 0)
        r = app_make_directory(database, 0700, why);
    return r < 0 ? r : set_certificate_path(&options, database, why);
}

/* The database stays: certificates may be in it that the user trusted. */
int libreoffice_forget(char **why)
{
    CLEANUP(options_clear) struct options options = { 0 };
    CLEANUP(free_string) char *database = app_config_home(OWN_DATABASE);
    CLEANUP(free_string) char *path = NULL;
    int r = database ? read_options(&options, why) : -ENOMEM;

    if (r < 0)
        return r;
    path = certificate_path(&options);
    return path && strcmp(path, database) == 0 ? set_certificate_path(&options, NULL, why) : 0;
}
