/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_partitions.c - places for partitions: a token directory for each partition signer, which alone writes it.
 *
 * `init` lays them out; the verb does it for those that a larger [server] partitions asks for later. What is there is
 * left as it is. A signer's library sees one token directory, so each gets a copy of the master token beside the
 * partitions. An HSM without such files needs none of this.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "proxy/provision/verbs.h"

/* One partition signer's part of the configuration. */
struct shard {
    char *environment, *directory;
    char backup[PATH_MAX]; /* beside the directory; made last, so it says that the rest was done */
};

static void shard_clear(struct shard *shard)
{
    free(shard->environment);
    free(shard->directory);
}
DEFINE_CLEAR(shard_clear, struct shard);

static int shard_fill(const struct proxy_config *config, unsigned number, struct shard *ret)
{
    int r = proxy_config_of_shard(config->hsm_partition_environment, number, &ret->environment);

    if (r == 0)
        r = proxy_config_of_shard(config->hsm_partition_directory, number, &ret->directory);
    if (r == 0 && snprintf(ret->backup, sizeof(ret->backup), "%s-backup", ret->directory) >= PATH_MAX)
        r = -ENAMETOOLONG;
    return r;
}

/* The library's configuration; the first signer's was written by `init`, or by hand. */
static int write_conf(const struct shard *shard)
{
    const char *path = strchr(shard->environment, '=') + 1;
    FILE *file;
    int r;

    if (access(path, F_OK) == 0)
        return 0;
    file = fopen(path, "wxe");
    if (!file)
        return -errno;
    fprintf(
        file,
        "# This partition signer alone writes here.\n"
        "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
        shard->directory);
    r = fchmod(fileno(file), 0644) < 0 ? -errno : 0;
    return fclose(file) != 0 ? -EIO : r;
}

static int fill_directory(const struct shard *shard, const char *tokens, const struct owners *owners)
{
    int r = directory_for_signers(shard->directory, owners);

    if (r == 0)
        r = directory_copy(tokens, shard->directory);
    if (r == 0)
        r = directory_read_only(shard->directory, owners);
    if (r == 0)
        r = directory_for_signers(shard->directory, owners);
    return r == 0 ? directory_for_signers(shard->backup, owners) : r;
}

static int lay_out_shard(const struct proxy_config *config, unsigned number, const char *tokens,
                         const struct owners *owners, unsigned *ret_made)
{
    CLEANUP(shard_clear) struct shard shard = { 0 };
    char told[PATH_MAX];
    int r = shard_fill(config, number, &shard);

    if (r == 0)
        r = write_conf(&shard);
    if (r < 0)
        return provision_fail(EX_CANTCREAT, "partition signer %u: %s", number, strerror(-r));
    if (!provision_softhsm_directory(shard.environment, told) || strcmp(told, shard.directory) != 0)
        return provision_fail(EX_CONFIG, "%s names no SoftHSM configuration with directories.tokendir = %s",
                              shard.environment, shard.directory);
    if (access(shard.backup, F_OK) == 0)
        return EX_OK;
    r = fill_directory(&shard, tokens, owners);
    if (r < 0)
        return provision_fail(EX_CANTCREAT, "%s: %s", shard.directory, strerror(-r));
    (*ret_made)++;
    return EX_OK;
}

bool provision_shard_directory(const struct proxy_config *config, unsigned number, char ret[PATH_MAX])
{
    CLEANUP(shard_clear) struct shard shard = { 0 };

    return config->hsm_partition_directory && number < config->partitions &&
           shard_fill(config, number, &shard) == 0 && provision_softhsm_directory(shard.environment, ret);
}

void provision_shard_entry(const char *word, unsigned number, char ret[SHARD_ENTRY_LEN])
{
    if (number == 0)
        snprintf(ret, SHARD_ENTRY_LEN, "%s", word);
    else
        snprintf(ret, SHARD_ENTRY_LEN, "%s-%u", word, number);
}

int provision_partitions(const struct proxy_config *config, const char *tokens, const struct owners *owners,
                         unsigned *ret_made)
{
    int status = EX_OK;

    *ret_made = 0;
    if (!config->hsm_partition_directory)
        return EX_OK; /* the HSM's administrator makes them */
    for (unsigned i = 0; status == EX_OK && i < config->partitions; i++)
        status = lay_out_shard(config, i, tokens, owners, ret_made);
    return status;
}

int verb_partitions(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(json_decref) json_t *object = NULL;
    char tokens[PATH_MAX];
    struct owners owners;
    unsigned made = 0;
    int status = EX_OK;

    (void)argv;
    if (argc != 1)
        return provision_fail(EX_USAGE, "usage: --provision partitions");
    if (owners_find(config->signer_user, &owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    if (provision_softhsm_directory(config->hsm_environment, tokens))
        status = provision_partitions(config, tokens, &owners, &made);
    if (status != EX_OK)
        return status;
    object = json_pack("{s:i, s:i}", "partition_signers", (int)config->partitions, "made", (int)made);
    return provision_print(object);
}
