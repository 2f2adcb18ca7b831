/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the functions of the commands; commands.c has their rows, cmd_NOUN.c their code. */
#pragma once

#include <stdio.h>

#include "cli/cli.h"

enum cli_exit cmd_init(struct cli *cli);
enum cli_exit cmd_user_add(struct cli *cli);
enum cli_exit cmd_user_list(struct cli *cli);
enum cli_exit cmd_user_show(struct cli *cli);
enum cli_exit cmd_user_disable(struct cli *cli);
enum cli_exit cmd_user_enable(struct cli *cli);
enum cli_exit cmd_user_move(struct cli *cli);
enum cli_exit cmd_partition_bind(struct cli *cli);
enum cli_exit cmd_token_move(struct cli *cli);
enum cli_exit cmd_user_delete(struct cli *cli);
enum cli_exit cmd_user_import(struct cli *cli);
enum cli_exit cmd_group_add(struct cli *cli);
enum cli_exit cmd_group_remove(struct cli *cli);
enum cli_exit cmd_group_list(struct cli *cli);
enum cli_exit cmd_group_show(struct cli *cli);
enum cli_exit cmd_group_join(struct cli *cli);
enum cli_exit cmd_group_leave(struct cli *cli);
enum cli_exit cmd_grant_add(struct cli *cli);
enum cli_exit cmd_grant_remove(struct cli *cli);
enum cli_exit cmd_grant_list(struct cli *cli);
enum cli_exit cmd_policy_show(struct cli *cli);
enum cli_exit cmd_policy_set(struct cli *cli);
enum cli_exit cmd_device_enroll(struct cli *cli);
enum cli_exit cmd_device_code(struct cli *cli);
enum cli_exit cmd_device_list(struct cli *cli);
enum cli_exit cmd_device_revoke(struct cli *cli);
enum cli_exit cmd_device_renew(struct cli *cli);
enum cli_exit cmd_cert_request(struct cli *cli);
enum cli_exit cmd_cert_issue(struct cli *cli);
enum cli_exit cmd_epoch_new(struct cli *cli);
enum cli_exit cmd_epoch_list(struct cli *cli);
enum cli_exit cmd_epoch_destroy(struct cli *cli);
enum cli_exit cmd_cert_renew(struct cli *cli);
enum cli_exit cmd_cert_list(struct cli *cli);
enum cli_exit cmd_cert_revoke(struct cli *cli);
enum cli_exit cmd_cert_import(struct cli *cli);
enum cli_exit cmd_pin_set(struct cli *cli);
enum cli_exit cmd_pin_change(struct cli *cli);
enum cli_exit cmd_pin_unlock(struct cli *cli);
enum cli_exit cmd_pin_recover(struct cli *cli);
enum cli_exit cmd_pin_reset(struct cli *cli);
enum cli_exit cmd_recovery_make(struct cli *cli);
enum cli_exit cmd_recovery_show(struct cli *cli);
enum cli_exit cmd_recovery_remove(struct cli *cli);
enum cli_exit cmd_recovery_quorum(struct cli *cli);
enum cli_exit cmd_recovery_cancel(struct cli *cli);
enum cli_exit cmd_recovery_list(struct cli *cli);
enum cli_exit cmd_recovery_give(struct cli *cli);
enum cli_exit cmd_officer_certify(struct cli *cli);
enum cli_exit cmd_policy_cost(struct cli *cli);
enum cli_exit cmd_key_generate(struct cli *cli);
enum cli_exit cmd_key_list(struct cli *cli);
enum cli_exit cmd_token_show(struct cli *cli);
enum cli_exit cmd_factor_add(struct cli *cli);
enum cli_exit cmd_factor_list(struct cli *cli);
enum cli_exit cmd_factor_remove(struct cli *cli);
enum cli_exit cmd_factor_reset(struct cli *cli);
enum cli_exit cmd_status(struct cli *cli);
enum cli_exit cmd_audit_show(struct cli *cli);
enum cli_exit cmd_audit_verify(struct cli *cli);
enum cli_exit cmd_audit_export(struct cli *cli);
enum cli_exit cmd_audit_mine(struct cli *cli);
enum cli_exit cmd_top(struct cli *cli);
enum cli_exit cmd_doctor(struct cli *cli);
enum cli_exit cmd_apps_list(struct cli *cli);
enum cli_exit cmd_apps_add(struct cli *cli);
enum cli_exit cmd_apps_remove(struct cli *cli);
enum cli_exit cmd_key_delete(struct cli *cli);
enum cli_exit cmd_cert_delete(struct cli *cli);
enum cli_exit cmd_officer_key(struct cli *cli);
enum cli_exit cmd_officer_share(struct cli *cli);
enum cli_exit cmd_backup(struct cli *cli);
enum cli_exit cmd_backup_show(struct cli *cli);
enum cli_exit cmd_backup_verify(struct cli *cli);
enum cli_exit cmd_restore(struct cli *cli);
enum cli_exit cmd_hsm_add(struct cli *cli);
enum cli_exit cmd_store_migrate(struct cli *cli);
enum cli_exit cmd_store_upgrade(struct cli *cli);
enum cli_exit cmd_key_allow(struct cli *cli);
enum cli_exit cmd_operator_add(struct cli *cli);
enum cli_exit cmd_operator_list(struct cli *cli);
enum cli_exit cmd_operator_disable(struct cli *cli);
enum cli_exit cmd_operator_enable(struct cli *cli);
enum cli_exit cmd_request_list(struct cli *cli);
enum cli_exit cmd_request_show(struct cli *cli);
enum cli_exit cmd_request_approve(struct cli *cli);
enum cli_exit cmd_request_reject(struct cli *cli);
enum cli_exit cmd_completion(struct cli *cli);

/* All commands, ended by a row without a noun: usage, completion and the manual come from it. */
extern const struct command commands[];

/* The row that the first words name; NULL: none. @ret_used: how many words. */
const struct command *command_find(int count, char *const *words, int *ret_used);
bool command_is_noun(const char *word);
/* The noun (or, after @noun, the verb) that @word was probably meant to be; NULL: none is near. */
const char *command_nearest(const char *noun, const char *word);

/* "user add USER" */
void command_synopsis(const struct command *command, char *ret, size_t size);
void command_print_all(FILE *out);
void command_print_noun(FILE *out, const char *noun);
/* One command with its options. */
void command_print(FILE *out, const struct command *command);
