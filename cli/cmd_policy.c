/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_policy.c - policy show, policy set: what is asked of a token beyond its PIN. */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/connect.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "proto/token_policy.h"

#define SETTINGS_MAX 16

/* As --json has it: numbers as numbers, all else in its words. */
static json_t *policy_object(const Privyseal__V1__TokenPolicy *message)
{
    json_t *object = json_object();
    struct token_policy policy = { 0 };
    const char *key;

    if (token_policy_of_message(message, &policy) < 0)
        return object; /* of a newer server */
    for (size_t i = 0; (key = token_policy_key_at(i)); i++) {
        char value[POLICY_VALUE_MAX];

        token_policy_print(&policy, key, value);
        json_object_set_new(object, key, json_string(value));
    }
    json_object_set_new(object, "key_permits", json_integer(message->key_permits));
    return object;
}

enum cli_exit cmd_policy_show(struct cli *cli)
{
    Privyseal__V1__ShowUserRequest request = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    const Privyseal__V1__ShowUserResponse *reply;
    enum cli_exit status;

    request.user = cli->args[0];
    status = connect_operate(cli, "asking for the policy", METHOD_ShowUser, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ShowUserResponse *)message;
    if (!reply->policy)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server's answer lacks the policy");
    object = policy_object(reply->policy);
    return output_object(cli, object);
}

/* ----------------------------------------------------------------------------------------------------- set */

/* What is to be set, and on whom. */
struct settings {
    struct cli *cli;
    Privyseal__V1__TokenPolicy policy;
    char *set[SETTINGS_MAX];
    size_t count;
    size_t done; /* members of a group that have it */
};

static enum cli_exit parse_setting(struct cli *cli, char *argument, struct token_policy *policy, char **ret)
{
    char *equals = strchr(argument, '=');
    const char *expected = "";
    int r;

    if (!equals)
        return cli_fail(cli, CLI_USAGE, "Such as max_signatures=10.", "\"%s\" is not SETTING=VALUE",
                        argument);
    *equals = '\0';
    r = token_policy_set(policy, argument, equals + 1, &expected);
    if (r == -ENOENT)
        return cli_fail(cli, CLI_USAGE, "`privyseal policy show USER` lists them.",
                        "there is no setting \"%s\"", argument);
    if (r < 0)
        return cli_fail(cli, CLI_USAGE, NULL, "%s = \"%s\": expected %s", argument, equals + 1, expected);
    *ret = argument;
    return CLI_DONE;
}

static enum cli_exit parse_settings(struct cli *cli, int first, struct settings *settings)
{
    struct token_policy policy = { 0 };
    enum cli_exit status = CLI_DONE;

    if (cli->arg_count <= first || cli->arg_count - first > SETTINGS_MAX)
        return cli_fail(cli, CLI_USAGE, "Such as max_signatures=10.", "what is to be set?");
    for (int i = first; status == CLI_DONE && i < cli->arg_count; i++)
        status = parse_setting(cli, cli->args[i], &policy, &settings->set[settings->count++]);
    privyseal__v1__token_policy__init(&settings->policy);
    token_policy_to_message(&policy, &settings->policy);
    return status;
}

static enum cli_exit set_user(struct settings *settings, const char *user, ProtobufCMessage **ret)
{
    Privyseal__V1__SetPolicyRequest request = PRIVYSEAL__V1__SET_POLICY_REQUEST__INIT;

    request.user = (char *)user;
    request.policy = &settings->policy;
    request.set = settings->set;
    request.n_set = settings->count;
    return connect_operate(settings->cli, "setting the policy", METHOD_SetPolicy, &request.base, ret);
}

/* The members behind @after, as many as the server takes in one call. */
static enum cli_exit set_slice(struct settings *settings, const char *group, char after[NAME_MAX_LEN + 1],
                               struct progress *progress, bool *ret_more)
{
    Privyseal__V1__SetPolicyRequest request = PRIVYSEAL__V1__SET_POLICY_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__SetPolicyResponse *reply;
    enum cli_exit status;

    request.group = (char *)group;
    request.after = after;
    request.policy = &settings->policy;
    request.set = settings->set;
    request.n_set = settings->count;
    status = connect_operate(settings->cli, "setting the policy", METHOD_SetPolicy, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__SetPolicyResponse *)message;
    snprintf(after, NAME_MAX_LEN + 1, "%s", reply->last);
    *ret_more = reply->more && *reply->last;
    settings->done += reply->members;
    for (uint32_t i = 0; i < reply->members; i++)
        progress_step(progress);
    return CLI_DONE;
}

static enum cli_exit set_group(struct settings *settings, const char *group)
{
    struct progress progress = progress_start("users", 0);
    CLEANUP(json_decref) json_t *failure = json_object();
    CLEANUP(json_decref) json_t *object = NULL;
    char after[NAME_MAX_LEN + 1] = "";
    enum cli_exit status = CLI_DONE;
    bool more = true;

    settings->cli->partial = failure;
    while (status == CLI_DONE && more)
        status = set_slice(settings, group, after, &progress, &more);
    settings->cli->partial = NULL;
    progress_end(&progress);
    object = json_pack("{s:s, s:I}", "group", group, "users", (json_int_t)settings->done);
    if (status == CLI_DONE)
        return output_done(settings->cli, json_incref(object), "Set for %zu users of the group \"%s\".",
                           settings->done, group);
    json_object_update(failure, object);
    (void)output_done(settings->cli, json_incref(failure),
                      "Set for %zu users of the group \"%s\", then it failed.", settings->done, group);
    return settings->done ? CLI_PARTIAL : status;
}

enum cli_exit cmd_policy_set(struct cli *cli)
{
    const char *group = cli_option(cli, "group");
    struct settings settings = { .cli = cli };
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    enum cli_exit status = parse_settings(cli, group ? 0 : 1, &settings);

    if (status != CLI_DONE)
        return status;
    if (group)
        return set_group(&settings, group);
    status = set_user(&settings, cli->args[0], &message);
    if (status != CLI_DONE)
        return status;
    object = policy_object(((const Privyseal__V1__SetPolicyResponse *)message)->policy);
    return output_object(cli, object);
}
