/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_entries.h - what of a deployment goes into its backup, beside the header.
 *
 *   store            all rows, as records of store_copy.h with a length (4) before each; first, so that no audit log is
 *                    older than the head that the store remembers of it
 *   audit/...        the logs, up to their last whole line
 *   privyseald.conf  tls/... client.conf, SoftHSM's configurations   as they are
 *   partitions/...   partition-backup/...              with SoftHSM: users' partitions, without the master token's copy
 * Not in it: the CA's and operators' private keys, the HSM's PIN, SoftHSM's master token.
 */
#pragma once

#include "proto/backup_file.h"
#include "proxy/config.h"
#include "proxy/store/store_copy.h"

#define ENTRY_STORE            "store"
#define ENTRY_CONFIG           "privyseald.conf"
#define ENTRY_AUDIT            "audit/"
#define ENTRY_PARTITIONS       "partitions"       /* and "partitions-1" ..., of further partition signers */
#define ENTRY_PARTITION_BACKUP "partition-backup" /* the same */

/* Each appends entries. The working directory is the state directory. Errors: -errno, those of the store. */
MUST_CHECK int backup_add_store(struct backup_writer *writer, struct store_copy *copy, struct store *store);
MUST_CHECK int backup_add_audit(struct backup_writer *writer, const struct proxy_config *config);
MUST_CHECK int backup_add_files(struct backup_writer *writer, const struct proxy_config *config);
/*
 * Those of the partition signer @number, which lie in @partitions. @master_tokens: SoftHSM's directory of the master
 * token, whose copies are left out.
 */
MUST_CHECK int backup_add_partitions(struct backup_writer *writer, unsigned number, const char *partitions,
                                     const char *master_tokens);
