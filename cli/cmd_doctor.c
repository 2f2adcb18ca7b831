/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_doctor.c - doctor: looks at every part of a client's set-up in the order in which it is used, says what
 * it found, and for the first thing that is wrong what to do about it. It never asks for the PIN.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/connect.h"
#include "cli/fleet.h"
#include "cli/names.h"
#include "cli/output.h"
#include "client/renewal.h"
#include "include/table.h"

struct examination {
    struct cli *cli;
    json_t *rows;
    struct remote_snapshot *snapshot;
    enum cli_exit status; /* of the first finding that is wrong */
};

static bool found(struct examination *examination, const char *part, enum cli_exit status, const char *next,
                  const char *format, ...) PRINTF_LIKE(5, 6);
/* Notes a finding; false when it is wrong, so that what stands on it is not looked at. */
static bool found(struct examination *examination, const char *part, enum cli_exit status, const char *next,
                  const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    json_array_append_new(examination->rows, json_pack("{s:s, s:s, s:s, s:s}", "part", part, "state",
                                                       status == CLI_DONE ? "good" : "WRONG", "finding", text,
                                                       "next", next ? next : ""));
    if (status != CLI_DONE && examination->status == CLI_DONE)
        examination->status = status;
    return status == CLI_DONE;
}

/* The files that were read, one a line, as a list in a sentence. */
static void list_files(const struct client_config *config, char *ret, size_t size)
{
    size_t len;

    snprintf(ret, size, "%s", config->files ? config->files : "");
    for (len = strlen(ret); len && ret[len - 1] == '\n'; len--)
        ret[len - 1] = '\0';
    for (size_t i = 0; i < len; i++)
        if (ret[i] == '\n')
            ret[i] = ' ';
}

static bool look_at_configuration(struct examination *examination)
{
    struct cli *cli = examination->cli;
    CLEANUP(free_string) char *why = NULL;
    int r = client_config_load(cli->config_path, &cli->config, &why);
    char files[256];

    if (r < 0)
        return found(examination, "configuration", CLI_REFUSED, "privyseal-pkcs11(5) describes the file.",
                     "%s", why ? why : strerror(-r));
    list_files(cli->config, files, sizeof(files));
    if (cli->config->identity_count == 0)
        return found(
            examination, "configuration", CLI_REFUSED,
            "Put one at ~/.config/privyseal/pkcs11.conf, or name it with PRIVYSEAL_CONF or --config.",
            "no [identity] section in %s", files[0] ? files : "any of the usual files");
    if (!found(examination, "configuration", CLI_DONE, NULL, "%zu token(s), %zu identity(ies); read from %s",
               cli->config->token_count, cli->config->identity_count, files))
        return false;
    cli->identity = client_config_identity(cli->config, cli->identity_name);
    if (!cli->identity)
        return found(examination, "identity", CLI_USAGE, "Name one with --identity.", "%s",
                     cli->identity_name ? "there is no such identity" : "there are several identities");
    cli->deployment = client_config_deployment(cli->config, cli->identity->deployment);
    return cli->deployment ? true
                           : found(examination, "deployment", CLI_REFUSED, "Add its [deployment] section.",
                                   "identity \"%s\" names no known deployment", cli->identity->name);
}

static bool look_at_certificate(struct examination *examination)
{
    const struct identity_config *identity = examination->cli->identity;
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    char subject[256];
    struct stat info;
    int r = certificate_load_file(NULL, identity->certificate, &chain), days, seconds;

    if (r < 0)
        return found(examination, "certificate", CLI_REFUSED,
                     "Check `certificate` in the [identity] section.", "%s: %s", identity->certificate,
                     r == -EBADMSG ? "no certificate in PEM form" : strerror(-r));
    X509_NAME_oneline(X509_get_subject_name(sk_X509_value(chain, 0)), subject, sizeof(subject));
    if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(sk_X509_value(chain, 0))) || days < 0 ||
        seconds < 0)
        return found(examination, "certificate", CLI_REFUSED,
                     "Ask the operator for a new one: `privyseal cert issue`.", "%s: %s has expired",
                     identity->certificate, subject);
    if (stat(identity->key, &info) < 0)
        return found(examination, "key", CLI_REFUSED, "Check `key` in the [identity] section.", "%s: %s",
                     identity->key, strerror(errno));
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        found(examination, "key", CLI_REFUSED, "chmod 600 it.", "%s: others may read it", identity->key);
    if (renewal_is_due(identity))
        return found(
            examination, "certificate", CLI_DONE, NULL,
            "%s, good for %d more days: due for renewal, which the next login does if it may write the file, "
            "or `privyseal device renew`",
            subject, days);
    return found(examination, "certificate", CLI_DONE, NULL, "%s, good for %d more days", subject, days);
}

static bool look_at_server(struct examination *examination)
{
    Privyseal__V1__GetDeploymentRequest request = PRIVYSEAL__V1__GET_DEPLOYMENT_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__GetDeploymentResponse *reply;
    struct cli *cli = examination->cli;
    struct remote_error error = { 0 };
    bool is_json = cli->is_json;
    enum cli_exit status;
    CK_RV rv;

    /* It says why on standard error; what goes to standard output is the table alone. */
    cli->is_json = false;
    status = connect_token(cli);
    cli->is_json = is_json;
    if (status != CLI_DONE)
        return found(examination, "identity", CLI_REFUSED, "The message on standard error says what.",
                     "it cannot be used");
    rv = remote_plain(cli->remote, METHOD_GetDeployment, &request.base, &message, &error);
    if (rv != CKR_OK && error.failure.reason == REASON_NOT_PERMITTED)
        return found(examination, "server", CLI_NOT_PERMITTED, "Ask the operator to register it.",
                     "%s answers, but does not know this certificate", cli->deployment->endpoints[0]);
    if (rv != CKR_OK)
        return found(examination, "server", CLI_UNREACHABLE,
                     "Is privyseald running there, and does a firewall let it through?", "%s: %s",
                     cli->deployment->endpoints[0], error.detail[0] ? error.detail : "no answer");
    reply = (const Privyseal__V1__GetDeploymentResponse *)message;
    if (strcmp(reply->realm, cli->deployment->realm) != 0)
        return found(examination, "server", CLI_REFUSED, "Correct `realm` in the [deployment] section.",
                     "it is the realm \"%s\", not \"%s\"", reply->realm, cli->deployment->realm);
    return found(examination, "server", CLI_DONE, NULL, "privyseald %s, realm %s", reply->version,
                 reply->realm);
}

/* What a PIN state means for the user, and what helps. */
static const struct {
    Privyseal__V1__PinState state;
    enum cli_exit status;
    const char *finding, *next;
} pin_findings[] = {
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, CLI_DONE, "set, no wrong try", NULL },
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW, CLI_DONE, "set; wrong tries since the last right one",
      NULL },
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_FINAL_TRY, CLI_DONE, "set; ONE more wrong try locks the token",
      NULL },
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED, CLI_PIN, "locked after too many wrong tries",
      "An operator unlocks it (the PIN stays): privyseal pin unlock USER" },
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED, CLI_PIN, "resting after wrong tries",
      "Wait; guessing on does not help." },
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_NOT_SET, CLI_PIN, "not set yet",
      "Set it with the operator's activation code: privyseal pin set" },
};

static void look_at_pin(struct examination *examination)
{
    const struct remote_snapshot *snapshot = examination->snapshot;

    for (size_t i = 0; i < ARRAY_SIZE(pin_findings); i++)
        if (pin_findings[i].state == snapshot->pin_state) {
            time_t until = time(NULL) + snapshot->retry_after_ms / 1000;
            char when[64] = "";
            struct tm local;

            if (snapshot->retry_after_ms && localtime_r(&until, &local))
                strftime(when, sizeof(when), " until %H:%M:%S on %Y-%m-%d", &local);
            found(examination, "PIN", pin_findings[i].status, pin_findings[i].next, "%s%s",
                  pin_findings[i].finding, when);
        }
}

/* An operator's or an auditor's set-up names no token, and there is none of that name. */
static bool needs_no_token(const struct cli *cli, const struct remote_error *error)
{
    return !cli->token_name && cli->config->token_count == 0 && error->failure.reason == REASON_NOT_PERMITTED;
}

/* Who watches the deployment is told what is wrong with any of its proxies and HSMs. */
static void look_at_fleet(struct examination *examination)
{
    Privyseal__V1__GetStatusRequest request = PRIVYSEAL__V1__GET_STATUS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *rows = NULL;
    const json_t *row;
    size_t i;

    if (!connect_may_operate(examination->cli, METHOD_GetStatus, &request.base, &message))
        return;
    rows = fleet_rows((const Privyseal__V1__GetStatusResponse *)message);
    json_array_foreach (rows, i, row) {
        const char *advice = fleet_advice(row), *note = json_read_text(row, "note");

        found(examination, "proxy", advice ? CLI_REFUSED : CLI_DONE, advice, "%s, [%s]: %s%s%s",
              json_read_text(row, "proxy"), json_read_text(row, "hsm"), json_read_text(row, "state"),
              *note ? ": " : "", note);
    }
}

static bool look_at_token(struct examination *examination)
{
    struct remote_error error = { 0 };
    CK_RV rv = remote_token_snapshot(examination->cli->token, 0, &examination->snapshot, &error);
    const Privyseal__V1__Snapshot *content;

    if (rv != CKR_OK && needs_no_token(examination->cli, &error)) {
        found(examination, "token", CLI_DONE, "Who signs adds a [token] section.",
              "none is configured, which is right for operators and auditors");
        look_at_fleet(examination);
        return false;
    }
    if (rv != CKR_OK)
        return found(examination, "token",
                     error.failure.reason == REASON_NOT_PERMITTED ? CLI_NOT_PERMITTED : CLI_REFUSED,
                     "`privyseal user list` (operator) shows the tokens there are.", "%s",
                     error.failure.reason ? reason_row(error.failure.reason)->sentence : error.detail);
    content = examination->snapshot->content;
    found(examination, "token", CLI_DONE, NULL, "%s, serial %s, %s custody", content->token, content->serial,
          names_custody(content->custody));
    look_at_pin(examination);
    if (content->n_key == 0)
        return found(examination, "keys", CLI_REFUSED, "Make one: privyseal key generate",
                     "the token has no key");
    for (size_t i = 0; i < content->n_key; i++)
        found(examination, "key", CLI_DONE, NULL, "%s \"%s\"",
              names_key(content->key[i]->key_type, content->key[i]->bits), content->key[i]->label);
    if (content->n_certificate == 0)
        found(examination, "certificates", CLI_REFUSED, "privyseal cert request, then cert import.",
              "none: pdfsig, LibreOffice and Java see no key without one");
    else
        found(examination, "certificates", CLI_DONE, NULL, "%zu", content->n_certificate);
    return true;
}

static void look_at_mechanisms(struct examination *examination)
{
    found(examination, "mechanisms", CLI_DONE, NULL, "%zu (privyseal token show has their names)",
          examination->snapshot->content->n_mechanism);
}

enum cli_exit cmd_doctor(struct cli *cli)
{
    static const struct column columns[] = {
        { "part", "PART" }, { "state", "STATE" }, { "finding", "FINDING" }, { "next", "WHAT TO DO" }
    };
    struct examination examination = { .cli = cli, .rows = json_array() };

    if (look_at_configuration(&examination) && look_at_certificate(&examination) &&
        look_at_server(&examination) && look_at_token(&examination))
        look_at_mechanisms(&examination);
    output_table(cli, examination.rows, columns, ARRAY_SIZE(columns));
    remote_snapshot_unref(examination.snapshot);
    json_decref(examination.rows);
    return examination.status;
}
