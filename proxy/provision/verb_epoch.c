/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_epoch.c - epoch-list, epoch-new, epoch-destroy: master keys made anew, and ended when nothing needs them.
 *
 * The daemon may run: its signers read the token's directory, and know of a new epoch once they are replaced (SIGHUP).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "proxy/hsm/epochs.h"
#include "proxy/hsm/token_directory.h"
#include "proxy/provision/verbs.h"
#include "proxy/service/seal_keys.h"
#include "proxy/store/store.h"

/* What names an epoch of each kind in the store; NULL: nothing does. */
static int (*const counters[MASTER_KINDS])(struct store *store, uint32_t epoch, uint64_t *ret) = {
    [MASTER_DERIVE] = store_count_kd,
    [MASTER_WRAP] = store_count_kw,
    [MASTER_EXCHANGE] = store_count_kx,
};

static int count_rows(struct store *store, const struct hsm_epoch *epoch, uint64_t *ret)
{
    *ret = 0;
    return counters[epoch->kind] ? counters[epoch->kind](store, epoch->epoch, ret) : 0;
}

static int open_both(const struct proxy_config *config, struct hsm **ret_hsm, struct store **ret_store)
{
    int status = provision_open_hsm(config, ret_hsm), r;

    if (status != EX_OK)
        return status;
    r = store_open(config->store, ret_store);
    return r == 0 ? EX_OK : provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
}

/* ---------------------------------------------------------------------------------------------------- epoch-list */

static json_t *describe(const struct hsm_epoch *epoch, uint64_t rows)
{
    json_t *object = json_pack("{s:s, s:I, s:b, s:b, s:I}", "kind", master_keys_name(epoch->kind), "epoch",
                               (json_int_t)epoch->epoch, "newest", epoch->is_newest, "may_change",
                               hsm_epoch_may_change(epoch->kind), "rows", (json_int_t)rows);

    if (epoch->ends_ms != INT64_MAX)
        json_object_set_new(object, "ends_unix", json_integer(epoch->ends_ms / 1000));
    return object;
}

int verb_epoch_list(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    struct hsm_epoch epochs[HSM_EPOCHS_MAX];
    json_t *list = json_array();
    size_t count;
    int status = argc == 1 ? open_both(config, &hsm, &store)
                           : provision_fail(EX_USAGE, "usage: --provision %s", argv[0]);

    object = json_pack("{s:o}", "epochs", list);
    if (status != EX_OK)
        return status;
    hsm_epochs(hsm, epochs, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t rows;
        int r = count_rows(store, &epochs[i], &rows);

        if (r < 0)
            return provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
        json_array_append_new(list, describe(&epochs[i], rows));
    }
    return provision_print(object);
}

/* ------------------------------------------------------------------------------------------- the token's files */

/* SoftHSM writes files as we do, for root alone; signers read them. And the partition signer has a copy. */
static int hand_out(const struct proxy_config *config)
{
    struct owners owners;

    if (owners_find(config->signer_user, &owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    return provision_refresh_hsm(config, &owners);
}

static int find_kind(const char *name, enum master_kind *ret)
{
    if (master_keys_kind(name, ret) && hsm_epoch_may_change(*ret))
        return EX_OK;
    return provision_fail(EX_USAGE, "there are epochs of Kd, Kw, Kx and Kseal, not of \"%s\"", name);
}

/* ----------------------------------------------------------------------------------------------------- epoch-new */

/* With a new Kseal comes a new public key, for its issuer to certify before any signer starts. */
static int add_seal_key(const struct proxy_config *config, json_t *object)
{
    CLEANUP(seal_epoch_clear) struct seal_epoch seal = { 0 };
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    char public_key[2 * HPKE_KEY_LEN + 1];
    int status = provision_open_hsm(config, &hsm);

    if (status != EX_OK)
        return status;
    if (seal_epoch_derive(hsm, config->realm, hsm_epoch_mac(hsm, HSM_SEAL), &seal) != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM does not derive the new sealing key");
    hex_encode(BYTES_OF_ARRAY(seal.public_key), public_key);
    json_object_set_new(object, "seal_public_key", json_string(public_key));
    json_object_set_new(object, "seal_chain", json_string(config->seal_chain));
    json_object_set_new(object, "state", json_string(config->state));
    json_object_set_new(object, "realm", json_string(config->realm));
    return EX_OK;
}

static int make_epoch(const struct proxy_config *config, enum master_kind kind, uint32_t *ret)
{
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    int status = provision_open_hsm(config, &hsm);
    CK_RV rv;

    if (status != EX_OK)
        return status;
    rv = hsm_epoch_new(hsm, kind, ret);
    return rv == CKR_OK ? EX_OK
                        : provision_fail(EX_UNAVAILABLE, "the HSM made no new epoch of %s (CKR 0x%lx)",
                                         master_keys_name(kind), rv);
}

int verb_epoch_new(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(json_decref) json_t *object = NULL;
    bool without_backup = argc == 3 && strcmp(argv[2], "--without-backup") == 0;
    enum master_kind kind;
    uint32_t epoch = 0;
    int status;

    if (argc < 2 || (argc > 2 && !without_backup))
        return provision_fail(EX_USAGE, "usage: --provision epoch-new KIND [--without-backup]");
    status = find_kind(argv[1], &kind);
    if (status == EX_OK && config->hsm_manifest && !without_backup)
        status = provision_fail(EX_USAGE, "the officers' backup of the master keys would lack the new epoch: "
                                          "--without-backup says that this is meant");
    if (status == EX_OK)
        status = make_epoch(config, kind, &epoch);
    if (status == EX_OK)
        status = hand_out(config);
    if (status != EX_OK)
        return status;
    object = json_pack("{s:s, s:I}", "kind", master_keys_name(kind), "epoch", (json_int_t)epoch);
    if (kind == MASTER_SEAL)
        status = add_seal_key(config, object);
    return status == EX_OK ? provision_print(object) : status;
}

/* ------------------------------------------------------------------------------------------------- epoch-destroy */

static int refuse_if_needed(const struct proxy_config *config, struct hsm *hsm, struct store *store,
                            enum master_kind kind, uint32_t number)
{
    struct hsm_epoch epochs[HSM_EPOCHS_MAX];
    uint64_t rows = 0;
    size_t count;
    int r = 0;

    hsm_epochs(hsm, epochs, &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (epochs[i].kind != kind || epochs[i].epoch != number)
            continue;
        if (epochs[i].is_newest)
            return provision_fail(EX_DATAERR, "epoch %u is the newest of %s: make a new one first", number,
                                  master_keys_name(kind));
        r = count_rows(store, &epochs[i], &rows);
    }
    if (r < 0)
        return provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
    if (rows > 0)
        return provision_fail(EX_DATAERR, "%llu rows need epoch %u of %s: nothing was destroyed",
                              (unsigned long long)rows, number, master_keys_name(kind));
    return EX_OK;
}

/* The store stays locked from the counting to the end: nobody makes a row under it meanwhile. */
static int destroy(const struct proxy_config *config, enum master_kind kind, uint32_t number)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    int status = open_both(config, &hsm, &store), r;
    CK_RV rv;

    if (status != EX_OK)
        return status;
    r = store_begin(store);
    if (r < 0)
        return provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
    status = refuse_if_needed(config, hsm, store, kind, number);
    if (status != EX_OK)
        return status;
    rv = hsm_epoch_destroy(hsm, kind, number);
    if (rv == CKR_KEY_NEEDED)
        return provision_fail(EX_DATAERR, "there is no epoch %u of %s", number, master_keys_name(kind));
    return rv == CKR_OK ? EX_OK
                        : provision_fail(EX_UNAVAILABLE, "the HSM did not destroy it (CKR 0x%lx)", rv);
}

int verb_epoch_destroy(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(json_decref) json_t *object = NULL;
    enum master_kind kind;
    unsigned long number;
    int status;

    if (argc != 3)
        return provision_fail(EX_USAGE, "usage: --provision epoch-destroy KIND EPOCH");
    number = strtoul(argv[2], NULL, 10);
    status = find_kind(argv[1], &kind);
    if (status == EX_OK && (number == 0 || number > UINT32_MAX))
        status = provision_fail(EX_USAGE, "\"%s\" is no epoch's number", argv[2]);
    if (status == EX_OK)
        status = destroy(config, kind, (uint32_t)number);
    if (status == EX_OK)
        status = hand_out(config);
    if (status != EX_OK)
        return status;
    object = json_pack("{s:s, s:I}", "kind", master_keys_name(kind), "destroyed", (json_int_t)number);
    return provision_print(object);
}
