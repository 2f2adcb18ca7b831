/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - the table of commands, how one is found in it, and the usage that is printed from it. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/audit_filter.h"
#include "include/spelling.h"

#define OPTION_PIN                                                                                           \
    {                                                                                                        \
        "pin-file", "FILE", "read the PIN from FILE (- for standard input) instead of the terminal"          \
    }
#define OPTION_CODE                                                                                          \
    {                                                                                                        \
        "code-file", "FILE", "read the code of the second factor, if one is asked for, from FILE"            \
    }
/* Of every command that logs in. */
#define OPTION_LOGIN OPTION_PIN, OPTION_CODE
#define OPTION_TOKEN                                                                                         \
    {                                                                                                        \
        "token", "NAME", "which token, where the configuration has several"                                  \
    }

#define OPTION_SERVER                                                                                        \
    { "server-config", "FILE", "privyseald.conf (default: /etc/privyseal/privyseald.conf)" },                \
    {                                                                                                        \
        "privyseald", "FILE", "the daemon's program (default: found beside this one, or in PATH)"            \
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
        { "proxy", "NAME", "this proxy's name among those that share a store (default: this host's)" },
        { "enrolment-listen", "HOST:PORT", "where devices without a certificate enrol (default: nowhere)" },
        { "hostname", "NAME", "a name clients will use for it, for its certificate (default: this host's)" },
        { "store", "URL", "the database: postgresql://... for several proxies (default: SQLite in DIR)" },
        { "hsm-module", "FILE", "PKCS#11 library of the HSM (default: SoftHSM)" },
        { "allow-software-hsm", NULL, "accept an HSM that is only software: for tests and demonstrations" },
        { "no-ca", NULL, "no authorities in the HSM: certificates come from elsewhere" },
        { "partitions", NULL, "also hold users' keys in HSM partitions of their own" },
        { "quorum", "M", "key ceremony: any M of the officers can bring the master keys back" },
        { "officers", "FILE,...", "the officers' public keys, which `officer key` makes" },
        { "signers", "N", "signer processes (default: one per core)" },
        { "front-user", "USER", "whom the network-facing process runs as (name or number)" },
        { "signer-user", "USER", "whom the signer processes run as (name or number)" },
        { "server-config", "FILE",
          "where its configuration goes, such as /etc/privyseal/privyseald.conf (default: DIR)" },
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
    { "device",
      "enroll",
      "USER|URI",
      1,
      1,
      "make this device one of a user's, who knows the PIN (and a code)",
      cmd_device_enroll,
      { { "server", "HOST[:PORT]", "where devices enrol, unless a privyseal:// URI says it (port: 7444)" },
        { "ca-fingerprint", "SHA256", "of the deployment's root; without it the one that is met is shown" },
        { "code-file", "FILE", "read the device code from FILE (- for standard input)" },
        { "label", "TEXT", "what to call this device (default: its host name)" },
        { "directory", "DIR", "where key and configuration go (default: ~/.config/privyseal)" },
        { "yes", NULL, "believe the fingerprint that is met: only where nobody can be in between" },
        OPTION_PIN } },
    { "device",
      "code",
      "[USER]",
      0,
      1,
      "show a code for one more device: of yours; or (operators) of a user's",
      cmd_device_code,
      { { "hours", "N", "how long an operator's code is good (default: 24; a user's: ten minutes)" },
        OPTION_TOKEN,
        OPTION_LOGIN } },
    { "device", "list", "", 0, 0, "list your devices", cmd_device_list, { OPTION_TOKEN, OPTION_LOGIN } },
    { "device",
      "revoke",
      "FINGERPRINT [USER]",
      1,
      2,
      "never let a device in again: one of yours; or (operators) of a user's",
      cmd_device_revoke,
      { { "yes", NULL, "do not ask" }, OPTION_TOKEN, OPTION_LOGIN } },
    { "device",
      "renew",
      "",
      0,
      0,
      "renew this device's certificate",
      cmd_device_renew,
      { { "new-key", NULL, "with a new key" }, OPTION_TOKEN, OPTION_LOGIN } },
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
        OPTION_LOGIN } },
    { "cert",
      "issue",
      "USER CSR [FILE]",
      2,
      3,
      "have a request signed by the deployment's CA; registers devices, puts users' certificates on their "
      "tokens",
      cmd_cert_issue,
      { { "subject", "DN",
          "signing: who signs, such as /C=AT/O=Example/CN=Ann Example (default: the request's)" },
        { "alt-names", "NAMES", "such as DNS:sign.example.org,IP:192.0.2.1 or email:ann@example.org" },
        { "label", "TEXT", "signing: CKA_LABEL (default: the key's)" },
        { "ca", "DIR", "by the authority in these files instead of the server's (not for signing)" },
        { "profile", "KIND", "signing (default), device, application, operator, auditor, officer or server" },
        { "days", "N", "validity (default: the deployment's)" } } },
    { "epoch",
      "new",
      "KIND",
      1,
      1,
      "make the next epoch of a master key: Kd, Kw, Kx or Kseal (on the server, as root)",
      cmd_epoch_new,
      { { "ca", "DIR", "Kseal: the directory of the authority that certifies it" },
        { "without-backup", NULL, "where officers hold a backup of the master keys: this one will not be in it" },
        OPTION_SERVER } },
    { "epoch",
      "list",
      "",
      0,
      0,
      "list the epochs of the master keys, and how many rows need each (on the server, as root)",
      cmd_epoch_list,
      { OPTION_SERVER } },
    { "epoch",
      "destroy",
      "KIND EPOCH",
      2,
      2,
      "destroy an epoch that no row needs (on the server, as root)",
      cmd_epoch_destroy,
      { { "yes", NULL, "do not ask" }, OPTION_SERVER } },
    { "cert",
      "list",
      "",
      0,
      0,
      "list what the deployment's CA issued and what is good of it, by its end",
      cmd_cert_list,
      { { "user", "NAME", "all of one user or principal instead, revoked and expired ones too" },
        { "expiring", "DAYS", "only those that end so soon" } } },
    { "cert",
      "revoke",
      "SERIAL|USER",
      1,
      1,
      "revoke a certificate, or all signing certificates of a user",
      cmd_cert_revoke,
      { { "reason", "REASON", "keyCompromise, affiliationChanged, superseded, cessationOfOperation, "
                              "certificateHold, removeFromCRL ..." },
        { "yes", NULL, "do not ask" } } },
    { "cert",
      "delete",
      "ID",
      1,
      1,
      "delete the certificate of a key (by the key's hexadecimal id or label)",
      cmd_cert_delete,
      { { "yes", NULL, "do not ask" }, OPTION_TOKEN, OPTION_LOGIN } },
    { "cert",
      "import",
      "FILE",
      1,
      1,
      "store a certificate (PEM) with its key on the token",
      cmd_cert_import,
      { { "label", "TEXT", "CKA_LABEL (default: the subject's common name)" }, OPTION_TOKEN, OPTION_LOGIN } },
    { "pin",
      "set",
      "",
      0,
      0,
      "set the first PIN with the activation code",
      cmd_pin_set,
      { { "code-file", "FILE", "read the activation code from FILE (- for standard input)" },
        { "device-secret", NULL, "make the PIN worthless without a secret that stays on your devices" },
        OPTION_TOKEN,
        OPTION_PIN } },
    { "pin",
      "change",
      "",
      0,
      0,
      "change the PIN",
      cmd_pin_change,
      { { "new-pin-file", "FILE", "read the new PIN from FILE" },
        { "device-secret", NULL, "make the PIN worthless without a secret that stays on your devices" },
        OPTION_TOKEN,
        OPTION_LOGIN } },
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
        { "usage", "USE", "sign (default), decrypt (RSA), derive (P-256 and the like)" },
        { "always-authenticate", NULL, "the key wants the PIN anew for every signature" },
        { "label", "TEXT", "CKA_LABEL" },
        OPTION_TOKEN,
        OPTION_LOGIN } },
    { "key",
      "delete",
      "ID",
      1,
      1,
      "delete a key (by hexadecimal id or label), and its certificate",
      cmd_key_delete,
      { { "yes", NULL, "do not ask" }, OPTION_TOKEN, OPTION_LOGIN } },
    { "key",
      "allow",
      "USER",
      1,
      1,
      "let a user make more keys, where the policy asks for a permit (as an operator)",
      cmd_key_allow,
      { { "count", "N", "how many more (default: 1)" } } },
    { "key", "list", "", 0, 0, "list the token's keys", cmd_key_list, { OPTION_TOKEN } },
    { "token",
      "show",
      "",
      0,
      0,
      "show the token: keys, certificates, PIN state, mechanisms",
      cmd_token_show,
      { OPTION_TOKEN } },
    { "factor",
      "add",
      "totp",
      1,
      1,
      "enrol an authenticator application: shows a QR code, asks for a code of it",
      cmd_factor_add,
      { { "confirm-file", "FILE", "read that code from FILE instead of the terminal" },
        OPTION_TOKEN,
        OPTION_LOGIN } },
    { "factor",
      "list",
      "",
      0,
      0,
      "show what is asked for beside the PIN",
      cmd_factor_list,
      { OPTION_TOKEN } },
    { "factor",
      "remove",
      "totp",
      1,
      1,
      "ask for no code any more; needs one",
      cmd_factor_remove,
      { { "confirm-file", "FILE", "read that code from FILE instead of the terminal" },
        OPTION_TOKEN,
        OPTION_LOGIN } },
    { "factor",
      "reset",
      "USER",
      1,
      1,
      "take a user's authenticator away (a lost phone)",
      cmd_factor_reset,
      { { NULL, NULL, NULL } } },
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
      { AUDIT_FILTER_OPTIONS,
        { "limit", "N", "only the newest N" },
        { "follow", NULL, "go on, and show records as they come" } } },
    { "audit",
      "export",
      "[FILE]",
      0,
      1,
      "write the audit records to a file, or standard output, for other programs",
      cmd_audit_export,
      { AUDIT_FILTER_OPTIONS, { "format", "FORMAT", "jsonl (default: the records as they are) or cef" } } },
    { "audit",
      "verify",
      "",
      0,
      0,
      "check the hash chains, and the logs against the heads in the store",
      cmd_audit_verify,
      { { "dir", "DIR", "check copies of the log files instead of asking the server" },
        { "archive", "DIR", "with --dir: closed files that were moved there, maybe compressed" },
        { "realm", "NAME", "with --dir: the deployment's name" },
        { "key", "FILE", "check the signed checkpoints too, with the deployment's tls/audit.pem" },
        { "state", "FILE", "compare with an earlier check, and remember this one" },
        { "complete", NULL, "refuse logs whose oldest files are elsewhere" },
        { "mine", "FILE", "check what `audit mine --export` wrote" } } },
    { "audit",
      "mine",
      "",
      0,
      0,
      "show what the audit logs say about your own token",
      cmd_audit_mine,
      { { "export", "FILE", "write it there, with the proofs that `audit verify --mine` checks" },
        OPTION_TOKEN,
        OPTION_LOGIN } },
    { "officer",
      "key",
      "FILE",
      1,
      1,
      "make an officer's key: FILE stays with the officer, FILE.pub is for the deployment",
      cmd_officer_key,
      { { NULL, NULL, NULL } } },
    { "operator",
      "add",
      "NAME CSR [FILE]",
      2,
      3,
      "let another operator, officer or auditor in, for a request made with cert request --device",
      cmd_operator_add,
      { { "role", "ROLE", "operator (default), officer or auditor" },
        { "ca", "DIR", "by the authority in these files instead of the server's" },
        { "days", "N", "validity (default: the deployment's)" } } },
    { "operator",
      "list",
      "",
      0,
      0,
      "list operators, officers and auditors",
      cmd_operator_list,
      { { NULL, NULL, NULL } } },
    { "operator",
      "disable",
      "NAME",
      1,
      1,
      "let one of them in no more, at once",
      cmd_operator_disable,
      { { NULL, NULL, NULL } } },
    { "operator", "enable", "NAME", 1, 1, "undo disable", cmd_operator_enable, { { NULL, NULL, NULL } } },
    { "request",
      "list",
      "",
      0,
      0,
      "list what waits for a second person",
      cmd_request_list,
      { { "all", NULL, "also what was decided, or expired" } } },
    { "request",
      "show",
      "ID",
      1,
      1,
      "show in words what a request asks for",
      cmd_request_show,
      { { NULL, NULL, NULL } } },
    { "request",
      "approve",
      "ID",
      1,
      1,
      "approve what another operator asked for, and have it done",
      cmd_request_approve,
      { { "yes", NULL, "do not show it and ask" },
        { "out", "FILE", "where a certificate that is issued by it goes (default: standard output)" } } },
    { "request",
      "reject",
      "ID",
      1,
      1,
      "turn a request down, or withdraw one's own",
      cmd_request_reject,
      { { NULL, NULL, NULL } } },
    { "officer",
      "share",
      "REQUEST SHARE",
      2,
      2,
      "give your share to whoever made REQUEST",
      cmd_officer_share,
      { { "key", "FILE", "your officer's key" }, { "yes", NULL, "do not ask" } } },
    { "backup",
      "show",
      "FILE",
      1,
      1,
      "what a backup says of itself, without opening it",
      cmd_backup_show,
      { { NULL, NULL, NULL } } },
    { "backup",
      "verify",
      "FILE",
      1,
      1,
      "check that a backup is as the HSM signed it",
      cmd_backup_verify,
      { { "root", "FILE", "the deployment's tls/root.pem, from elsewhere than the backup" },
        { "audit-key", "FILE", "or its tls/audit.pem" } } },
    { "backup",
      NULL,
      "FILE",
      1,
      1,
      "back the deployment up, while it runs, for its officers",
      cmd_backup,
      { { "server-config", "FILE", "the daemon's configuration (default: /etc/privyseal/privyseald.conf)" },
        { "quorum", "M", "how many officers open it (default: as in the key ceremony)" },
        { "officers", "FILE,...", "their public keys (default: as in the key ceremony)" },
        { "privyseald", "FILE", "the daemon's program (default: found beside this one, or in PATH)" } } },
    { "restore",
      NULL,
      "FILE DIR [SHARE...]",
      2,
      34,
      "make a deployment again from its backup: asks the officers first, then takes their shares",
      cmd_restore,
      { { "root", "FILE", "the deployment's tls/root.pem, from elsewhere than the backup" },
        { "audit-key", "FILE", "or its tls/audit.pem" },
        { "privyseald", "FILE", "the daemon's program (default: found beside this one, or in PATH)" } } },
    { "hsm",
      "add",
      "CONFIG REQUEST [SHARE...]",
      2,
      34,
      "put the master keys into the HSM that CONFIG names: asks the officers first",
      cmd_hsm_add,
      { { "master-backup", "FILE", "the first time: the wrapped master keys" },
        { "privyseald", "FILE", "the daemon's program (default: found beside this one, or in PATH)" } } },
    { "store",
      "migrate",
      "URL",
      1,
      1,
      "copy all rows into another, empty database, and compare",
      cmd_store_migrate,
      { { "server-config", "FILE", "the daemon's configuration (default: /etc/privyseal/privyseald.conf)" },
        { "privyseald", "FILE", "the daemon's program (default: found beside this one, or in PATH)" } } },
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

/* ----------------------------------------------------------------------------------------------- finding */

const struct command *command_find(int count, char *const *words, int *ret_used)
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

bool command_is_noun(const char *word)
{
    for (const struct command *command = commands; command->noun; command++)
        if (strcmp(command->noun, word) == 0)
            return true;
    return false;
}

/* A third of the word may be mistyped. */
static void keep_nearest(const char *word, const char *candidate, unsigned *distance, const char **nearest)
{
    unsigned now = spelling_distance(word, candidate);

    if (now < *distance && now <= (strlen(word) + 2) / 3) {
        *distance = now;
        *nearest = candidate;
    }
}

const char *command_nearest(const char *noun, const char *word)
{
    const char *nearest = NULL;
    unsigned distance = UINT_MAX;

    for (const struct command *command = commands; command->noun; command++) {
        if (!noun)
            keep_nearest(word, command->noun, &distance, &nearest);
        else if (command->verb && strcmp(command->noun, noun) == 0)
            keep_nearest(word, command->verb, &distance, &nearest);
    }
    return nearest;
}

/* ------------------------------------------------------------------------------------------------- usage */

void command_synopsis(const struct command *command, char *ret, size_t size)
{
    snprintf(ret, size, "%s%s%s%s%s", command->noun, command->verb ? " " : "",
             command->verb ? command->verb : "", *command->arguments ? " " : "", command->arguments);
}

static void print_row(FILE *out, const struct command *command)
{
    char synopsis[128];

    command_synopsis(command, synopsis, sizeof(synopsis));
    fprintf(out, "  privyseal %s\n      %s\n", synopsis, command->help);
}

void command_print_all(FILE *out)
{
    const char *noun = "";

    fputs("Usage: privyseal [--config FILE] [--identity NAME] [--json] NOUN [VERB] [ARGUMENTS]\n", out);
    for (const struct command *command = commands; command->noun; command++) {
        if (strcmp(noun, command->noun) != 0)
            fputc('\n', out);
        noun = command->noun;
        print_row(out, command);
    }
    fputs("\nExit status: 0 done, 1 refused or failed, 2 usage, 3 unreachable, 4 PIN wrong or locked, 5 not "
          "permitted, 6 waits for a second person.\n"
          "`privyseal NOUN VERB --help` lists a command's options; privyseal(1) tells more.\n",
          out);
}

void command_print_noun(FILE *out, const char *noun)
{
    for (const struct command *command = commands; command->noun; command++)
        if (strcmp(command->noun, noun) == 0)
            print_row(out, command);
}

void command_print(FILE *out, const struct command *command)
{
    const struct command_option *option = command->options;
    char synopsis[128];

    command_synopsis(command, synopsis, sizeof(synopsis));
    fprintf(out, "Usage: privyseal %s%s\n\n%s\n", synopsis, option->name ? " [OPTIONS]" : "", command->help);
    for (; option < command->options + CLI_OPTIONS_MAX && option->name; option++)
        fprintf(out, "  --%s%s%s\n        %s\n", option->name, option->value ? " " : "",
                option->value ? option->value : "", option->help);
}
