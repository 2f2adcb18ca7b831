/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_files.h - what a new device has on its disk: key, certificate, the deployment's root, and its section in
 * pkcs11.conf. Nothing that is there is overwritten; what was written is taken away again unless all of it was.
 */
#pragma once

#include <limits.h>
#include <openssl/x509.h>

#include "cli/cli.h"
#include "include/secret.h"
#include "proto/limits.h"

struct device_files {
    struct cli *cli;
    char directory[PATH_MAX - 128];
    char name[NAME_MAX_LEN + 1]; /* of identity and files: "USER@REALM" if that fits, else "USER" */
    char key[PATH_MAX], certificate[PATH_MAX], ca[PATH_MAX], secret[PATH_MAX], config[PATH_MAX];
    bool is_new_ca, is_new_key, is_new_certificate, is_new_secret; /* written here: taken away again */
    bool has_deployment, has_token;                                /* sections that are there already */
};

/*
 * Finds places in @directory (NULL: ~/.config/privyseal, which is made), and whether they are free. Says why not.
 */
MUST_CHECK enum cli_exit device_files_claim(struct cli *cli, const char *directory, const char *realm,
                                            const char *user, struct device_files *ret);
/* The root, if it is not there yet; another one under that name is refused. */
MUST_CHECK enum cli_exit device_files_write_ca(struct device_files *files, X509 *root);
/* A key made here, and a request signed by it (DER, appended). */
MUST_CHECK enum cli_exit device_files_make_key(struct device_files *files, const char *user,
                                               struct buffer *ret_request);
MUST_CHECK enum cli_exit device_files_write_secret(struct device_files *files, const struct secret *secret);
/* The rest: the certificate and its issuers, which must be for the key; and the configuration. */
MUST_CHECK enum cli_exit device_files_finish(struct device_files *files, const STACK_OF(X509) *chain,
                                             const char *realm, const char *user, const char *endpoints);
/* Takes away what was written, unless it was finished. */
void device_files_undo(struct device_files *files);
DEFINE_CLEAR(device_files_undo, struct device_files);
