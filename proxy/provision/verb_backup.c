/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_backup.c - backup: all that a deployment is made again from, in one file for its officers, while it runs.
 *
 * The header has what anybody may know: whose it is, the sealed key, and after a key ceremony the manifest and the
 * wrapped master keys, which the same officers open. The HSM's audit key signs.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "proxy/hsm/epochs.h"
#include "proxy/provision/backup_entries.h"
#include "proxy/provision/verbs.h"
#include "proxy/store/store_move.h"

#define KEY_LEN   32
#define SPKI_MAX  256
#define ECDSA_LEN 64

struct backup_making {
    const struct proxy_config *config;
    struct hsm *hsm;
    struct store_copy *copy;
    struct store *store;
    struct quorum quorum;
    json_t *header;
    struct backup_writer *writer;
};

static void making_clear(struct backup_making *making)
{
    backup_writer_free(making->writer);
    store_close(making->store);
    store_copy_free(making->copy);
    hsm_close(making->hsm);
    json_decref(making->header);
}
DEFINE_CLEAR(making_clear, struct backup_making);

static int fail_errno(const char *what, int r)
{
    return provision_fail(EX_IOERR, "%s: %s", what,
                          r == -EBADMSG   ? "not what it should be"
                          : r == -EUCLEAN ? "damaged"
                                          : strerror(-r));
}

/* ------------------------------------------------------------------------------------------------------ opening */

/*
 * As a signer's user, who can read the token directory and not write it: SoftHSM's C_Login would rewrite the token's
 * file, and here the deployment runs.
 */
static int open_hsm_as_signer(const struct proxy_config *config, const struct owners *owners,
                              struct hsm **ret)
{
    int status;

    if (owners->is_root && (setegid(owners->signer_gid) < 0 || seteuid(owners->signer_uid) < 0))
        return provision_fail(EX_NOPERM, "becoming the signers' user: %s", strerror(errno));
    status = provision_open_hsm(config, ret);
    if (owners->is_root && (seteuid(0) < 0 || setegid(0) < 0))
        return provision_fail(EX_NOPERM, "becoming root again: %s", strerror(errno));
    return status;
}

static int open_all(struct backup_making *making)
{
    struct owners owners;
    int status, r;

    if (owners_find(making->config->signer_user, &owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              making->config->signer_user);
    status = open_hsm_as_signer(making->config, &owners, &making->hsm);
    if (status != EX_OK)
        return status;
    r = store_copy_new(&making->copy);
    if (r == 0)
        r = store_open_following(making->config->store, making->config->store_successor, &making->store);
    return r == 0 ? EX_OK : fail_errno(making->config->store, r);
}

/* ------------------------------------------------------------------------------------------------------- header */

/* The officers: those of the ceremony, whom the root has signed for, unless others are named. */
static int choose_quorum(struct backup_making *making, const char *threshold, const char *officers)
{
    CLEANUP(manifest_clear) struct manifest manifest = { 0 };
    int r;

    if (threshold && officers)
        return provision_read_quorum(threshold, officers, &making->quorum);
    if (!making->config->hsm_manifest)
        return provision_fail(EX_USAGE,
                              "there was no key ceremony: name the officers with --quorum and --officers");
    r = manifest_load(making->config->hsm_manifest, &manifest); /* hsm_open() has checked it */
    if (r < 0)
        return fail_errno(making->config->hsm_manifest, r);
    making->quorum = manifest.quorum;
    return EX_OK;
}

static int add_json_file(json_t *header, const char *member, const char *path)
{
    json_error_t error;
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

    if (!object)
        return provision_fail(EX_NOINPUT, "%s: %s", path, error.text);
    return json_object_set_new(header, member, object) == 0 ? EX_OK
                                                            : provision_fail(EX_OSERR, "out of memory");
}

static int make_header(struct backup_making *making, json_t *secret)
{
    CLEANUP(buffer_clear) struct buffer audit = { .limit = SPKI_MAX };
    char host[128] = "";
    int status = EX_OK;

    gethostname(host, sizeof(host) - 1);
    if (hsm_audit_public_key(making->hsm, &audit) != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM gives no audit key");
    making->header = json_pack("{s:s, s:s, s:I, s:s, s:o, s:o}", "realm", making->config->realm, "host", host,
                               "time", (json_int_t)time(NULL), "program", PRIVYSEAL_VERSION,
                               "audit_public_key", json_of_hex(buffer_bytes(&audit)), "secret", secret);
    if (!making->header)
        return provision_fail(EX_OSERR, "out of memory");
    if (making->config->hsm_manifest)
        status = add_json_file(making->header, "manifest", making->config->hsm_manifest);
    if (status == EX_OK && making->config->hsm_manifest)
        status = add_json_file(making->header, "master_backup", making->config->hsm_master_backup);
    return status;
}

static int create(struct backup_making *making, const char *path)
{
    CLEANUP(secret_free) struct secret *key = NULL;
    json_t *secret = NULL;
    int status, r = secret_random(KEY_LEN, &key);

    if (r == 0)
        r = quorum_seal(making->config->realm, BACKUP_SECRET, &making->quorum, secret_bytes(key), &secret);
    if (r < 0)
        return fail_errno("the key of the backup", r);
    status = make_header(making, secret);
    if (status != EX_OK)
        return status;
    r = backup_create(path, making->header, secret_bytes(key), &making->writer);
    return r == 0 ? EX_OK : fail_errno(path, r);
}

/* ------------------------------------------------------------------------------------------------------ content */

static int add_all(struct backup_making *making, bool *ret_has_partitions)
{
    char partitions[PATH_MAX], master[PATH_MAX];
    bool has_partitions = provision_shard_directory(making->config, 0, partitions) &&
                          provision_softhsm_directory(making->config->hsm_environment, master);
    int r = backup_add_store(making->writer, making->copy, making->store);

    if (r == 0)
        r = backup_add_audit(making->writer, making->config);
    if (r == 0)
        r = backup_add_files(making->writer, making->config);
    for (unsigned i = 0; r == 0 && has_partitions && provision_shard_directory(making->config, i, partitions);
         i++)
        r = backup_add_partitions(making->writer, i, partitions, master);
    *ret_has_partitions = has_partitions;
    return r == 0 ? EX_OK : fail_errno("reading the deployment", r);
}

static json_t *describe_rows(const struct store_copy *copy)
{
    json_t *tables = json_object();
    size_t count;
    const struct store_sum *sums = store_copy_sums(copy, &count);

    for (size_t i = 0; i < count; i++)
        json_object_set_new(tables, sums[i].table, json_integer((json_int_t)sums[i].rows));
    return tables;
}

/* Files that the configuration names by an absolute path: they are somebody else's, and stay where they are. */
static json_t *describe_missing(const struct proxy_config *config)
{
    const char *const paths[] = { config->certificate, config->key, config->client_ca, config->seal_chain };
    json_t *missing = json_array();

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (paths[i] && paths[i][0] == '/')
            json_array_append_new(missing, json_string(paths[i]));
    return missing;
}

/* Epochs that were born in the HSM after the ceremony: what is made under them, no officer can bring back. */
static json_t *describe_unprotected(const struct backup_making *making)
{
    CLEANUP(manifest_clear) struct manifest manifest = { 0 };
    struct hsm_epoch epochs[HSM_EPOCHS_MAX];
    json_t *unprotected = json_array();
    size_t count = 0;

    if (!making->config->hsm_manifest || manifest_load(making->config->hsm_manifest, &manifest) < 0)
        return unprotected;
    hsm_epochs(making->hsm, epochs, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = master_keys_name(epochs[i].kind);

        if (!epochs[i].is_stranger && !manifest_find(&manifest, name, epochs[i].epoch))
            json_array_append_new(unprotected, json_sprintf("%s epoch %u", name, epochs[i].epoch));
    }
    return unprotected;
}

static json_t *make_index(const struct backup_making *making, bool has_partitions)
{
    json_t *rows = describe_rows(making->copy);
    json_t *index =
        json_pack("{s:{s:b, s:b, s:b, s:b}, s:O, s:O, s:o, s:O, s:o, s:o}", "holds", "rows", 1, "master_keys",
                  making->config->hsm_manifest != NULL, "partitions", has_partitions, "pins", 0, "users",
                  json_object_get(rows, "tokens"), "keys", json_object_get(rows, "keys"), "rows", rows,
                  "entries", backup_entries(making->writer), "not_included", describe_missing(making->config),
                  "keys_not_included", describe_unprotected(making));

    return index;
}

static int finish(struct backup_making *making, bool has_partitions, const char *path)
{
    CLEANUP(json_decref) json_t *index = make_index(making, has_partitions);
    CLEANUP(json_decref) json_t *result = NULL;
    uint8_t digest[HASH_LEN], signature[ECDSA_LEN];
    int r = index ? backup_seal(making->writer, index, digest) : -ENOMEM;

    if (r == 0 && hsm_sign_checkpoint(making->hsm, digest, signature) != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM does not sign the backup");
    if (r == 0)
        r = backup_finish(making->writer, BYTES_OF_ARRAY(signature));
    if (r < 0)
        return fail_errno(path, r);
    result = json_pack("{s:s, s:O}", "file", path, "index", index);
    return result ? provision_print(result) : provision_fail(EX_OSERR, "out of memory");
}

int verb_backup(const struct proxy_config *config, int argc, char **argv)
{
    static const struct option options[] = { { "quorum", required_argument, NULL, 'q' },
                                             { "officers", required_argument, NULL, 'o' },
                                             { NULL, 0, NULL, 0 } };
    CLEANUP(making_clear) struct backup_making making = { .config = config };
    const char *threshold = NULL, *officers = NULL;
    bool has_partitions = false;
    int c, status;

    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'q')
            threshold = optarg;
        else if (c == 'o')
            officers = optarg;
        else
            return EX_USAGE;
    }
    if (argc != optind + 1 || !threshold != !officers)
        return provision_fail(EX_USAGE, "usage: --provision backup [--quorum M --officers FILE,...] FILE");
    status = open_all(&making);
    if (status == EX_OK)
        status = choose_quorum(&making, threshold, officers);
    if (status == EX_OK)
        status = create(&making, argv[optind]);
    if (status == EX_OK)
        status = add_all(&making, &has_partitions);
    return status == EX_OK ? finish(&making, has_partitions, argv[optind]) : status;
}
