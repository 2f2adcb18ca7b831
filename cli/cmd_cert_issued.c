/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_cert_issued.c - cert list, cert revoke: what the deployment's authorities issued, to operators. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/connect.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/name.h"
#include "proto/pack.h"

#define SERIAL_LEN_BYTES 16
#define DAYS_MAX         36525

static const char *const profile_words[] = { "server", "client", "signing" };

static json_t *row_of(const Privyseal__V1__IssuedInfo *info)
{
    const char *profile =
        (size_t)info->profile < ARRAY_SIZE(profile_words) ? profile_words[info->profile] : "?";

    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:o}", "owner", info->owner, "profile", profile,
                     "subject", info->subject, "until", output_time(info->not_after_unix), "serial",
                     output_hex(pack_lend(&info->serial)), "state",
                     info->revoked_unix ? info->reason : "good", "revoked", output_time(info->revoked_unix));
}

/* Page by page. */
static enum cli_exit fetch(struct cli *cli, const char *owner, long days, json_t *rows)
{
    Privyseal__V1__ListIssuedRequest ask = PRIVYSEAL__V1__LIST_ISSUED_REQUEST__INIT;
    bool is_more = true;

    ask.owner = owner ? (char *)owner : ask.owner;
    ask.within_days = (uint32_t)days;
    while (is_more) {
        CLEANUP(free_message) ProtobufCMessage *message = NULL;
        const Privyseal__V1__ListIssuedResponse *reply;
        enum cli_exit status =
            connect_operate(cli, "listing certificates", METHOD_ListIssued, &ask.base, &message);

        if (status != CLI_DONE)
            return status;
        reply = (const Privyseal__V1__ListIssuedResponse *)message;
        for (size_t i = 0; i < reply->n_issued; i++) {
            json_array_append_new(rows, row_of(reply->issued[i]));
            ask.after_unix = reply->issued[i]->not_after_unix;
            ask.after_id = reply->issued[i]->id;
        }
        is_more = reply->more && reply->n_issued > 0;
    }
    return CLI_DONE;
}

enum cli_exit cmd_cert_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "owner", "OWNER" }, { "profile", "PROFILE" }, { "subject", "SUBJECT" },
        { "until", "UNTIL" }, { "state", "STATE" },     { "serial", "SERIAL" },
    };
    CLEANUP(json_decref) json_t *rows = json_array();
    const char *user = cli_option(cli, "user");
    long days = 0;
    enum cli_exit status = cli_option_number(cli, "expiring", 0, 1, DAYS_MAX, &days);

    if (status == CLI_DONE && user && days)
        status =
            cli_fail(cli, CLI_USAGE, NULL, "--user lists all of one, --expiring some of all: choose one");
    if (status == CLI_DONE)
        status = fetch(cli, user, days, rows);
    return status == CLI_DONE ? output_table(cli, rows, columns, ARRAY_SIZE(columns)) : status;
}

/* ------------------------------------------------------------------------------------------------- revoke */

static enum cli_exit revoke_one(struct cli *cli, const char *serial, const char *reason)
{
    Privyseal__V1__RevokeCertificateRequest ask = PRIVYSEAL__V1__REVOKE_CERTIFICATE_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    uint8_t bytes[SERIAL_LEN_BYTES];

    if (hex_decode(serial, bytes, sizeof(bytes)) < 0)
        return cli_fail(cli, CLI_USAGE, "`privyseal cert list` shows serial numbers.",
                        "\"%s\" is no serial number", serial);
    ask.serial = pack_borrow(BYTES_OF_ARRAY(bytes));
    ask.reason = (char *)reason;
    return connect_operate(cli, "revoking the certificate", METHOD_RevokeCertificate, &ask.base, &reply);
}

/* Whether the reason would change anything: what is revoked for good stays so. */
static bool can_change(const char *state, bool takes_back)
{
    bool is_held = strcmp(state, "certificateHold") == 0;

    return takes_back ? is_held : is_held || strcmp(state, "good") == 0;
}

/* The signing certificates of a user. */
static enum cli_exit serials_of(struct cli *cli, const char *user, const char *reason, json_t *serials)
{
    CLEANUP(json_decref) json_t *rows = json_array();
    bool takes_back = strcmp(reason, "removeFromCRL") == 0;
    enum cli_exit status = fetch(cli, user, 0, rows);
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, "profile")), "signing") == 0 &&
            can_change(json_string_value(json_object_get(row, "state")), takes_back))
            json_array_append(serials, json_object_get(row, "serial"));
    if (status == CLI_DONE && json_array_size(serials) == 0)
        return cli_fail(cli, CLI_REFUSED, "`privyseal cert list --user` shows what there is.",
                        "%s has no signing certificate that this would change", user);
    return status;
}

static bool is_serial(const char *text)
{
    return strlen(text) == 2 * (size_t)SERIAL_LEN_BYTES && strspn(text, "0123456789abcdef") == strlen(text);
}

static enum cli_exit confirm(struct cli *cli, const char *whose, const char *reason, size_t count)
{
    char question[256];

    if (strcmp(reason, "certificateHold") == 0 || strcmp(reason, "removeFromCRL") == 0)
        return CLI_DONE; /* what can be taken back needs no second thought */
    snprintf(question, sizeof(question), "Revoke %zu certificate%s (%s) for good?", count,
             count == 1 ? "" : "s", whose);
    return connect_confirm(cli, question, "nothing was revoked");
}

enum cli_exit cmd_cert_revoke(struct cli *cli)
{
    CLEANUP(json_decref) json_t *serials = json_array();
    const char *what = cli->args[0], *given = cli_option(cli, "reason"),
               *reason = given ? given : "unspecified";
    enum cli_exit status = CLI_DONE;
    json_t *serial;
    size_t i;

    if (is_serial(what))
        json_array_append_new(serials, json_string(what));
    else
        status = serials_of(cli, what, reason, serials);
    if (status == CLI_DONE)
        status = confirm(cli, what, reason, json_array_size(serials));
    json_array_foreach (serials, i, serial)
        if (status == CLI_DONE)
            status = revoke_one(cli, json_string_value(serial), reason);
    if (status != CLI_DONE)
        return status;
    return output_done(
        cli, json_pack("{s:O, s:s}", "revoked", serials, "reason", reason),
        "%zu certificate%s: %s. Lists and answers show it at once; what clients keep, they keep.",
        json_array_size(serials), json_array_size(serials) == 1 ? "" : "s", reason);
}
