/* SPDX-License-Identifier: Apache-2.0 */
/* connect.h - from the configuration to a deployment, a token, an operator's keys; and PINs from people. */
#pragma once

#include <openssl/x509.h>

#include "cli/cli.h"
#include "include/secret.h"
#include "proto/certificate.h"
#include "proto/limits.h"

/* Reads the configuration and finds deployment and identity (cli->config, ->deployment, ->identity). */
MUST_CHECK enum cli_exit connect_configure(struct cli *cli);
/* And makes cli->remote. No network yet. */
MUST_CHECK enum cli_exit connect_remote(struct cli *cli);
/* How many endpoints the deployment has; needs connect_configure(). */
size_t connect_endpoints(const struct cli *cli);
/*
 * From now on cli->remote speaks with the endpoint of number @index alone: what one proxy has, others have not.
 * Needs connect_configure().
 */
MUST_CHECK enum cli_exit connect_endpoint(struct cli *cli, size_t index);
/* And cli->token: --token, else the only [token] section, else the identity's name. */
MUST_CHECK enum cli_exit connect_token(struct cli *cli);
/* And logs in, with the PIN from --pin-file or the terminal, and a code where one is asked for. */
MUST_CHECK enum cli_exit connect_login(struct cli *cli);
void connect_close(struct cli *cli);
/* Which token is meant, by its name at the server. */
const char *connect_token_name(const struct cli *cli);

/* Calls a method of the Operators service, signed with the identity's key. */
MUST_CHECK enum cli_exit connect_operate(struct cli *cli, const char *doing, enum method_id method,
                                         const ProtobufCMessage *request, ProtobufCMessage **ret);
/* So, for whoever may not be allowed to: false without a word when the server refuses. */
bool connect_may_operate(struct cli *cli, enum method_id method, const ProtobufCMessage *request,
                         ProtobufCMessage **ret);
static inline void free_message(ProtobufCMessage *message)
{
    protobuf_c_message_free_unpacked(message, NULL);
}
DEFINE_CLEANUP(free_message, ProtobufCMessage *);

/* The PINs that came with a partition (--transport-pin-file, --so-pin-file); no option, no transport. */
struct transport {
    struct secret *pin, *so_pin;
    struct remote_transport lent;
};
static inline void transport_clear(struct transport *transport)
{
    secret_free(transport->pin);
    secret_free(transport->so_pin);
}
DEFINE_CLEAR(transport_clear, struct transport);
/* @ret: NULL when there is no such option; else @transport's own. */
MUST_CHECK enum cli_exit connect_transport(struct cli *cli, struct transport *transport,
                                           const struct remote_transport **ret);

/*
 * A PIN: from the file that @option names ("-": standard input; its first line), else from the terminal,
 * unseen, asked for by @prompt; twice when @is_new. Never from the arguments or the environment.
 */
MUST_CHECK enum cli_exit connect_pin(struct cli *cli, const char *option, const char *prompt, bool is_new,
                                     struct secret **ret);
/* A code of 128 bits, of what was read. @what: "a recovery code". Errors: CLI_USAGE (a typing error). */
MUST_CHECK enum cli_exit connect_parse_code(struct cli *cli, struct bytes line, const char *what,
                                            uint8_t ret[ACTIVATION_CODE_LEN]);
/* A code of 128 bits, from --code-file or the terminal. Errors: CLI_USAGE (a typing error). */
MUST_CHECK enum cli_exit connect_code(struct cli *cli, const char *prompt, uint8_t ret[ACTIVATION_CODE_LEN]);
/* A line of text (an activation code), from the file @option names or the terminal, seen. */
MUST_CHECK enum cli_exit connect_line(struct cli *cli, const char *option, const char *prompt,
                                      struct secret **ret);
/* A question on the terminal, unless --yes was given. Any answer but "yes" fails with the words of @otherwise. */
MUST_CHECK enum cli_exit connect_confirm(struct cli *cli, const char *question, const char *otherwise);

/* Does something with the PIN as it was typed, which may have a code behind a comma (client/typed_pin.h). */
typedef CK_RV connect_attempt(struct cli *cli, struct bytes typed, void *argument,
                              struct remote_error *error);
/* Calls @attempt with @pin; where a code is to come with it, again with the one from --code-file or the terminal. */
MUST_CHECK enum cli_exit connect_with_code(struct cli *cli, const char *doing, const struct secret *pin,
                                           connect_attempt *attempt, void *argument);
