/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - privyseal: options, the table of commands, usage, and the one place where failures are said.
 */
#include "cli/cli.h"

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

#define OPTION_PIN                                                                                           \
    {                                                                                                        \
        "pin-file", "FILE", "read the PIN from FILE (- for standard input) instead of the terminal"          \
    }
#define OPTION_TOKEN                                                                                         \
    {                                                                                                        \
        "token", "NAME", "which token, where the configuration has several"                                  \
    }

const struct command commands[] = {
    { "init",
      NULL,
      "DIR",
      1,
      1,
      "create a deployment: CA, HSM token and master keys, store, configuration",
      cmd_init,
      { { "realm", "NAME", "the deployment's name (default: privyseal)" },
        { "listen", "HOST:PORT", "where the proxy listens (default: 127.0.0.1:7443)" },
        { "hostname", "NAME", "a name clients will use for it, for its certificate (default: this host's)" },
        { "hsm-module", "FILE", "PKCS#11 library of the HSM (default: SoftHSM)" },
        { "allow-software-hsm", NULL, "accept an HSM that is only software: for tests and demonstrations" },
        { "partitions", NULL, "also hold users' keys in HSM partitions of their own" },
        { "signers", "N", "signer processes (default: one per core)" },
        { "front-user", "USER", "whom the network-facing process runs as (name or number)" },
        { "signer-user", "USER", "whom the signer processes run as (name or number)" },
        { "privyseald", "FILE", "the daemon's program (default: found beside this one, or in PATH)" } } },
    { "user",
      "add",
      "USER",
      1,
      1,
      "add a user; prints the activation code",
      cmd_user_add,
      { { "custody", "KIND", "wrapped (default) or partition" },
        { "hours", "N", "how long the activation code is good for (default: 168)" } } },
    { "user", "list", "", 0, 0, "list users", cmd_user_list, { { NULL, NULL, NULL } } },
    { "user",
      "show",
      "USER",
      1,
      1,
      "show a user's keys, certificates and devices",
      cmd_user_show,
      { { NULL, NULL, NULL } } },
    { "user",
      "disable",
      "USER",
      1,
      1,
      "no more signatures by this user, at once",
      cmd_user_disable,
      { { NULL, NULL, NULL } } },
    { "user", "enable", "USER", 1, 1, "undo disable", cmd_user_enable, { { NULL, NULL, NULL } } },
    { "cert",
      "request",
      "[FILE]",
      0,
      1,
      "make a certificate request (PEM): for a token's key, or for a device",
      cmd_cert_request,
      { { "key", "ID", "the token's key: hexadecimal id or label (default: the newest)" },
        { "device", "KEYFILE", "for this device instead: makes a private key in KEYFILE" },
        { "subject", "DN", "such as /C=AT/O=Example/CN=Ann Example (default: /CN=USER)" },
        OPTION_TOKEN,
        OPTION_PIN } },
    { "cert",
      "issue",
      "USER CSR [FILE]",
      2,
      3,
      "sign a request with the deployment's CA; registers devices",
      cmd_cert_issue,
      { { "ca", "DIR", "the CA's directory (default: PRIVYSEAL_CA)" },
        { "profile", "KIND", "signing (default), device, application, operator, auditor or server" },
        { "days", "N", "validity (default: 730)" } } },
    { "cert",
      "import",
      "FILE",
      1,
      1,
      "store a certificate (PEM) with its key on the token",
      cmd_cert_import,
      { { "label", "TEXT", "CKA_LABEL (default: the subject's common name)" }, OPTION_TOKEN, OPTION_PIN } },
    { "pin",
      "set",
      "",
      0,
      0,
      "set the first PIN with the activation code",
      cmd_pin_set,
      { { "code-file", "FILE", "read the activation code from FILE (- for standard input)" },
        OPTION_TOKEN,
        OPTION_PIN } },
    { "pin",
      "change",
      "",
      0,
      0,
      "change the PIN",
      cmd_pin_change,
      { { "new-pin-file", "FILE", "read the new PIN from FILE" }, OPTION_TOKEN, OPTION_PIN } },
    { "pin",
      "unlock",
      "USER",
      1,
      1,
      "clear a lock; the PIN stays as it is",
      cmd_pin_unlock,
      { { NULL, NULL, NULL } } },
    { "key",
      "generate",
      "",
      0,
      0,
      "make a key in the HSM",
      cmd_key_generate,
      { { "type", "TYPE", "rsa-2048, rsa-3072 (default), rsa-4096, p-256, p-384, p-521, ed25519" },
        { "label", "TEXT", "CKA_LABEL" },
        OPTION_TOKEN,
        OPTION_PIN } },
    { "key", "list", "", 0, 0, "list the token's keys", cmd_key_list, { OPTION_TOKEN } },
    { "token",
      "show",
      "",
      0,
      0,
      "show the token: keys, certificates, PIN state, mechanisms",
      cmd_token_show,
      { OPTION_TOKEN } },
    { "status",
      NULL,
      "",
      0,
      0,
      "show the deployment: users, signer, HSM, what it cannot enforce",
      cmd_status,
      { { NULL, NULL, NULL } } },
    { "audit",
      "show",
      "",
      0,
      0,
      "show the audit records",
      cmd_audit_show,
      { { "user", "USER", "only this token's" },
        { "event", "NAME", "only this event" },
        { "last", "N", "only the last N of every log" } } },
    { "audit",
      "verify",
      "",
      0,
      0,
      "check the hash chains, and the logs against the heads in the store",
      cmd_audit_verify,
      { { "dir", "DIR", "check copies of the log files instead of asking the server" },
        { "realm", "NAME", "with --dir: the deployment's name" },
        { "key", "FILE", "check the signed checkpoints too, with the deployment's tls/audit.pem" } } },
    { "doctor",
      NULL,
      "",
      0,
      0,
      "say in words what is wrong with this client's set-up",
      cmd_doctor,
      { OPTION_TOKEN } },
    { "apps",
      "list",
      "",
      0,
      0,
      "show which applications of yours load the module",
      cmd_apps_list,
      { { NULL, NULL, NULL } } },
    { "apps",
      "add",
      "firefox|libreoffice|ssh...",
      1,
      3,
      "register the module in your applications",
      cmd_apps_add,
      { { "module", "FILE", "the module (default: the installed one)" } } },
    { "apps",
      "remove",
      "firefox|libreoffice|ssh...",
      1,
      3,
      "take the module out of them again",
      cmd_apps_remove,
      { { NULL, NULL, NULL } } },
    { "completion",
      NULL,
      "",
      0,
      0,
      "print a completion script for bash",
      cmd_completion,
      { { NULL, NULL, NULL } } },
    { NULL, NULL, NULL, 0, 0, NULL, NULL, { { NULL, NULL, NULL } } },
};

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

enum cli_exit cli_fail(const struct cli *cli, enum cli_exit status, const char *next, const char *format, ...)
{
    CLEANUP(json_decref) json_t *object = NULL;
    char what[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    fprintf(stderr, "privyseal: %s\n", what);
    if (next)
        fprintf(stderr, "           %s\n", next);
    if (cli && cli->is_json) {
        object =
            json_pack("{s:{s:i, s:s, s:s?}}", "error", "status", (int)status, "what", what, "next", next);
        json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    return status;
}

/* What a failure means for the exit status; the first row that fits. */
static const struct {
    enum reason reason; /* REASON_NONE: any */
    CK_RV rv;           /* CKR_OK: any */
    enum cli_exit status;
} failure_exits[] = {
    { REASON_NOT_PERMITTED, CKR_OK, CLI_NOT_PERMITTED },
    { REASON_NONE, CKR_DEVICE_REMOVED, CLI_UNREACHABLE },
    { REASON_UNAVAILABLE, CKR_OK, CLI_UNREACHABLE },
    { REASON_NONE, CKR_PIN_INCORRECT, CLI_PIN },
    { REASON_NONE, CKR_PIN_LOCKED, CLI_PIN },
    { REASON_NONE, CKR_PIN_LEN_RANGE, CLI_PIN },
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
    char next[384] = "";

    if (failure->reason == REASON_PIN_INCORRECT)
        snprintf(next, sizeof(next), "%u more wrong tries lock the token.", failure->tries_left);
    else if (failure->retry_after_ms)
        snprintf(next, sizeof(next), "Try again in %u seconds.", (failure->retry_after_ms + 999) / 1000);
    else if (status == CLI_UNREACHABLE)
        snprintf(next, sizeof(next),
                 "Is the proxy running, and is this the right address? `privyseal doctor` looks.");
    if (failure->request_id[0])
        snprintf(next + strlen(next), sizeof(next) - strlen(next), "%s(request %s)", next[0] ? " " : "",
                 failure->request_id);
    return cli_fail(cli, status, next[0] ? next : NULL, "%s: %s%s%s", doing,
                    sentence           ? sentence
                    : error->detail[0] ? error->detail
                                       : "it failed",
                    sentence && error->detail[0] ? ": " : "", sentence ? error->detail : "");
}

static void print_usage(FILE *out)
{
    const char *noun = NULL;

    fputs("Usage: privyseal [--config FILE] [--identity NAME] [--json] NOUN VERB [ARGUMENTS]\n", out);
    for (const struct command *command = commands; command->noun; command++) {
        if (!noun || strcmp(noun, command->noun) != 0)
            fputc('\n', out);
        noun = command->noun;
        fprintf(out, "  privyseal %s%s%s %s\n      %s\n", command->noun, command->verb ? " " : "",
                command->verb ? command->verb : "", command->arguments, command->help);
    }
    fputs("\nExit status: 0 done, 1 refused or failed, 2 usage, 3 unreachable, 4 PIN wrong or locked, 5 not "
          "permitted.\n"
          "`privyseal NOUN VERB --help` lists a command's options; privyseal(1) tells more.\n",
          out);
}

static void print_command(const struct command *command)
{
    printf("Usage: privyseal %s%s%s [OPTIONS] %s\n\n%s\n", command->noun, command->verb ? " " : "",
           command->verb ? command->verb : "", command->arguments, command->help);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name; i++)
        printf("  --%s%s%s\n        %s\n", command->options[i].name, command->options[i].value ? " " : "",
               command->options[i].value ? command->options[i].value : "", command->options[i].help);
}

/* The row that the first words name. @ret_used: how many words. */
static const struct command *find_command(int count, char **words, int *ret_used)
{
    for (const struct command *command = commands; count && command->noun; command++) {
        if (strcmp(command->noun, words[0]) != 0)
            continue;
        if (command->verb && (count < 2 || strcmp(command->verb, words[1]) != 0))
            continue;
        *ret_used = command->verb ? 2 : 1;
        return command;
    }
    return NULL;
}

/*
 * The options come before, between and after the words, so the command is not known when the first is read: look for
 * the first two words that are no option and no option's value.
 */
static const struct command *peek_command(int argc, char **argv)
{
    char *words[2];
    int count = 0, used;

    for (int i = 1; i < argc && count < 2; i++) {
        if (argv[i][0] != '-')
            words[count++] = argv[i];
        else if (strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "--identity") == 0)
            i++;
        else if (count)
            break;
    }
    return find_command(count, words, &used);
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

enum parsed { PARSED_RUN, PARSED_DONE, PARSED_USAGE };

static enum parsed parse_options(struct cli *cli, int argc, char **argv)
{
    struct option options[ARRAY_SIZE(common_options) + CLI_OPTIONS_MAX + 1];
    int c;

    collect_options(cli->command, options);
    while ((c = getopt_long(argc, argv, "hVj", options, NULL)) != -1) {
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
            return cli->command ? print_command(cli->command) : print_usage(stdout), PARSED_DONE;
        else
            return PARSED_USAGE;
    }
    return PARSED_RUN;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    const struct command *command;
    int used = 0;

    command = find_command(argc - optind, argv + optind, &used);
    if (!command) {
        if (optind < argc)
            fprintf(stderr, "privyseal: no command \"%s%s%s\"\n\n", argv[optind],
                    optind + 1 < argc ? " " : "", optind + 1 < argc ? argv[optind + 1] : "");
        print_usage(stderr);
        return CLI_USAGE;
    }
    cli->args = argv + optind + used;
    cli->arg_count = argc - optind - used;
    if (cli->arg_count < command->min_args || cli->arg_count > command->max_args)
        return cli_fail(cli, CLI_USAGE, "--help says more.", "usage: privyseal %s%s%s %s", command->noun,
                        command->verb ? " " : "", command->verb ? command->verb : "", command->arguments);
    cli->token_name = cli_option(cli, "token");
    return command->run(cli);
}

/* PINs pass through this process: it leaves no core and no debugger without rights attaches. */
static void harden(void)
{
    const struct rlimit none = { 0, 0 };

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    struct cli cli = { .command = peek_command(argc, argv) };
    enum cli_exit status = CLI_DONE;

    harden();
    switch (parse_options(&cli, argc, argv)) {
    case PARSED_RUN:
        status = run(&cli, argc, argv);
        connect_close(&cli);
        break;
    case PARSED_USAGE:
        fputs("`privyseal --help` lists the commands.\n", stderr);
        status = CLI_USAGE;
        break;
    case PARSED_DONE:
        break;
    }
    if (fflush(stdout) != 0 && status == CLI_DONE)
        status = CLI_REFUSED;
    return status;
}
