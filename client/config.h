/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the client's configuration: deployments, identities, tokens. Module and command line share it.
 *
 * INI (inih), sections:
 *   [client]                 debug = FILE|stderr, tokens = all|listed
 *   [deployment NAME]        realm, endpoints (space-separated host:port), endpoint_order = listed|balanced,
 *                            ca (PEM file), connect_timeout_ms, login_timeout_ms, sign_timeout_ms
 *   [identity NAME]          deployment, certificate, key (PEM files), device_secret (32 bytes)
 *   [token NAME]             identity, token (its name at the server; default NAME), keys (filter: CKA_ID in hex or
 *                            label, space-separated; default all)
 * A name of deployment or identity may be left out where there is only one. Relative paths are relative to the file
 * that names them. A line has at most 198 bytes; endpoints may go on in indented lines. Files are read in this
 * order, later wins, key by key: /etc/privyseal/pkcs11.conf, $XDG_CONFIG_HOME/privyseal/pkcs11.conf (or ~/.config),
 * the file in PRIVYSEAL_CONF. The order of [token] sections is the order of first mention, and the order of slots.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/cleanup.h"

#define CONFIG_ENDPOINTS_MAX 16
#define CONFIG_TOKENS_MAX    256

struct deployment_config {
    char *name;
    char *realm;
    char *endpoints[CONFIG_ENDPOINTS_MAX]; /* "host:port" */
    size_t endpoint_count;
    bool is_balanced; /* endpoints in an order of each process' own */
    char *ca;         /* path */
    unsigned connect_timeout_ms, login_timeout_ms, sign_timeout_ms; /* 5000, 30000, 15000 */
};

struct identity_config {
    char *name;
    char *deployment;        /* NULL: the only one */
    char *certificate, *key; /* paths */
    char *device_secret;     /* path; NULL: none is mixed into S */
};

struct token_config {
    char *name;     /* of the section */
    char *identity; /* NULL: the only one */
    char *token;    /* at the server */
    char *keys;     /* filter; NULL: all */
};

struct client_config {
    struct deployment_config *deployment;
    size_t deployment_count;
    struct identity_config *identity;
    size_t identity_count;
    struct token_config *token;
    size_t token_count;
    bool tokens_all; /* [client] tokens = all: what the certificate is granted, after the sections */
    char *debug;     /* file, "stderr", or NULL; PRIVYSEAL_DEBUG wins */
    char *files;     /* which files were read, for doctor: one a line */
};

/*
 * Reads the usual files; @path (from --config) instead of all of them when not NULL. A file that does not exist is
 * skipped, except @path and PRIVYSEAL_CONF. @why: "FILE:LINE: what was expected", caller frees.
 * A setuid host: the environment is not looked at (secure_getenv).
 * Errors: -EINVAL, -errno.
 */
MUST_CHECK int client_config_load(const char *path, struct client_config **ret, char **why);
void client_config_free(struct client_config *config);
DEFINE_CLEANUP(client_config_free, struct client_config *);
/* Follow the references; NULL: none of that name (or several and no name given). */
const struct identity_config *client_config_identity(const struct client_config *config, const char *name);
const struct deployment_config *client_config_deployment(const struct client_config *config,
                                                         const char *name);
