/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - what every command of `privyseal` gets: its options, its connection, its ways to answer and to
 * fail.
 *
 * A command is a row in commands[] (commands.c) and a function in a cmd_*.c. It builds one JSON value and
 * gives it to output_*(), which prints it for people or, with --json, as it is.
 */
#pragma once

#include <stdbool.h>

#include "client/config.h"
#include "client/remote.h"
#include "include/cleanup.h"
#include "include/json.h"

/* Exit statuses, part of the interface: privyseal(1). */
enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1, /* refused, or failed */
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
    CLI_PIN = 4, /* PIN wrong or locked */
    CLI_NOT_PERMITTED = 5,
    CLI_WAITS = 6,   /* asked for: done when a second person approves it */
    CLI_PARTIAL = 7, /* of many things some were done, and some not */
};

#define CLI_OPTIONS_MAX 24

struct command_option {
    const char *name;  /* "csr" */
    const char *value; /* "FILE" in usage; NULL: a switch */
    const char *help;
};

struct cli;

struct command {
    const char *noun, *verb; /* verb NULL: the noun stands alone */
    const char *arguments;   /* "USER", "[DIR]", "" */
    int min_args, max_args;
    const char *help;
    enum cli_exit (*run)(struct cli *cli);
    struct command_option options[CLI_OPTIONS_MAX];
};

struct cli {
    const struct command *command;
    /* options for every command */
    const char *config_path, *identity_name, *token_name;
    bool is_json;
    json_t *
        partial; /* where the JSON of a failure goes, into what is printed at the end; NULL: it is printed at once */
    /* of this command */
    const char *values[CLI_OPTIONS_MAX]; /* "" for a switch that was given */
    char **args;
    int arg_count;
    /* opened on demand (connect.h) */
    struct client_config *config;
    const struct deployment_config *deployment;
    struct deployment_config *single; /* a view of the deployment with one endpoint: connect_endpoint() */
    const struct deployment_config *whole;
    size_t asked; /* the number of that endpoint */
    const struct identity_config *identity;
    struct remote *remote;
    struct remote_token *token;
};

/* The value of an option of this command; NULL: not given. */
const char *cli_option(const struct cli *cli, const char *name);
/* A number from an option: @fallback when not given. Fails with CLI_USAGE outside [min, max]. */
MUST_CHECK enum cli_exit cli_option_number(const struct cli *cli, const char *name, long fallback, long min,
                                           long max, long *ret);

/*
 * Every failure of the program passes here: what happened and why; what to do next (NULL: nothing
 * to say; of usage, what --help says). Returns @status.
 */
enum cli_exit cli_fail(const struct cli *cli, enum cli_exit status, const char *next, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* The same for a failed remote call. @doing: "signing in as alice". */
enum cli_exit cli_fail_remote(const struct cli *cli, const char *doing, CK_RV rv,
                              const struct remote_error *error);
