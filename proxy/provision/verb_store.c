/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_store.c - migrate-store: all rows from the configured store into another, which must be empty. upgrade-store: the
 * configured store's schema to this program's version, while daemons of the version before go on with it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "include/descriptor.h"
#include "proxy/in_use.h"
#include "proxy/provision/directories.h"
#include "proxy/provision/progress.h"
#include "proxy/provision/verbs.h"
#include "proxy/store/store_copy.h"

struct migration {
    struct store_copy *from_copy, *to_copy;
    struct progress progress;
};

static int pass_on(void *arg, struct bytes record)
{
    struct migration *migration = arg;

    progress_add(&migration->progress, 1);
    return store_copy_write(migration->to_copy, record);
}

/* Two copies: one counts what is read, the other what is written. */
static int migrate(struct store *from, struct store *to, struct store_copy *from_copy,
                   struct store_copy *to_copy)
{
    struct migration migration = { .from_copy = from_copy, .to_copy = to_copy };
    uint64_t rows = 0;
    int r = store_copy_count(from_copy, from, &rows);

    migration.progress = progress_of("rows", rows);
    if (r == 0)
        r = store_copy_write_begin(to_copy, to);
    if (r == 0)
        r = store_copy_read(from_copy, from, pass_on, &migration);
    if (r == 0)
        r = store_copy_write_end(to_copy);
    progress_end(&migration.progress);
    return r;
}

static int print_sums(const struct store_copy *copy, const char *url)
{
    CLEANUP(json_decref) json_t *tables = json_array();
    CLEANUP(json_decref) json_t *result = NULL;
    size_t count;
    const struct store_sum *sums = store_copy_sums(copy, &count);

    for (size_t i = 0; i < count; i++)
        json_array_append_new(tables, json_pack("{s:s, s:I, s:o}", "table", sums[i].table, "rows",
                                                (json_int_t)sums[i].rows, "digest",
                                                json_of_hex(BYTES_OF_ARRAY(sums[i].digest))));
    /* A URL may hold a password: only its scheme is repeated. */
    result = json_pack("{s:s#, s:O}", "store", url, (int)strcspn(url, ":"), "tables", tables);
    return result ? provision_print(result) : provision_fail(EX_OSERR, "out of memory");
}

int verb_migrate_store(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(store_copy_free) struct store_copy *from_copy = NULL;
    CLEANUP(store_copy_free) struct store_copy *to_copy = NULL;
    CLEANUP(store_close) struct store *from = NULL; /* closed before the copies are freed */
    CLEANUP(store_close) struct store *to = NULL;
    CLEANUP(descriptor_close) int in_use_fd = -1;
    int r;

    if (argc != 2)
        return provision_fail(EX_USAGE, "usage: --provision migrate-store URL");
    r = in_use_claim(config, &in_use_fd);
    if (r == -EBUSY)
        return provision_fail(EX_TEMPFAIL,
                              "the store was not moved: a privyseald runs on it, and what it writes "
                              "meanwhile would be lost; stop it first (systemctl stop privyseald)");
    if (r == 0)
        r = store_copy_new(&from_copy);
    if (r == 0)
        r = store_copy_new(&to_copy);
    if (r == 0)
        r = store_open(config->store, &from);
    if (r == 0)
        r = store_migrate(argv[1]);
    if (r == 0)
        r = store_open(argv[1], &to);
    if (r == 0)
        r = migrate(from, to, from_copy, to_copy);
    if (r < 0)
        return provision_fail(EX_DATAERR, "the store was not moved: %s",
                              r == -EEXIST    ? "the new one has rows already"
                              : r == -EUCLEAN ? "what the new one gives back is not what it was given"
                                              : strerror(-r));
    return print_sums(to_copy, argv[1]);
}

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
