/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - privyseal: reads options and words, runs a command (commands.c has the table), and says failures.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/commands.h"
#include "cli/connect.h"
#include "include/table.h"

static const struct option common_options[] = {
    { "config", required_argument, NULL, 'c' }, { "identity", required_argument, NULL, 'i' },
    { "json", no_argument, NULL, 'j' },         { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
};

#define OWN_OPTION 256 /* getopt's value of the command's first option */

const char *cli_option(const struct cli *cli, const char *name)
{
    const struct command *command = cli->command;

    for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name; i++)
        if (strcmp(command->options[i].name, name) == 0)
            return cli->values[i];
    return NULL;
}

enum cli_exit cli_option_number(const struct cli *cli, const char *name, long fallback, long min, long max,
                                long *ret)
{
    const char *text = cli_option(cli, name);
    char *end;
    long value;

    *ret = fallback;
    if (!text)
        return CLI_DONE;
    value = strtol(text, &end, 10);
    if (end == text || *end || value < min || value > max)
        return cli_fail(cli, CLI_USAGE, NULL, "--%s takes a number from %ld to %ld, not \"%s\"", name, min,
                        max, text);
    *ret = value;
    return CLI_DONE;
}

/* "`privyseal user add --help` lists what there is." */
static void help_for(const struct command *command, char *ret, size_t size)
{
    snprintf(ret, size, "`privyseal %s%s%s%s--help` lists what there is.", command ? command->noun : "",
             command ? " " : "", command && command->verb ? command->verb : "",
             command && command->verb ? " " : "");
}

enum cli_exit cli_fail(const struct cli *cli, enum cli_exit status, const char *next, const char *format, ...)
{
    CLEANUP(json_decref) json_t *object = NULL;
    char what[1024], help[128];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (!next && status == CLI_USAGE && cli) {
        help_for(cli->command, help, sizeof(help));
        next = help;
    }
    fprintf(stderr, "privyseal: %s\n", what);
    if (next)
        fprintf(stderr, "           %s\n", next);
    if (!cli || !cli->is_json)
        return status;
    object = json_pack("{s:{s:i, s:s, s:s?}}", "error", "status", (int)status, "what", what, "next", next);
    if (cli->partial) {
        json_object_update(cli->partial, object);
        return status;
    }
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    return status;
}

/* What a failure means for the exit status; the first row that fits. */
static const struct {
    enum reason reason; /* REASON_NONE: any */
    CK_RV rv;           /* CKR_OK: any */
    enum cli_exit status;
} failure_exits[] = {
    { REASON_NOT_PERMITTED, CKR_OK, CLI_NOT_PERMITTED },
    { REASON_APPROVAL_NEEDED, CKR_OK, CLI_WAITS },
    { REASON_NONE, CKR_DEVICE_REMOVED, CLI_UNREACHABLE },
    { REASON_UNAVAILABLE, CKR_OK, CLI_UNREACHABLE },
    { REASON_NONE, CKR_PIN_INCORRECT, CLI_PIN },
    { REASON_NONE, CKR_PIN_LOCKED, CLI_PIN },
    { REASON_NONE, CKR_PIN_LEN_RANGE, CLI_PIN },
    { REASON_NONE, CKR_PIN_INVALID, CLI_PIN },
    { REASON_NONE, CKR_USER_PIN_NOT_INITIALIZED, CLI_PIN },
    { REASON_NONE, CKR_TOKEN_NOT_PRESENT, CLI_NOT_PERMITTED },
    { REASON_NONE, CKR_OK, CLI_REFUSED },
};

static enum cli_exit failure_exit(CK_RV rv, enum reason reason)
{
    size_t i = 0;

    while ((failure_exits[i].reason && failure_exits[i].reason != reason) ||
           (failure_exits[i].rv && failure_exits[i].rv != rv))
        i++;
    return failure_exits[i].status;
}

enum cli_exit cli_fail_remote(const struct cli *cli, const char *doing, CK_RV rv,
                              const struct remote_error *error)
{
    const struct failure *failure = &error->failure;
    enum cli_exit status = failure_exit(rv, failure->reason);
    const char *sentence = failure->reason ? reason_row(failure->reason)->sentence : NULL;
    char next[384] = "", id[2 * APPROVAL_ID_LEN + 1];

    hex_encode(BYTES_OF_ARRAY(failure->approval), id);
    if (failure->reason == REASON_PIN_INCORRECT)
        snprintf(next, sizeof(next), "%u more wrong tries lock the token.", failure->tries_left);
    else if (failure->has_approval)
        snprintf(next, sizeof(next), "They look at it with `privyseal request show %s`, then approve it.",
                 id);
    else if (failure->retry_after_ms)
        snprintf(next, sizeof(next), "Try again in %u seconds.", (failure->retry_after_ms + 999) / 1000);
    else if (status == CLI_UNREACHABLE)
        snprintf(next, sizeof(next),
                 "Is the proxy running, and is this the right address? `privyseal doctor` looks.");
    if (failure->request_id[0])
        snprintf(next + strlen(next), sizeof(next) - strlen(next), "%s(request %s)", next[0] ? " " : "",
                 failure->request_id);
    if (sentence && *failure->detail) /* the reason's own, then what the signer has to say besides */
        return cli_fail(cli, status, next[0] ? next : NULL, "%s: %s (%s)", doing, sentence, failure->detail);
    return cli_fail(cli, status, next[0] ? next : NULL, "%s: %s", doing,
                    sentence           ? sentence
                    : error->detail[0] ? error->detail
                                       : "it failed");
}

/*
 * Whether @argument is an option whose value is the next argument, for any command: "--token", or short for
 * it.
 */
static bool takes_next(const char *argument)
{
    size_t len = strlen(argument);

    if (len <= 2 || strncmp(argument, "--", 2) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(common_options); i++)
        if (common_options[i].has_arg && strncmp(common_options[i].name, argument + 2, len - 2) == 0)
            return true;
    for (const struct command *command = commands; command->noun; command++)
        for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name; i++)
            if (command->options[i].value && strncmp(command->options[i].name, argument + 2, len - 2) == 0)
                return true;
    return false;
}

/*
 * Which options there are depends on the command, and options may come before, between and after its words:
 * so look for the first two words that are no option and no option's value.
 */
static int peek_words(int argc, char **argv, char *ret[2])
{
    int count = 0;

    for (int i = 1; i < argc && count < 2; i++) {
        if (argv[i][0] != '-')
            ret[count++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            break;
        else if (takes_next(argv[i]))
            i++;
    }
    return count;
}

static size_t collect_options(const struct command *command, struct option *ret)
{
    size_t count = 0;

    for (; count < ARRAY_SIZE(common_options); count++)
        ret[count] = common_options[count];
    for (size_t i = 0; command && i < CLI_OPTIONS_MAX && command->options[i].name; i++)
        ret[count++] = (struct option){ command->options[i].name,
                                        command->options[i].value ? required_argument : no_argument, NULL,
                                        OWN_OPTION + (int)i };
    ret[count] = (struct option){ 0 };
    return count;
}

/* --help, for as much of a command as was named. */
static void print_help(const struct cli *cli, const char *noun)
{
    if (cli->command)
        command_print(stdout, cli->command);
    else if (noun && command_is_noun(noun))
        command_print_noun(stdout, noun);
    else
        command_print_all(stdout);
}

enum parsed { PARSED_RUN, PARSED_DONE, PARSED_USAGE };

/* What getopt_long() said about @given: '?' or ':'. */
static enum parsed fail_option(const struct cli *cli, int said, const char *given)
{
    const char character[] = { '-', (char)optopt, '\0' };

    if (said == ':')
        cli_fail(cli, CLI_USAGE, NULL, "%s wants a value", given);
    else if (optopt && strncmp(given, "--", 2) == 0) /* getopt(3): its value, where it has none */
        cli_fail(cli, CLI_USAGE, NULL, "%.*s takes no value", (int)strcspn(given, "="), given);
    else
        cli_fail(cli, CLI_USAGE, NULL, "no option %s", optopt ? character : given);
    return PARSED_USAGE;
}

/* Before options are read: how to say that one of them is none. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0)
            return true;
    return false;
}

static enum parsed parse_options(struct cli *cli, const char *noun, int argc, char **argv)
{
    struct option options[ARRAY_SIZE(common_options) + CLI_OPTIONS_MAX + 1];
    int c;

    cli->is_json = wants_json(argc, argv);
    collect_options(cli->command, options);
    while ((c = getopt_long(argc, argv, ":hVj", options, NULL)) != -1) {
        if (c >= OWN_OPTION)
            cli->values[c - OWN_OPTION] = optarg ? optarg : "";
        else if (c == 'c')
            cli->config_path = optarg;
        else if (c == 'i')
            cli->identity_name = optarg;
        else if (c == 'j')
            cli->is_json = true;
        else if (c == 'V')
            return puts("privyseal " PRIVYSEAL_VERSION), PARSED_DONE;
        else if (c == 'h')
            return print_help(cli, noun), PARSED_DONE;
        else
            return fail_option(cli, c, argv[optind - 1]);
    }
    return PARSED_RUN;
}

/* The words name no command: say what was meant, or what there is. */
static enum cli_exit fail_command(const struct cli *cli, int count, char **words)
{
    const char *noun = count && command_is_noun(words[0]) ? words[0] : NULL, *meant;

    if (count == 0) {
        command_print_all(stderr);
        return CLI_USAGE;
    }
    if (noun && count == 1) {
        cli_fail(cli, CLI_USAGE, NULL, "\"%s\" is not a whole command; there are:", noun);
        command_print_noun(stderr, noun);
        return CLI_USAGE;
    }
    meant = command_nearest(noun, words[noun ? 1 : 0]);
    if (meant)
        return cli_fail(cli, CLI_USAGE, "`privyseal --help` lists the commands.",
                        "no command \"%s%s%s\"; did you mean \"%s%s%s\"?", words[0], noun ? " " : "",
                        noun ? words[1] : "", noun ? noun : "", noun ? " " : "", meant);
    return cli_fail(cli, CLI_USAGE, "`privyseal --help` lists the commands.", "no command \"%s%s%s\"",
                    words[0], noun ? " " : "", noun ? words[1] : "");
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    char synopsis[128];
    int used = 0;

    cli->command = command_find(argc - optind, argv + optind, &used);
    if (!cli->command)
        return fail_command(cli, argc - optind, argv + optind);
    cli->args = argv + optind + used;
    cli->arg_count = argc - optind - used;
    command_synopsis(cli->command, synopsis, sizeof(synopsis));
    if (cli->arg_count < cli->command->min_args)
        return cli_fail(cli, CLI_USAGE, NULL, "too few arguments; usage: privyseal %s", synopsis);
    if (cli->arg_count > cli->command->max_args)
        return cli_fail(cli, CLI_USAGE, NULL, "too many arguments; usage: privyseal %s", synopsis);
    cli->token_name = cli_option(cli, "token");
    return cli->command->run(cli);
}

/* PINs pass through this process: it leaves no core and no debugger without rights attaches. */
static void harden(void)
{
    const struct rlimit none = { 0, 0 };

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
}

/* What was to be told has been told, or that is said. Who closed the pipe has read enough and hears nothing. */
static enum cli_exit finish_output(enum cli_exit status)
{
    bool is_lost = ferror(stdout) != 0;

    errno = 0;
    if (fflush(stdout) == 0 && !is_lost)
        return status;
    if (errno != EPIPE)
        fprintf(stderr,
                "privyseal: standard output cannot be written: %s\n"
                "           Not all of the answer is there.\n",
                errno ? strerror(errno) : "an earlier part was lost");
    return status == CLI_DONE ? CLI_REFUSED : status;
}

int main(int argc, char **argv)
{
    struct cli cli = { 0 };
    enum cli_exit status = CLI_DONE;
    char *words[2];
    int count = peek_words(argc, argv, words), used;

    harden();
    cli.command = command_find(count, words, &used);
    switch (parse_options(&cli, count ? words[0] : NULL, argc, argv)) {
    case PARSED_RUN:
        status = run(&cli, argc, argv);
        connect_close(&cli);
        break;
    case PARSED_USAGE:
        status = CLI_USAGE;
        break;
    case PARSED_DONE:
        break;
    }
    return finish_output(status);
}
