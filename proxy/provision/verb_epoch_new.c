/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_epoch_new.c - epoch-new: master keys made anew, in every HSM of the configuration; seal-key: what clients seal to.
 *
 * Where officers hold the master keys, the new one is printed with the manifest that the root has to sign for it. Until it
 * is signed and in place, the key is used by nobody, so what is interrupted is done again, under another number.
 */
#include <getopt.h>
#include <string.h>
#include <sysexits.h>

#include "proxy/hsm/epochs.h"
#include "proxy/provision/master_files.h"
#include "proxy/provision/pool.h"
#include "proxy/provision/verbs.h"
#include "proxy/service/seal_keys.h"

/* What the command line says. */
struct making {
    const struct proxy_config *config;
    enum master_kind kind;
    bool will_sign, is_wrapped;
    unsigned left_out; /* a bit for each HSM */
    struct master_files files;
    struct pool pool;
    uint32_t epoch; /* when it is made */
};

static void making_clear(struct making *making)
{
    pool_clear(&making->pool);
    master_files_clear(&making->files);
}
DEFINE_CLEAR(making_clear, struct making);

/* ----------------------------------------------------------------------------------------------------- arguments */

/* "b,c" */
static int parse_left_out(const struct proxy_config *config, const char *list, unsigned *ret)
{
    CLEANUP(free_string) char *copy = strdup(list);
    char *rest = copy, *name;

    while (copy && (name = strsep(&rest, ","))) {
        unsigned hsm = proxy_config_find_hsm(config, name);

        if (hsm == HSMS_MAX)
            return provision_fail(EX_USAGE, "the configuration has no [hsm.%s]", name);
        if (hsm == 0)
            return provision_fail(EX_USAGE, "an epoch is born in [hsm], which cannot be left out");
        *ret |= 1U << hsm;
    }
    return copy ? EX_OK : provision_fail(EX_OSERR, "out of memory");
}

static int parse(const struct proxy_config *config, int argc, char **argv, struct making *ret)
{
    static const struct option options[] = { { "to-sign", no_argument, NULL, 's' },
                                             { "without-backup", no_argument, NULL, 'w' },
                                             { "leave-out", required_argument, NULL, 'l' },
                                             { NULL, 0, NULL, 0 } };
    int c, status = EX_OK;

    *ret = (struct making){ .config = config, .is_wrapped = config->hsm_manifest };
    optind = 0; /* getopt(3): anew, with options behind KIND as well */
    while (status == EX_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            ret->will_sign = true;
        else if (c == 'w')
            ret->is_wrapped = false;
        else if (c == 'l')
            status = parse_left_out(config, optarg, &ret->left_out);
        else
            status = EX_USAGE;
    }
    if (status == EX_OK && argc - optind != 1)
        status = provision_fail(EX_USAGE, "usage: --provision epoch-new KIND [--to-sign | --without-backup] "
                                          "[--leave-out NAME,...]");
    return status == EX_OK ? provision_epoch_kind(argv[optind], &ret->kind) : status;
}

/* A key that leaves its HSM for nobody would fail rows in signers of the others. */
static int refuse_unsent(const struct making *making)
{
    if (making->is_wrapped)
        return provision_refuse_unsigned(making->config, making->will_sign);
    if (proxy_config_hsms(making->config) == 1)
        return EX_OK;
    if (making->config->hsm_manifest)
        return provision_fail(EX_CONFIG,
                              "without a backup the new epoch would be in [hsm] alone, and there are "
                              "others");
    return provision_fail(
        EX_CONFIG, "a new epoch is born in [hsm] and never leaves it: take the other [hsm.NAME] out of "
                   "the configuration, make it, and clone [hsm] again by its maker's means");
}

/* ------------------------------------------------------------------------------------------------------- making */

static CK_RV make_here(struct making *making, struct hsm *hsm)
{
    const struct ceremony_epoch made = {
        .manifest = &making->files.manifest,
        .backup = &making->files.backup,
        .recipients = making->pool.recipients,
        .recipient_count = making->pool.count,
    };

    return making->is_wrapped
               ? hsm_epoch_new_wrapped(hsm, making->kind, making->pool.least, &made, &making->epoch)
               : hsm_epoch_new(hsm, making->kind, &making->epoch);
}

static int make_epoch(struct making *making)
{
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    int status = provision_open_hsm(making->config, &hsm);
    CK_RV rv = status == EX_OK ? make_here(making, hsm) : CKR_OK;

    return rv == CKR_OK ? status
                        : provision_fail(EX_UNAVAILABLE, "the HSM made no new epoch of %s (CKR 0x%lx)",
                                         master_keys_name(making->kind), rv);
}

/* The newest in the backup is the one just made. */
static int deliver(const struct making *making)
{
    const struct master_backup *backup = &making->files.backup;
    const struct manifest_key *named =
        manifest_find(&making->files.manifest, master_keys_name(making->kind), making->epoch);

    return pool_deliver(&making->pool, &backup->copies[backup->count - 1], named->commitment);
}

static int make_everywhere(struct making *making)
{
    int status = EX_OK;

    if (making->is_wrapped)
        status = master_files_load(making->config, &making->files);
    if (status == EX_OK && making->is_wrapped)
        status = pool_gather(making->config, making->kind, making->left_out, &making->pool);
    if (status == EX_OK)
        status = make_epoch(making);
    if (status == EX_OK && making->is_wrapped)
        status = deliver(making);
    return status == EX_OK ? provision_hand_out(making->config) : status;
}

/* "left_out" is there when somebody was. */
static json_t *describe(const struct making *making)
{
    json_t *object =
        json_pack("{s:s, s:I}", "kind", master_keys_name(making->kind), "epoch", (json_int_t)making->epoch);
    json_t *names = json_array();

    for (unsigned hsm = 1; hsm < proxy_config_hsms(making->config); hsm++)
        if (making->left_out & 1U << hsm)
            json_array_append_new(names, json_string(proxy_config_hsm(making->config, hsm).name));
    if (json_array_size(names))
        json_object_set(object, "left_out", names);
    json_decref(names);
    return object;
}

int verb_epoch_new(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(making_clear) struct making making = { 0 };
    CLEANUP(json_decref) json_t *object = NULL;
    int status = parse(config, argc, argv, &making);

    if (status == EX_OK)
        status = refuse_unsent(&making);
    if (status == EX_OK)
        status = make_everywhere(&making);
    if (status != EX_OK)
        return status;
    object = describe(&making);
    if (making.is_wrapped)
        status = master_files_describe(config, &making.files, object);
    return status == EX_OK ? provision_print(object) : status;
}

/* ------------------------------------------------------------------------------------------------------ seal-key */

/* With a new Kseal comes a new public key, for its issuer to certify before any signer starts. */
int verb_seal_key(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(seal_epoch_clear) struct seal_epoch seal = { 0 };
    CLEANUP(json_decref) json_t *object = NULL;
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    char public_key[2 * HPKE_KEY_LEN + 1];
    int status = argc == 1 ? provision_open_hsm(config, &hsm)
                           : provision_fail(EX_USAGE, "usage: --provision %s", argv[0]);

    if (status != EX_OK)
        return status;
    if (seal_epoch_derive(hsm, config->realm, hsm_epoch_mac(hsm, HSM_SEAL), &seal) != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM does not derive the sealing key");
    hex_encode(BYTES_OF_ARRAY(seal.public_key), public_key);
    object =
        json_pack("{s:I, s:s, s:s, s:s, s:s}", "epoch", (json_int_t)seal.epoch, "seal_public_key", public_key,
                  "seal_chain", config->seal_chain, "state", config->state, "realm", config->realm);
    return object ? provision_print(object) : provision_fail(EX_OSERR, "out of memory");
}
