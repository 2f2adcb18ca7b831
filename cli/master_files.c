/* SPDX-License-Identifier: Apache-2.0 */
/* master_files.c - writing what a key ceremony gave. */
#include "cli/master_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
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

bool master_files_can_sign(const char *ca)
{
    char path[PATH_MAX];

    return ca && snprintf(path, sizeof(path), "%s/root.key", ca) < PATH_MAX && access(path, R_OK) == 0;
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

static enum cli_exit sign_reply(struct cli *cli, const char *ca, const json_t *reply)
{
    return master_files_sign(cli, ca, json_object_get(reply, "manifest"),
                             json_read_text(reply, "manifest_path"));
}

static enum cli_exit write_backup(struct cli *cli, const json_t *reply)
{
    return master_files_write(cli, json_read_text(reply, "master_backup_path"), 0640,
                              json_object_get(reply, "master_backup"));
}

/* A second name for the old file, so that there is no moment without one. */
static enum cli_exit keep_old(struct cli *cli, const char *path, const char *old)
{
    if ((unlink(old) < 0 && errno != ENOENT) || link(path, old) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", old, strerror(errno));
    return CLI_DONE;
}

static char *old_path(const json_t *reply)
{
    char *path;

    return asprintf(&path, "%s.1", json_read_text(reply, "master_backup_path")) < 0 ? NULL : path;
}

enum cli_exit master_files_add(struct cli *cli, const char *ca, const json_t *reply)
{
    CLEANUP(free_string) char *old = old_path(reply);
    enum cli_exit status;

    if (!json_object_get(reply, "manifest"))
        return CLI_DONE;
    status = old ? keep_old(cli, json_read_text(reply, "master_backup_path"), old)
                 : cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    if (status == CLI_DONE)
        status = write_backup(cli, reply);
    return status == CLI_DONE ? sign_reply(cli, ca, reply) : status;
}

enum cli_exit master_files_remove(struct cli *cli, const char *ca, const json_t *reply)
{
    CLEANUP(free_string) char *old = old_path(reply);
    enum cli_exit status;

    if (!json_object_get(reply, "manifest"))
        return CLI_DONE;
    status = sign_reply(cli, ca, reply);
    if (status == CLI_DONE)
        status = write_backup(cli, reply);
    if (status == CLI_DONE && (!old || (unlink(old) < 0 && errno != ENOENT)))
        status = cli_fail(cli, CLI_REFUSED, "It has the destroyed key still: remove it.",
                          "the backup of before, master-backup.1: %s", strerror(errno));
    return status;
}
