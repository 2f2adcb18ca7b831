/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_parse.h - one configuration file being read, as the reader's files share it: config.c says which files,
 * config_file.c reads lines and sections, config_keys.c knows what a key's value may be.
 */
#pragma once

#include <stdio.h>

#include "client/config.h"

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
    unsigned keys_seen;   /* bit per row of the table of keys: what this section has given in this file */
    char *why;            /* the first error; nothing is taken afterwards */
};

struct config_key;
typedef void config_setter(struct config_parse *parse, const struct config_key *key, void *field,
                           const char *value);

struct config_key {
    enum section section;
    const char *name;
    size_t offset;
    bool may_continue; /* in indented lines */
    config_setter *set;
    const char *expected; /* ends the sentence "FILE:LINE: expected ..." */
};

/* config.c: as asprintf(); NULL: out of memory. */
char *config_text(const char *format, ...) PRINTF_LIKE(1, 2);
/* Notes the first error: "FILE:LINE: @what". Takes @what; NULL: out of memory. */
void config_error(struct config_parse *parse, char *what);
/* "expected ...", as @key has it. */
void config_expected(struct config_parse *parse, const struct config_key *key);

/* config_keys.c: the row of @name in the section that is being read, and its bit of keys_seen. NULL: there is none. */
const struct config_key *config_key_find(const struct config_parse *parse, const char *name,
                                         unsigned *ret_bit);
/* The key of that section whose name is most like @name. */
const char *config_key_nearest(const struct config_parse *parse, const char *name);

/* config_file.c: adds what @path says to @config. Errors: -errno, -EINVAL; @why is set with each but -ENOMEM. */
MUST_CHECK int config_read_file(struct client_config *config, const char *path, char **why);
