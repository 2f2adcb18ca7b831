/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stretched.c - what the module makes of a PIN, for a script that looks for it in a core dump: stretched TOKEN PIN-FILE
 * prints S in hexadecimal. It asks the server for salt and cost as the module does (PRIVYSEAL_CONF).
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/channel.h"
#include "client/config.h"
#include "client/remote.h"
#include "client/stretch.h"

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "stretched: %s\n", what);
    exit(1);
}

static struct remote *open_remote(OSSL_LIB_CTX *libctx, const struct client_config *config)
{
    struct channel *channel;
    struct remote *remote;
    char *why;

    if (channel_http2_new(libctx, &config->deployment[0], &config->identity[0], &channel, &why) < 0 ||
        remote_new(libctx, &config->deployment[0], channel, &remote) < 0)
        die("no connection to the deployment");
    return remote;
}

static struct secret *stretch_as_served(OSSL_LIB_CTX *libctx, const char *realm, char *token,
                                        struct bytes pin, const Privyseal__V1__GetTokenResponse *terms)
{
    struct stretch_cost cost = { terms->argon2_memory_kib, terms->argon2_passes, terms->argon2_lanes };
    struct secret *stretched;

    if (stretch_pin(libctx, realm, token, pin, BYTES(terms->salt.data, terms->salt.len), &cost,
                    terms->pin_version, BYTES_NONE, &stretched) < 0)
        die("the PIN cannot be stretched");
    return stretched;
}

int main(int argc, char **argv)
{
    Privyseal__V1__GetTokenRequest request = PRIVYSEAL__V1__GET_TOKEN_REQUEST__INIT;
    CLEANUP(client_config_free) struct client_config *config = NULL;
    CLEANUP(remote_free) struct remote *remote = NULL;
    CLEANUP(secret_free) struct secret *stretched = NULL;
    struct remote_error error;
    ProtobufCMessage *reply;
    char pin[64] = "", *why;
    FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;

    if (!file || !fgets(pin, sizeof(pin), file) || client_config_load(NULL, &config, &why) < 0)
        die("usage: stretched TOKEN PIN-FILE, with PRIVYSEAL_CONF");
    fclose(file);
    pin[strcspn(pin, "\n")] = '\0';
    remote = open_remote(NULL, config);
    request.token = argv[1];
    if (remote_plain(remote, METHOD_GetToken, &request.base, &reply, &error) != CKR_OK)
        die(error.detail);
    stretched = stretch_as_served(NULL, config->deployment[0].realm, argv[1], bytes_of_text(pin),
                                  (const Privyseal__V1__GetTokenResponse *)reply);
    for (size_t i = 0; i < stretched->len; i++)
        printf("%02x", stretched->data[i]);
    printf("\n");
    protobuf_c_message_free_unpacked(reply, NULL);
    return 0;
}
