/* SPDX-License-Identifier: Apache-2.0 */
/* verbs.h - the verbs that have a file of their own, and what all of them share. Each returns an exit status. */
#pragma once

#include <limits.h>

#include "include/json.h"
#include "proto/manifest.h"
#include "proxy/config.h"
#include "proxy/hsm/hsm.h"
#include "proxy/hsm/master_keys.h"
#include "proxy/provision/directories.h"

/* Says on standard error what went wrong. Returns @status. */
int provision_fail(int status, const char *format, ...) PRINTF_LIKE(2, 3);
/* The verb's result, on standard output. */
MUST_CHECK int provision_print(const json_t *object);

#define SHARD_ENTRY_LEN 32

/* @hsm: by number, as proxy_config_hsm() has it. */
struct hsm_config provision_hsm_config(const struct proxy_config *config, unsigned hsm);
/*
 * SoftHSM keeps its tokens where its configuration says: "SOFTHSM2_CONF=FILE" and a line "directories.tokendir = DIR"
 * in it. False for any other HSM: then there are no files to own.
 */
bool provision_softhsm_directory(const char *environment, char ret[PATH_MAX]);
/* Makes the HSM's token by @make, and lays out what files it has. */
typedef CK_RV provision_make_fn(const struct hsm_config *hsm_config, void *arg, char **why);
MUST_CHECK int provision_token(const struct proxy_config *config, unsigned hsm, const struct owners *owners,
                               provision_make_fn *make, void *arg);
/* The directory part of "sqlite:DIR/FILE"; false for other stores. */
bool provision_store_directory(const char *url, char ret[PATH_MAX]);
/* As a signer would. */
MUST_CHECK int provision_open_hsm(const struct proxy_config *config, struct hsm **ret);
MUST_CHECK int provision_open_hsm_at(const struct proxy_config *config, unsigned hsm, struct hsm **ret);

/* "2" and public keys, separated by commas. */
MUST_CHECK int provision_read_quorum(const char *threshold, const char *officers, struct quorum *ret);

/* After the token was changed: its files, and the partition signer's copy of them, are the signers' to read. */
MUST_CHECK int provision_refresh_hsm(const struct proxy_config *config, const struct owners *owners);

/* After an epoch came or went: the token's files, as above, with [server] signer_user. */
MUST_CHECK int provision_hand_out(const struct proxy_config *config);
/* A kind that has epochs, by its name. */
MUST_CHECK int provision_epoch_kind(const char *name, enum master_kind *ret);
/* Where officers hold the keys: whether the caller has the root at hand, and so will sign for a change. */
MUST_CHECK int provision_refuse_unsigned(const struct proxy_config *config, bool will_sign);

int verb_epoch_list(const struct proxy_config *config, int argc, char **argv);
int verb_epoch_new(const struct proxy_config *config, int argc, char **argv);
int verb_epoch_destroy(const struct proxy_config *config, int argc, char **argv);
int verb_seal_key(const struct proxy_config *config, int argc, char **argv);
int verb_ceremony(const struct proxy_config *config, int argc, char **argv);
int verb_backup(const struct proxy_config *config, int argc, char **argv);
int verb_restore(const struct proxy_config *config, int argc, char **argv);
int verb_add_hsm(const struct proxy_config *config, int argc, char **argv);
int verb_migrate_store(const struct proxy_config *config, int argc, char **argv);
int verb_upgrade_store(const struct proxy_config *config, int argc, char **argv);
int verb_partitions(const struct proxy_config *config, int argc, char **argv);

/*
 * Makes the token directories that the configured partition signers still want; @tokens: that of the master token.
 * @ret_made: how many it were.
 */
MUST_CHECK int provision_partitions(const struct proxy_config *config, const char *tokens,
                                    const struct owners *owners, unsigned *ret_made);
/* The token directory of the partition signer @number; false: there is none, or it has no such files. */
bool provision_shard_directory(const struct proxy_config *config, unsigned number, char ret[PATH_MAX]);
/* What a backup calls it: "partitions", "partitions-1"; or, with @word "partition-backup", what lies beside it. */
void provision_shard_entry(const char *word, unsigned number, char ret[SHARD_ENTRY_LEN]);
