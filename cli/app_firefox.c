/* SPDX-License-Identifier: Apache-2.0 */
/* app_firefox.c - Mozilla's profiles: directories that profiles.ini lists, each of them an NSS database. */
#include "cli/app.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/table.h"

/* A profile as its section of profiles.ini tells it. */
struct profile {
    char *name, *path;
    bool is_relative, is_default;
};

struct profiles {
    struct profile profile[PLACES_MAX];
    size_t count;
    char section[64];
};

static void profiles_clear(struct profiles *profiles)
{
    for (size_t i = 0; i < profiles->count; i++) {
        free(profiles->profile[i].name);
        free(profiles->profile[i].path);
    }
    profiles->count = 0;
}
DEFINE_CLEAR(profiles_clear, struct profiles);

static bool set_text(char **field, const char *value)
{
    free(*field);
    *field = strdup(value);
    return *field != NULL;
}

/* inih's handler: 0 is an error. Sections other than [ProfileN] tell of installations. */
static int take_line(void *argument, const char *section, const char *key, const char *value)
{
    struct profiles *profiles = argument;
    struct profile *profile;

    if (strncmp(section, "Profile", strlen("Profile")) != 0)
        return 1;
    if (strcmp(profiles->section, section) != 0) {
        if (profiles->count == PLACES_MAX)
            return 0;
        snprintf(profiles->section, sizeof(profiles->section), "%s", section);
        profiles->profile[profiles->count++] = (struct profile){ .is_relative = true };
    }
    profile = &profiles->profile[profiles->count - 1];
    if (strcmp(key, "Name") == 0)
        return set_text(&profile->name, value);
    if (strcmp(key, "Path") == 0)
        return set_text(&profile->path, value);
    if (strcmp(key, "IsRelative") == 0)
        profile->is_relative = strcmp(value, "1") == 0;
    else if (strcmp(key, "Default") == 0)
        profile->is_default = strcmp(value, "1") == 0;
    return 1;
}

/* No file is no profile. */
static int read_profiles(const char *directory, struct profiles *ret, char **why)
{
    CLEANUP(free_string) char *path = NULL;
    CLEANUP(free_string) char *text = NULL;
    int r;

    if (asprintf(&path, "%s/profiles.ini", directory) < 0)
        return -ENOMEM;
    r = app_read(path, &text, why);
    if (r < 0 || !text)
        return r;
    r = ini_parse_string(text, take_line, ret);
    return r == 0 ? 0 : app_fail(-EINVAL, why, "%s:%d: not as Mozilla's programs write it", path, r);
}

/* NULL for a profile that is listed and gone. */
static char *profile_directory(const char *directory, const struct profile *profile)
{
    char *path = NULL;

    if (!profile->path || asprintf(&path, "%s%s%s", profile->is_relative ? directory : "",
                                   profile->is_relative ? "/" : "", profile->path) < 0)
        return NULL;
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static int add_profiles(const char *directory, struct places *ret, char **why)
{
    CLEANUP(profiles_clear) struct profiles profiles = { 0 };
    int r = read_profiles(directory, &profiles, why);

    for (size_t i = 0; r == 0 && i < profiles.count; i++) {
        char *path = profile_directory(directory, &profiles.profile[i]);

        if (path)
            r = places_add(ret, path);
    }
    return r;
}

/* Where Firefox keeps profiles: since version 147 a new user's are below the configuration directory. */
int firefox_find(struct places *ret, char **why)
{
    CLEANUP(free_string) char *former = app_home(".mozilla/firefox");
    CLEANUP(free_string) char *recent = app_config_home("mozilla/firefox");
    int r;

    if (!former || !recent)
        return -ENOMEM;
    r = add_profiles(former, ret, why);
    return r < 0 ? r : add_profiles(recent, ret, why);
}

/*
 * LibreOffice's choice (its MNSProfileDiscover.cxx): "default-release", the default one, the first by name.
 */
static int rank(const struct profile *profile)
{
    if (profile->name && strcmp(profile->name, "default-release") == 0)
        return 2;
    return profile->is_default;
}

static bool is_before(const struct profile *a, const struct profile *b)
{
    if (rank(a) != rank(b))
        return rank(a) > rank(b);
    return strcmp(a->name ? a->name : "", b->name ? b->name : "") < 0;
}

int mozilla_default_profile(const char *directory, char **ret, char **why)
{
    CLEANUP(profiles_clear) struct profiles profiles = { 0 };
    const struct profile *best = NULL;
    int r = read_profiles(directory, &profiles, why);

    *ret = NULL;
    for (size_t i = 0; r == 0 && i < profiles.count; i++)
        if (!best || is_before(&profiles.profile[i], best))
            best = &profiles.profile[i];
    if (best)
        *ret = profile_directory(directory, best);
    return r;
}
