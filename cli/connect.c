/* SPDX-License-Identifier: Apache-2.0 */
/* connect.c - configuration, connection, login, and questions to people. */
#include "cli/connect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>

#include "cli/terminal.h"
#include "proto/name.h"

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);

enum cli_exit connect_configure(struct cli *cli)
{
    CLEANUP(free_string) char *why = NULL;
    int r;

    if (cli->config)
        return CLI_DONE;
    r = client_config_load(cli->config_path, &cli->config, &why);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "privyseal-pkcs11(5) describes the file.", "configuration: %s",
                        why ? why : strerror(-r));
    cli->identity = client_config_identity(cli->config, cli->identity_name);
    if (!cli->identity && cli->identity_name)
        return cli_fail(cli, CLI_REFUSED, "Add an [identity] section, or name another with --identity.",
                        "no identity \"%s\" in the configuration", cli->identity_name);
    if (!cli->identity)
        return cli_fail(cli, CLI_REFUSED,
                        "Name the configuration with --config or PRIVYSEAL_CONF, and the identity "
                        "with --identity where there are several.",
                        "%s",
                        cli->config->identity_count ? "several identities are configured"
                                                    : "no identity is configured");
    cli->deployment = client_config_deployment(cli->config, cli->identity->deployment);
    if (!cli->deployment)
        return cli_fail(cli, CLI_REFUSED, "Add its [deployment] section.",
                        "identity \"%s\" names no known deployment", cli->identity->name);
    return CLI_DONE;
}

enum cli_exit connect_remote(struct cli *cli)
{
    CLEANUP(channel_free) struct channel *channel = NULL;
    CLEANUP(free_string) char *why = NULL;
    enum cli_exit status = connect_configure(cli);
    int r;

    if (status != CLI_DONE || cli->remote)
        return status;
    r = channel_http2_new(NULL, cli->deployment, cli->identity, &channel, &why);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "`privyseal doctor` looks at every part of the set-up.",
                        "identity \"%s\": %s", cli->identity->name, why ? why : strerror(-r));
    r = remote_new(NULL, cli->deployment, channel, &cli->remote);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "Check `ca` in the [deployment] section.",
                        "deployment \"%s\": %s: %s", cli->deployment->name, cli->deployment->ca,
                        r == -EBADMSG ? "no certificate in PEM form" : strerror(-r));
    (void)TAKE(channel);
    r = remote_use_device_secret(cli->remote, cli->identity, &why);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "Check `device_secret` in the [identity] section.", "%s",
                        why ? why : strerror(-r));
    return CLI_DONE;
}

size_t connect_endpoints(const struct cli *cli)
{
    return cli->whole ? cli->whole->endpoint_count : cli->deployment->endpoint_count;
}

enum cli_exit connect_endpoint(struct cli *cli, size_t index)
{
    if (!cli->single) {
        cli->single = malloc(sizeof(*cli->single));
        cli->whole = cli->deployment;
    }
    if (!cli->single)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    *cli->single = *cli->whole; /* a view: the strings stay the configuration's */
    cli->single->endpoints[0] = cli->whole->endpoints[index];
    cli->single->endpoint_count = 1;
    cli->deployment = cli->single;
    cli->asked = index;
    remote_token_free(TAKE(cli->token));
    remote_free(TAKE(cli->remote));
    return connect_remote(cli);
}

const char *connect_token_name(const struct cli *cli)
{
    const struct client_config *config = cli->config;

    for (size_t i = 0; cli->token_name && i < config->token_count; i++)
        if (strcmp(config->token[i].name, cli->token_name) == 0)
            return config->token[i].token;
    if (cli->token_name)
        return cli->token_name;
    return config->token_count == 1 ? config->token[0].token : cli->identity->name;
}

enum cli_exit connect_token(struct cli *cli)
{
    enum cli_exit status = connect_remote(cli);
    int r;

    if (status != CLI_DONE || cli->token)
        return status;
    r = remote_token_new(cli->remote, connect_token_name(cli), &cli->token);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "token \"%s\": %s", connect_token_name(cli), strerror(-r));
    return CLI_DONE;
}

static bool is_code_missing(const struct remote_error *error)
{
    return error->failure.reason == REASON_CODE_REQUIRED ||
           error->failure.reason == REASON_CODE_SENT_IF_RIGHT;
}

/* PIN, comma, code. */
static enum cli_exit add_code(struct cli *cli, const struct secret *pin, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *code = NULL;
    enum cli_exit status = connect_line(cli, "code-file", "Code: ", &code);

    if (status != CLI_DONE)
        return status;
    if (secret_new(pin->len + 1 + code->len, ret) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    memcpy((*ret)->data, pin->data, pin->len);
    (*ret)->data[pin->len] = ',';
    memcpy((*ret)->data + pin->len + 1, code->data, code->len);
    return CLI_DONE;
}

enum cli_exit connect_with_code(struct cli *cli, const char *doing, const struct secret *pin,
                                connect_attempt *attempt, void *argument)
{
    CLEANUP(secret_free) struct secret *typed = NULL;
    struct remote_error error = { 0 };
    CK_RV rv = attempt(cli, secret_bytes(pin), argument, &error);
    enum cli_exit status;

    if (rv != CKR_OK && is_code_missing(&error)) {
        if (error.failure.reason == REASON_CODE_SENT_IF_RIGHT && !cli->is_json)
            fprintf(stderr, "If the PIN was right, a code is on its way.\n");
        status = add_code(cli, pin, &typed);
        if (status != CLI_DONE)
            return status;
        error = (struct remote_error){ 0 };
        rv = attempt(cli, secret_bytes(typed), argument, &error);
    }
    return rv == CKR_OK ? CLI_DONE : cli_fail_remote(cli, doing, rv, &error);
}

static CK_RV log_in(struct cli *cli, struct bytes typed, void *argument, struct remote_error *error)
{
    (void)argument;
    return remote_token_login(cli->token, typed, error);
}

enum cli_exit connect_login(struct cli *cli)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    enum cli_exit status = connect_token(cli);
    char prompt[NAME_MAX_LEN + 16];

    if (status != CLI_DONE)
        return status;
    snprintf(prompt, sizeof(prompt), "PIN of %.32s: ", connect_token_name(cli));
    status = connect_pin(cli, "pin-file", prompt, false, &pin);
    return status == CLI_DONE ? connect_with_code(cli, "logging in", pin, log_in, NULL) : status;
}

void connect_close(struct cli *cli)
{
    if (cli->token)
        remote_token_logout(cli->token);
    remote_token_free(cli->token);
    remote_free(cli->remote);
    free(cli->single);
    client_config_free(cli->config);
}

static enum cli_exit load_key(const struct cli *cli, const char *path, EVP_PKEY **ret)
{
    FILE *file = fopen(path, "re");

    if (file) {
        *ret = PEM_read_PrivateKey(file, NULL, NULL, (void *)"");
        fclose(file);
    }
    if (!file || !*ret)
        return cli_fail(cli, CLI_REFUSED, "Check `key` in the [identity] section.", "%s: %s", path,
                        file ? "not an unencrypted private key in PEM form" : strerror(errno));
    return CLI_DONE;
}

/* What is wrong on this side was said; what the server says is @ret_rv and @error. */
static enum cli_exit operate(struct cli *cli, enum method_id method, const ProtobufCMessage *request,
                             ProtobufCMessage **ret, CK_RV *ret_rv, struct remote_error *error)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    enum cli_exit status = connect_remote(cli);
    int r;

    if (status != CLI_DONE)
        return status;
    status = load_key(cli, cli->identity->key, &key);
    if (status != CLI_DONE)
        return status;
    r = certificate_load_file(NULL, cli->identity->certificate, &chain);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "Check `certificate` in the [identity] section.", "%s: %s",
                        cli->identity->certificate, strerror(-r));
    *ret_rv = remote_operate(cli->remote, method, request, key, chain, ret, error);
    return CLI_DONE;
}

enum cli_exit connect_operate(struct cli *cli, const char *doing, enum method_id method,
                              const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    struct remote_error error = { 0 };
    CK_RV rv = CKR_OK;
    enum cli_exit status = operate(cli, method, request, ret, &rv, &error);

    return status == CLI_DONE && rv != CKR_OK ? cli_fail_remote(cli, doing, rv, &error) : status;
}

bool connect_may_operate(struct cli *cli, enum method_id method, const ProtobufCMessage *request,
                         ProtobufCMessage **ret)
{
    struct remote_error error = { 0 };
    CK_RV rv = CKR_OK;

    return operate(cli, method, request, ret, &rv, &error) == CLI_DONE && rv == CKR_OK;
}

/* A line from the file that @option names, else from the terminal. */
static enum cli_exit get_line(struct cli *cli, const char *option, const char *prompt, bool is_seen,
                              struct secret **ret)
{
    const char *path = cli_option(cli, option);
    int r = path ? terminal_read_file(path, ret) : terminal_ask(prompt, is_seen, ret);

    if (r == -ENOTTY)
        return cli_fail(cli, CLI_USAGE, NULL,
                        "no terminal to ask on: give --%s FILE (or - for standard input)", option);
    if (r < 0)
        return cli_fail(
            cli, CLI_REFUSED, path ? "It is to be a file with one line, which is read." : "Type one line.",
            "%s: %s", path ? path : "terminal", r == -E2BIG ? "the line is too long" : strerror(-r));
    return CLI_DONE;
}

enum cli_exit connect_pin(struct cli *cli, const char *option, const char *prompt, bool is_new,
                          struct secret **ret)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    CLEANUP(secret_free) struct secret *again = NULL;
    enum cli_exit status = get_line(cli, option, prompt, false, &pin);

    if (status != CLI_DONE)
        return status;
    if (pin->len < PIN_MIN_LEN || pin->len > PIN_MAX_LEN)
        return cli_fail(cli, CLI_PIN, "Longer is better: docs/threat-model.md has the figures.",
                        "a PIN has %d to %d bytes", PIN_MIN_LEN, PIN_MAX_LEN);
    if (is_new && !cli_option(cli, option)) {
        status = get_line(cli, option, "The same again: ", false, &again);
        if (status != CLI_DONE)
            return status;
        if (!secret_equal(secret_bytes(pin), secret_bytes(again)))
            return cli_fail(cli, CLI_PIN, NULL, "the two are not the same: nothing was changed");
    }
    *ret = TAKE(pin);
    return CLI_DONE;
}

enum cli_exit connect_line(struct cli *cli, const char *option, const char *prompt, struct secret **ret)
{
    return get_line(cli, option, prompt, true, ret);
}

enum cli_exit connect_transport(struct cli *cli, struct transport *transport,
                                const struct remote_transport **ret)
{
    enum cli_exit status = CLI_DONE;

    *ret = NULL;
    if (!cli_option(cli, "transport-pin-file"))
        return CLI_DONE;
    status = get_line(cli, "transport-pin-file", "The partition's PIN: ", false, &transport->pin);
    if (status == CLI_DONE && cli_option(cli, "so-pin-file"))
        status = get_line(cli, "so-pin-file", "The partition's SO PIN: ", false, &transport->so_pin);
    if (status != CLI_DONE)
        return status;
    transport->lent.pin = secret_bytes(transport->pin);
    transport->lent.so_pin = transport->so_pin ? secret_bytes(transport->so_pin) : BYTES_NONE;
    *ret = &transport->lent;
    return CLI_DONE;
}

enum cli_exit connect_confirm(struct cli *cli, const char *question, const char *otherwise)
{
    CLEANUP(secret_free) struct secret *answer = NULL;
    enum cli_exit status;

    if (cli_option(cli, "yes"))
        return CLI_DONE;
    if (!terminal_is_there())
        return cli_fail(cli, CLI_USAGE, NULL, "no terminal to ask on: give --yes");
    status = connect_line(cli, "answer", question, &answer);
    if (status != CLI_DONE)
        return status;
    return bytes_equal(secret_bytes(answer), bytes_of_text("yes"))
               ? CLI_DONE
               : cli_fail(cli, CLI_REFUSED, NULL, "%s", otherwise);
}

enum cli_exit connect_parse_code(struct cli *cli, struct bytes line, const char *what,
                                 uint8_t ret[ACTIVATION_CODE_LEN])
{
    char text[ACTIVATION_TEXT_MAX * 2];
    int r;

    snprintf(text, sizeof(text), "%.*s", (int)line.len, (const char *)line.data);
    r = activation_code_parse(text, ret);
    secret_wipe(text, sizeof(text));
    return r < 0 ? cli_fail(cli, CLI_USAGE,
                            "It has 26 letters and digits and a check character; dashes do not matter.",
                            "this is not %s, or it has a typing error", what)
                 : CLI_DONE;
}

enum cli_exit connect_code(struct cli *cli, const char *prompt, uint8_t ret[ACTIVATION_CODE_LEN])
{
    CLEANUP(secret_free) struct secret *line = NULL;
    enum cli_exit status = connect_line(cli, "code-file", prompt, &line);

    return status == CLI_DONE ? connect_parse_code(cli, secret_bytes(line), "such a code", ret) : status;
}
