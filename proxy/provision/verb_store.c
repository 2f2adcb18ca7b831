/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_store.c - upgrade-store: the configured store's schema to this program's version, while daemons of the version before
 * go on with it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "proxy/provision/directories.h"
#include "proxy/provision/verbs.h"
#include "proxy/store/store.h"

static int upgrade(const struct proxy_config *config, const struct owners *owners, unsigned *ret_version)
{
    CLEANUP(store_close) struct store *store = NULL;
    char directory[PATH_MAX];
    int r = store_migrate(config->store);

    if (r == 0 && provision_store_directory(config->store, directory))
        r = directory_give(directory, owners);
    if (r == 0)
        r = store_open(config->store, &store);
    return r < 0 ? r : store_schema_version(store, ret_version);
}

int verb_upgrade_store(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(json_decref) json_t *result = NULL;
    struct owners owners;
    unsigned version;
    int r;

    (void)argv;
    if (argc != 1)
        return provision_fail(EX_USAGE, "usage: --provision upgrade-store");
    if (owners_find(config->signer_user, &owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    r = upgrade(config, &owners, &version);
    if (r < 0)
        return provision_fail(EX_DATAERR, "the store was not upgraded, or not to the end: %s",
                              r == -EPROTO ? "it is too new for this program" : strerror(-r));
    result = json_pack("{s:i}", "version", (int)version);
    return result ? provision_print(result) : provision_fail(EX_OSERR, "out of memory");
}
