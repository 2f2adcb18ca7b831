/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_request.c - request list, show, approve, reject: what one operator asked for and another has to look at. */
#include "cli/commands.h"

#include <string.h>

#include "cli/activation.h"
#include "cli/connect.h"
#include "cli/describe.h"
#include "cli/issue.h"
#include "cli/names.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/method.h"
#include "proto/pack.h"

/* What would be done, for people who do not know the methods by name. */
static const struct {
    enum method_id id;
    const char *words;
} deeds[] = {
    { METHOD_AddUser, "add a user, and show an activation code" },
    { METHOD_SetUserEnabled, "let a disabled user in again" },
    { METHOD_UnlockPin, "clear the lock of a user's PIN" },
    { METHOD_AddCertificate, "let whoever has this certificate in, in this role" },
    { METHOD_IssueCertificate, "issue a certificate; with a role, let whoever has it in" },
    { METHOD_SetPolicy, "change what a user's token asks and what it may be used for" },
    { METHOD_ResetUser, "destroy a user's keys, and show an activation code" },
    { METHOD_AllowKeys, "let a user make so many more keys" },
    { METHOD_SetOperatorEnabled, "let a disabled operator, officer or auditor in again" },
};

static const char *deed_of(const struct method *method)
{
    for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
        if (deeds[i].id == method->id)
            return deeds[i].words;
    return method->name;
}

static const struct method *method_of_name(const char *name)
{
    for (unsigned id = 0; id < METHODS; id++)
        if (strcmp(method_by_id((enum method_id)id)->name, name) == 0)
            return method_by_id((enum method_id)id);
    return NULL;
}

static const char *const states[] = {
    [PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_OPEN] = "open",
    [PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_APPROVED] = "approved",
    [PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_DONE] = "done",
    [PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_FAILED] = "failed",
    [PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_REJECTED] = "rejected",
    [PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_EXPIRED] = "expired",
};

static const char *state_word(Privyseal__V1__RequestState state)
{
    return (unsigned)state < ARRAY_SIZE(states) ? states[state] : "unknown";
}

static json_t *request_object(const Privyseal__V1__RequestInfo *info)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:s, s:s}", "id", output_hex(pack_lend(&info->id)),
                     "method", info->method, "about", info->subject, "asked_by", info->requester, "asked",
                     output_time(info->created_unix), "good_until", output_time(info->expires_unix), "state",
                     state_word(info->state), "decided_by", info->decided_by);
}

static enum cli_exit read_id(struct cli *cli, uint8_t ret[APPROVAL_ID_LEN])
{
    if (hex_decode(cli->args[0], ret, APPROVAL_ID_LEN) == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE, "`privyseal request list` shows the ids.",
                    "\"%s\" is no request's id: that has %d hexadecimal digits", cli->args[0],
                    2 * APPROVAL_ID_LEN);
}

/* ---------------------------------------------------------------------------------------------- list, show */

enum cli_exit cmd_request_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "id", "ID" },       { "method", "METHOD" },    { "about", "ABOUT" }, { "asked_by", "ASKED BY" },
        { "asked", "ASKED" }, { "good_until", "UNTIL" }, { "state", "STATE" }, { "decided_by", "DECIDED BY" },
    };
    Privyseal__V1__ListRequestsRequest request = PRIVYSEAL__V1__LIST_REQUESTS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *rows = json_array();
    const Privyseal__V1__ListRequestsResponse *reply;
    enum cli_exit status;

    request.decided = cli_option(cli, "all") != NULL;
    status = connect_operate(cli, "listing requests", METHOD_ListRequests, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ListRequestsResponse *)message;
    for (size_t i = 0; i < reply->n_request; i++)
        json_array_append_new(rows, request_object(reply->request[i]));
    status = output_table(cli, rows, columns, ARRAY_SIZE(columns));
    if (reply->more)
        output_say(cli, "... and more, which did not fit.");
    return status;
}

/* The whole request in words. What cannot be read is not shown, so that nobody approves it. */
static enum cli_exit describe(struct cli *cli, const Privyseal__V1__RequestInfo *info, json_t **ret)
{
    CLEANUP(free_message) ProtobufCMessage *body = NULL;
    CLEANUP(json_decref) json_t *object = request_object(info);
    const struct method *method = method_of_name(info->method);

    if (method)
        body = protobuf_c_message_unpack(method->request, NULL, info->body.len, info->body.data);
    if (!body)
        return cli_fail(cli, CLI_REFUSED, "Approve it with the program version that the server has.",
                        "this program cannot read what the request asks for (%s)", info->method);
    json_object_set_new(object, "will", json_string(deed_of(method)));
    describe_message(body, object);
    *ret = json_incref(object);
    return CLI_DONE;
}

static enum cli_exit fetch(struct cli *cli, const uint8_t id[APPROVAL_ID_LEN], json_t **ret)
{
    Privyseal__V1__ListRequestsRequest request = PRIVYSEAL__V1__LIST_REQUESTS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ListRequestsResponse *reply;
    enum cli_exit status;

    request.id = pack_borrow(BYTES(id, APPROVAL_ID_LEN));
    request.decided = true;
    status = connect_operate(cli, "asking for the request", METHOD_ListRequests, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ListRequestsResponse *)message;
    if (reply->n_request != 1)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server's answer lacks the request");
    return describe(cli, reply->request[0], ret);
}

enum cli_exit cmd_request_show(struct cli *cli)
{
    CLEANUP(json_decref) json_t *object = NULL;
    uint8_t id[APPROVAL_ID_LEN];
    enum cli_exit status = read_id(cli, id);

    if (status == CLI_DONE)
        status = fetch(cli, id, &object);
    return status == CLI_DONE ? output_object(cli, object) : status;
}

/* ----------------------------------------------------------------------------------------------- approve */

static enum cli_exit print_chain(struct cli *cli, const Privyseal__V1__IssueCertificateResponse *answer)
{
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    enum cli_exit status = issue_chain_pem(cli, answer, &pem);

    return status == CLI_DONE ? output_pem(cli, cli_option(cli, "out"), buffer_bytes(&pem)) : status;
}

/* Who was asked for stands in the request. */
static enum cli_exit print_users(struct cli *cli, const Privyseal__V1__RequestInfo *info,
                                 const ProtobufCMessage *answer)
{
    CLEANUP(free_message)
    ProtobufCMessage *asked = protobuf_c_message_unpack(&privyseal__v1__add_users_request__descriptor, NULL,
                                                        info->body.len, info->body.data);

    return activation_print_many(cli, (const Privyseal__V1__AddUsersRequest *)asked,
                                 (const Privyseal__V1__AddUsersResponse *)answer);
}

/* The method's own answer, as the requester's command would have printed it, or in words. */
static enum cli_exit print_answer(struct cli *cli, const Privyseal__V1__RequestInfo *info,
                                  struct bytes packed)
{
    const struct method *method = method_of_name(info->method);
    CLEANUP(free_message) ProtobufCMessage *answer = NULL;
    CLEANUP(json_decref) json_t *object = NULL;

    if (method)
        answer = protobuf_c_message_unpack(method->reply, NULL, packed.len, packed.data);
    if (!answer)
        return cli_fail(cli, CLI_REFUSED, "`privyseal audit show` tells what was done.",
                        "it was done, but this program cannot read the answer");
    if (method->id == METHOD_ResetUser)
        return activation_print_reset(cli, info->subject, (const Privyseal__V1__ResetUserResponse *)answer);
    if (method->id == METHOD_AddUser)
        return activation_print(cli, info->subject, (const Privyseal__V1__AddUserResponse *)answer);
    if (method->id == METHOD_AddUsers)
        return print_users(cli, info, answer);
    if (method->id == METHOD_IssueCertificate)
        return print_chain(cli, (const Privyseal__V1__IssueCertificateResponse *)answer);
    object = json_pack("{s:s, s:s, s:s}", "done", info->method, "about", info->subject, "asked_by",
                       info->requester);
    describe_message(answer, object);
    return output_object(cli, object);
}

/* Nobody approves what he has not seen. */
static enum cli_exit confirm(struct cli *cli, const uint8_t id[APPROVAL_ID_LEN])
{
    CLEANUP(json_decref) json_t *object = NULL;
    enum cli_exit status;

    if (cli_option(cli, "yes"))
        return CLI_DONE;
    status = fetch(cli, id, &object);
    if (status == CLI_DONE)
        status = output_object(cli, object);
    return status == CLI_DONE
               ? connect_confirm(cli, "Approve this, and have it done? yes/no: ", "nothing was approved")
               : status;
}

enum cli_exit cmd_request_approve(struct cli *cli)
{
    Privyseal__V1__ApproveRequestRequest request = PRIVYSEAL__V1__APPROVE_REQUEST_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ApproveRequestResponse *reply;
    uint8_t id[APPROVAL_ID_LEN];
    enum cli_exit status = read_id(cli, id);

    if (status == CLI_DONE)
        status = confirm(cli, id);
    if (status != CLI_DONE)
        return status;
    request.id = pack_borrow(BYTES_OF_ARRAY(id));
    status = connect_operate(cli, "approving the request", METHOD_ApproveRequest, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ApproveRequestResponse *)message;
    if (!reply->request)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server's answer lacks the request");
    return print_answer(cli, reply->request, pack_lend(&reply->reply));
}

enum cli_exit cmd_request_reject(struct cli *cli)
{
    Privyseal__V1__RejectRequestRequest request = PRIVYSEAL__V1__REJECT_REQUEST_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    uint8_t id[APPROVAL_ID_LEN];
    enum cli_exit status = read_id(cli, id);

    if (status != CLI_DONE)
        return status;
    request.id = pack_borrow(BYTES_OF_ARRAY(id));
    status = connect_operate(cli, "rejecting the request", METHOD_RejectRequest, &request.base, &message);
    return status == CLI_DONE
               ? output_done(cli, json_pack("{s:s}", "rejected", cli->args[0]), "Rejected; nothing was done.")
               : status;
}
