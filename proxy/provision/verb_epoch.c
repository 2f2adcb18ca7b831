/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_epoch.c - epoch-list, epoch-destroy: which master keys there are, in which HSM, and their end when nothing needs them.
 *
 * Where officers hold the master keys, a change is printed with the manifest that the root has to sign for it.
 * The daemon may run: its signers read the token's directory, and know of a new epoch once they are replaced (SIGHUP).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "include/table.h"
#include "proxy/hsm/epochs.h"
#include "proxy/hsm/token_directory.h"
#include "proxy/provision/master_files.h"
#include "proxy/provision/verbs.h"
#include "proxy/store/store_move.h"

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

/* What else than a login frees an epoch of Kd, in words; empty: nothing has to. */
static int describe_holders(struct store *store, const struct hsm_epoch *epoch, char ret[160])
{
    struct kd_rows rows = { 0 };
    int r = epoch->kind == MASTER_DERIVE ? store_list_kd(store, epoch->epoch, &rows) : 0;
    const struct {
        uint64_t count;
        const char *what;
    } holders[] = {
        { rows.pins, "PINs" },
        { rows.keys, "keys" },
        { rows.authenticators, "authenticators" },
        { rows.codes, "recovery codes" },
        { rows.quorums, "quorums" },
        { rows.shares, "shares" },
    };
    size_t used = 0;

    *ret = '\0';
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(holders) && used < 160; i++)
        if (holders[i].count)
            used += (size_t)snprintf(ret + used, 160 - used, "%s%llu %s", used ? ", " : "",
                                     (unsigned long long)holders[i].count, holders[i].what);
    return r;
}

static int open_store(const struct proxy_config *config, struct store **ret)
{
    int r = store_open_following(config->store, config->store_successor, ret);

    return r == 0 ? EX_OK : provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
}

/* ---------------------------------------------------------------------------------------------------- epoch-list */

/* An epoch, and where it is: a bit for each HSM. */
struct listed {
    struct hsm_epoch epoch;
    unsigned present;
};

struct listing {
    struct listed rows[2 * HSM_EPOCHS_MAX]; /* more than that many strangers of further HSMs are not told */
    size_t count;
    unsigned asked; /* HSMs that could be opened */
};

static struct listed *listed_row(struct listing *listing, const struct hsm_epoch *epoch)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->rows[i].epoch.kind == epoch->kind && listing->rows[i].epoch.epoch == epoch->epoch)
            return &listing->rows[i];
    if (listing->count == ARRAY_SIZE(listing->rows))
        return NULL;
    listing->rows[listing->count] = (struct listed){ .epoch = *epoch };
    return &listing->rows[listing->count++];
}

static void list_in(struct listing *listing, const struct hsm *hsm, unsigned number)
{
    struct hsm_epoch epochs[HSM_EPOCHS_MAX];
    size_t count;

    hsm_epochs(hsm, epochs, &count);
    for (size_t i = 0; i < count; i++) {
        struct listed *row = listed_row(listing, &epochs[i]);

        if (row)
            row->present |= 1U << number;
    }
    listing->asked |= 1U << number;
}

/* [hsm] has to be there; one of the others that is not is told, and left out. */
static int list_everywhere(const struct proxy_config *config, struct listing *listing)
{
    for (unsigned i = 0; i < proxy_config_hsms(config); i++) {
        CLEANUP(hsm_close) struct hsm *hsm = NULL;
        int status = provision_open_hsm_at(config, i, &hsm);

        if (status != EX_OK && i == 0)
            return status;
        if (status == EX_OK)
            list_in(listing, hsm, i);
    }
    return EX_OK;
}

static json_t *names_of(const struct proxy_config *config, unsigned hsms)
{
    json_t *names = json_array();

    for (unsigned i = 0; i < proxy_config_hsms(config); i++)
        if (hsms & 1U << i)
            json_array_append_new(names, json_string(proxy_config_hsm(config, i).name));
    return names;
}

static json_t *describe(const struct hsm_epoch *epoch, json_t *lacking, uint64_t rows, const char *holders)
{
    json_t *object = json_pack(
        "{s:s, s:I, s:b, s:b, s:b, s:I, s:s, s:o}", "kind", master_keys_name(epoch->kind), "epoch",
        (json_int_t)epoch->epoch, "newest", epoch->is_newest, "stranger", epoch->is_stranger, "may_change",
        hsm_epoch_may_change(epoch->kind), "rows", (json_int_t)rows, "held_by", holders, "lacking", lacking);

    if (epoch->ends_ms != INT64_MAX)
        json_object_set_new(object, "ends_unix", json_integer(epoch->ends_ms / 1000));
    return object;
}

static int describe_all(const struct proxy_config *config, struct store *store, const struct listing *listing,
                        json_t *list)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct listed *row = &listing->rows[i];
        char holders[160] = "";
        uint64_t rows;
        int r = count_rows(store, &row->epoch, &rows);

        if (r == 0)
            r = describe_holders(store, &row->epoch, holders);
        if (r < 0)
            return provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
        json_array_append_new(
            list, describe(&row->epoch, names_of(config, listing->asked & ~row->present), rows, holders));
    }
    return EX_OK;
}

int verb_epoch_list(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    struct listing listing = { 0 };
    json_t *list = json_array();
    int status =
        argc == 1 ? open_store(config, &store) : provision_fail(EX_USAGE, "usage: --provision %s", argv[0]);

    object = json_pack("{s:o}", "epochs", list);
    if (status == EX_OK)
        status = list_everywhere(config, &listing);
    if (status == EX_OK)
        status = describe_all(config, store, &listing, list);
    if (status != EX_OK)
        return status;
    json_object_set_new(object, "unreachable",
                        names_of(config, ((1U << proxy_config_hsms(config)) - 1) & ~listing.asked));
    return provision_print(object);
}

/* ------------------------------------------------------------------------------------------- the token's files */

/* SoftHSM writes files as we do, for root alone; signers read them. And the partition signer has a copy. */
int provision_hand_out(const struct proxy_config *config)
{
    struct owners owners;

    if (owners_find(config->signer_user, &owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    return provision_refresh_hsm(config, &owners);
}

int provision_epoch_kind(const char *name, enum master_kind *ret)
{
    if (master_keys_kind(name, ret) && hsm_epoch_may_change(*ret))
        return EX_OK;
    return provision_fail(EX_USAGE, "there are epochs of Kd, Kw, Kx and Kseal, not of \"%s\"", name);
}

/* The caller has the root at hand, says --to-sign; without, an epoch is not made that nobody could use. */
int provision_refuse_unsigned(const struct proxy_config *config, bool will_sign)
{
    return !config->hsm_manifest || will_sign
               ? EX_OK
               : provision_fail(EX_USAGE, "officers hold the master keys here: the root has to sign for the "
                                          "change (its root.key, in the directory that --ca names)");
}

/* ------------------------------------------------------------------------------------------------- epoch-destroy */

static int refuse_if_needed(const struct proxy_config *config, struct hsm *hsm, struct store *store,
                            enum master_kind kind, uint32_t number)
{
    struct hsm_epoch epochs[HSM_EPOCHS_MAX];
    char holders[160] = "";
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
        if (r == 0)
            r = describe_holders(store, &epochs[i], holders);
    }
    if (r < 0)
        return provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
    if (rows > 0)
        return provision_fail(EX_DATAERR, "%llu rows need epoch %u of %s%s%s: nothing was destroyed",
                              (unsigned long long)rows, number, master_keys_name(kind), *holders ? ": " : "",
                              holders);
    return EX_OK;
}

/* In each HSM, one after the other, since a process has one library. @ret_found: at how many it was there. */
static int destroy_everywhere(const struct proxy_config *config, enum master_kind kind, uint32_t number,
                              unsigned *ret_found)
{
    *ret_found = 0;
    for (unsigned i = 0; i < proxy_config_hsms(config); i++) {
        CLEANUP(hsm_close) struct hsm *hsm = NULL;
        int status = provision_open_hsm_at(config, i, &hsm);
        CK_RV rv = status == EX_OK ? hsm_epoch_destroy(hsm, kind, number) : CKR_OK;

        if (rv != CKR_OK && rv != CKR_KEY_NEEDED)
            status = provision_fail(EX_UNAVAILABLE, "the HSM did not destroy it (CKR 0x%lx)", rv);
        if (status != EX_OK)
            return provision_fail(status,
                                  "epoch %u of %s may still be in [%s]: run this again when that HSM is well",
                                  number, master_keys_name(kind), proxy_config_hsm(config, i).name);
        *ret_found += rv == CKR_OK;
    }
    return EX_OK;
}

/* The store stays locked from the counting to the end: nobody makes a row under it meanwhile. */
static int destroy(const struct proxy_config *config, enum master_kind kind, uint32_t number, bool is_named)
{
    CLEANUP(store_close) struct store *store = NULL;
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    int status = provision_open_hsm(config, &hsm), r;
    unsigned found = 0;

    if (status == EX_OK)
        status = open_store(config, &store);
    if (status != EX_OK)
        return status;
    r = store_begin(store);
    if (r < 0)
        return provision_fail(EX_UNAVAILABLE, "%s: %s", config->store, strerror(-r));
    status = refuse_if_needed(config, hsm, store, kind, number);
    hsm_close(TAKE(hsm));
    if (status == EX_OK)
        status = destroy_everywhere(config, kind, number, &found);
    /* Gone already, though named: by a try whose manifest was not signed. */
    if (status == EX_OK && found == 0 && !is_named)
        return provision_fail(EX_DATAERR, "there is no epoch %u of %s", number, master_keys_name(kind));
    return status;
}

/* Takes the epoch out of the files; @ret_is_named: it was in them, and the root has to sign for that. */
static int forget(const struct proxy_config *config, enum master_kind kind, uint32_t number, bool will_sign,
                  struct master_files *files, bool *ret_is_named)
{
    int status = master_files_load(config, files);

    if (status != EX_OK)
        return status;
    *ret_is_named = manifest_remove(&files->manifest, master_keys_name(kind), number);
    master_backup_remove(&files->backup, kind, number);
    return *ret_is_named ? provision_refuse_unsigned(config, will_sign) : EX_OK;
}

int verb_epoch_destroy(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(master_files_clear) struct master_files files = { 0 };
    CLEANUP(json_decref) json_t *object = NULL;
    bool will_sign = argc == 4 && strcmp(argv[3], "--to-sign") == 0, is_named = false;
    enum master_kind kind;
    unsigned long number;
    int status;

    if (argc != 3 && !will_sign)
        return provision_fail(EX_USAGE, "usage: --provision epoch-destroy KIND EPOCH [--to-sign]");
    number = strtoul(argv[2], NULL, 10);
    status = provision_epoch_kind(argv[1], &kind);
    if (status == EX_OK && (number == 0 || number > UINT32_MAX))
        status = provision_fail(EX_USAGE, "\"%s\" is no epoch's number", argv[2]);
    if (status == EX_OK && config->hsm_manifest)
        status = forget(config, kind, (uint32_t)number, will_sign, &files, &is_named);
    if (status == EX_OK)
        status = destroy(config, kind, (uint32_t)number, is_named);
    if (status == EX_OK)
        status = provision_hand_out(config);
    if (status != EX_OK)
        return status;
    object = json_pack("{s:s, s:I}", "kind", master_keys_name(kind), "destroyed", (json_int_t)number);
    if (is_named)
        status = master_files_describe(config, &files, object);
    return status == EX_OK ? provision_print(object) : status;
}
