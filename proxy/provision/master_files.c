/* SPDX-License-Identifier: Apache-2.0 */
/* master_files.c - reading the files of a key ceremony, and telling what is to become of them. */
#include "proxy/provision/master_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "proxy/provision/verbs.h"

void master_files_clear(struct master_files *files)
{
    manifest_clear(&files->manifest);
    master_backup_clear(&files->backup);
    json_decref(files->text);
    *files = (struct master_files){ 0 };
}

/* The manifest decides which keys are ours, so it comes first. */
int master_files_load(const struct proxy_config *config, struct master_files *ret)
{
    const char *why = "not a manifest";
    json_error_t error;
    int r = manifest_load(config->hsm_manifest, &ret->manifest);

    if (r == 0)
        r = manifest_check(&ret->manifest, config->realm, config->client_ca, &why);
    if (r < 0)
        return provision_fail(EX_DATAERR, "%s: %s", config->hsm_manifest, why);
    if (!config->hsm_master_backup)
        return provision_fail(EX_CONFIG, "[hsm] master_backup is not set");
    ret->text = json_load_file(config->hsm_master_backup, JSON_REJECT_DUPLICATES, &error);
    if (!ret->text)
        return provision_fail(EX_NOINPUT, "%s: %s", config->hsm_master_backup, error.text);
    r = master_backup_of_json(json_object_get(ret->text, "keys"), &ret->backup);
    return r == 0 ? EX_OK
                  : provision_fail(EX_DATAERR, "%s: no backup of master keys", config->hsm_master_backup);
}

/* As seen from anywhere: a verb works in the state directory. */
static int add_path(json_t *object, const char *member, const char *path)
{
    CLEANUP(free_string) char *absolute = realpath(path, NULL);

    if (!absolute)
        return provision_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
    return json_object_set_new(object, member, json_string(absolute)) == 0
               ? EX_OK
               : provision_fail(EX_OSERR, "out of memory");
}

int master_files_describe(const struct proxy_config *config, const struct master_files *files, json_t *object)
{
    int status;

    if (json_object_set_new(files->text, "keys", master_backup_to_json(&files->backup)) < 0 ||
        json_object_set(object, "master_backup", files->text) < 0 ||
        json_object_set_new(object, "manifest", manifest_to_json(&files->manifest)) < 0)
        return provision_fail(EX_OSERR, "out of memory");
    status = add_path(object, "master_backup_path", config->hsm_master_backup);
    return status == EX_OK ? add_path(object, "manifest_path", config->hsm_manifest) : status;
}
