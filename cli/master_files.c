/* SPDX-License-Identifier: Apache-2.0 */
/* master_files.c - writing what a key ceremony gave. */
#include "cli/master_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "cli/ca.h"
#include "proto/manifest.h"

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);

static EVP_PKEY *read_root_key(const char *ca)
{
    char path[PATH_MAX];
    EVP_PKEY *key;
    FILE *file;

    snprintf(path, sizeof(path), "%s/root.key", ca);
    file = fopen(path, "re");
    if (!file)
        return NULL;
    key = PEM_read_PrivateKey(file, NULL, NULL, (void *)"");
    fclose(file);
    ERR_clear_error();
    return key;
}

enum cli_exit master_files_write(struct cli *cli, const char *path, unsigned mode, const json_t *object)
{
    CLEANUP(free_string) char *text = json_dumps(object, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    CLEANUP(free_string) char *why = NULL;

    if (!text || ca_write_file(path, mode, bytes_of_text(text), &why) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s", why ? why : "out of memory");
    return CLI_DONE;
}

enum cli_exit master_files_sign(struct cli *cli, const char *ca, const json_t *manifest, const char *path)
{
    CLEANUP(manifest_clear) struct manifest made = { 0 };
    CLEANUP(EVP_PKEY_free) EVP_PKEY *root_key = read_root_key(ca);
    CLEANUP(json_decref) json_t *text = NULL;

    if (!root_key)
        return cli_fail(cli, CLI_REFUSED, "It is the root that `privyseal init` made: bring it here.",
                        "%s/root.key cannot be read", ca);
    if (manifest_of_json(manifest, &made) < 0 || manifest_sign(&made, root_key) < 0 ||
        !(text = manifest_to_json(&made)))
        return cli_fail(cli, CLI_REFUSED, NULL, "the manifest of the master keys cannot be signed");
    return master_files_write(cli, path, 0644, text);
}
