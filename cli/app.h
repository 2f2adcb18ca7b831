/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app.h - applications that keep a list of PKCS#11 modules of their own, per user, and the places where they
 * keep it.
 *
 * An application is a row of apps[] in cmd_apps.c. It names its places; a place is of one of two kinds, an
 * NSS database (Firefox, Thunderbird, LibreOffice) or the configuration of ssh. Adding twice and removing
 * what is not there is harmless. Errors of all functions: -errno, with a sentence in @why (caller frees).
 */
#pragma once

#include <stddef.h>

#include "include/bytes.h"
#include "include/cleanup.h"

#define PLACES_MAX 32 /* more profiles than people have */

struct places {
    char *path[PLACES_MAX];
    size_t count;
};
void places_clear(struct places *places);
DEFINE_CLEAR(places_clear, struct places);
/*
 * Adds @path unless it is there already. Owner of @path: the places, even when it fails. -ENOMEM for NULL;
 * -E2BIG.
 */
MUST_CHECK int places_add(struct places *places, char *path);

struct place_kind {
    /* @ret: the module that is registered as ours, NULL for none; caller frees. */
    int (*find)(const char *place, char **ret, char **why);
    /* Registers @module, in place of another one of ours. */
    int (*add)(const char *place, const char *module, char **why);
    int (*remove)(const char *place, char **why);
};
extern const struct place_kind place_nss, place_ssh;

struct app {
    const char *name;
    const struct place_kind *kind;
    int (*find)(struct places *ret, char **why);
    int (*prepare)(char **why); /* makes a place where there is none; NULL: cannot */
    int (*forget)(char **why);  /* undoes prepare; NULL: nothing to undo */
    const char *help;           /* what to do where there is no place */
};

/* app_firefox.c: every profile of Firefox. */
MUST_CHECK int firefox_find(struct places *ret, char **why);
/*
 * The profile that programs other than Mozilla's take from @directory (~/.mozilla/firefox); NULL: none;
 * caller frees.
 */
MUST_CHECK int mozilla_default_profile(const char *directory, char **ret, char **why);

/* app_libreoffice.c: the one database that LibreOffice takes. */
MUST_CHECK int libreoffice_find(struct places *ret, char **why);
MUST_CHECK int libreoffice_prepare(char **why);
MUST_CHECK int libreoffice_forget(char **why);

/* app_ssh.c: ~/.ssh/config, whether or not there is one yet. */
MUST_CHECK int ssh_find(struct places *ret, char **why);

/* app_files.c: what they share. */
/* @error, explained: "%s: %s" and the like. */
int app_fail(int error, char **why, const char *format, ...) PRINTF_LIKE(3, 4);
/* "~/" @below, or "$XDG_CONFIG_HOME/" @below; caller frees; NULL: out of memory. */
char *app_home(const char *below);
char *app_config_home(const char *below);
/* A whole text file, at most 4 MiB, with a NUL after it; NULL if there is none; caller frees. */
MUST_CHECK int app_read(const char *path, char **ret, char **why);
/* Replaces the file, or the one a link names, at once; the mode stays, or is @mode for a new file. */
MUST_CHECK int app_write(const char *path, unsigned mode, struct bytes content, char **why);
/* Makes a directory and those above it. */
MUST_CHECK int app_make_directory(const char *path, unsigned mode, char **why);
/*
 * Runs a program, found in PATH, to its end. What it says goes into @why if it fails; @package: who has it.
 */
MUST_CHECK int app_run(const char *const *arguments, const char *package, char **why);
