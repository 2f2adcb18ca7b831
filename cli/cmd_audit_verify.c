/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_audit_verify.c - audit verify: whether the logs hold together, with what anybody has: the lines, the
 * deployment's name, the store's heads (from the server) and the public key of the HSM's checkpoints.
 */
#include "cli/commands.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <openssl/pem.h>

#include "cli/audit_log.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/audit_record.h"
#include "proto/public_key.h"

DEFINE_CLEANUP(closedir, DIR *);

#define CHECKPOINT_LEN 64 /* ECDSA, P-256: r || s */

struct verification {
    const struct public_key *key; /* of the checkpoints; NULL: they are not looked at */
    uint64_t checkpoints;         /* that were good */
    struct audit_check check;
    struct audit_log log;      /* head zero with --dir */
    uint8_t at_head[HASH_LEN]; /* the chain's hash where the store's head stands */
    const char *why;           /* NULL: sound so far */
};

/*
 * A checkpoint's record names the chain's hash before it as its digest; its note is the HSM's signature of
 * that, r || s.
 * @before: the chain's hash as we have it.
 */
static bool checkpoint_is_good(const struct public_key *key, const json_t *record,
                               const uint8_t before[HASH_LEN])
{
    const char *digest = json_string_value(json_object_get(record, "digest"));
    const char *note = json_string_value(json_object_get(record, "note"));
    uint8_t hash[HASH_LEN], signature[CHECKPOINT_LEN];

    return hex_decode(digest, hash, sizeof(hash)) == 0 &&
           hex_decode(note, signature, sizeof(signature)) == 0 && memcmp(hash, before, HASH_LEN) == 0 &&
           public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(hash), BYTES_OF_ARRAY(signature)) ==
               CKR_OK;
}

static void check_checkpoint(struct verification *verification, struct bytes line,
                             const uint8_t before[HASH_LEN])
{
    CLEANUP(json_decref) json_t *record = json_loadb((const char *)line.data, line.len, 0, NULL);
    const char *event = json_string_value(json_object_get(record, "event"));

    if (!event || strcmp(event, "checkpoint") != 0)
        return;
    if (checkpoint_is_good(verification->key, record, before))
        verification->checkpoints++;
    else
        verification->why = "a checkpoint is not signed by the deployment's HSM, or not over this chain";
}

static enum cli_exit check_line(struct cli *cli, const struct audit_log *log, struct bytes line,
                                void *argument)
{
    struct verification *verification = argument;
    uint64_t sequence = verification->check.next_sequence;
    uint8_t before[HASH_LEN];
    const char *why;

    (void)cli, (void)log;
    if (verification->why)
        return CLI_DONE;
    memcpy(before, verification->check.hash, HASH_LEN);
    if (audit_check_line(&verification->check, line, &why) < 0)
        verification->why = why;
    else if (sequence == verification->log.head_sequence)
        memcpy(verification->at_head, verification->check.hash, HASH_LEN);
    if (verification->key && !verification->why)
        check_checkpoint(verification, line, before);
    return CLI_DONE;
}

/* What is wrong with a log whose lines were all looked at; NULL: nothing. */
static const char *verdict(const struct verification *verification)
{
    uint64_t have = verification->check.next_sequence - 1;

    if (verification->why)
        return verification->why;
    if (have < verification->log.head_sequence)
        return "records are missing at the end: the store remembers a later head";
    if (verification->log.head_sequence &&
        memcmp(verification->at_head, verification->log.head_hash, HASH_LEN) != 0)
        return "the chain is another one than the store remembers";
    return NULL;
}

static json_t *verification_row(const char *name, const struct verification *verification)
{
    const char *wrong = verdict(verification);

    return json_pack("{s:s, s:I, s:I, s:b, s:s}", "log", name, "records",
                     (json_int_t)(verification->check.next_sequence - 1), "checkpoints",
                     (json_int_t)verification->checkpoints, "sound", wrong == NULL, "finding",
                     wrong ? wrong : "");
}

static enum cli_exit report(struct cli *cli, json_t *rows, const char *limit)
{
    static const struct column columns[] = {
        { "log", "LOG" },     { "records", "RECORDS" }, { "checkpoints", "CHECKPOINTS" },
        { "sound", "SOUND" }, { "finding", "FINDING" },
    };
    json_t *row;
    size_t i;

    output_table(cli, rows, columns, ARRAY_SIZE(columns));
    json_array_foreach (rows, i, row) {
        if (!json_is_true(json_object_get(row, "sound")))
            return cli_fail(cli, CLI_REFUSED, "Keep the files as they are and compare them with a backup.",
                            "the logs do not hold together");
    }
    output_say(cli, "\n%s", limit);
    return CLI_DONE;
}

/* The public key --key names; none when it is not given. */
static enum cli_exit load_key(struct cli *cli, struct public_key **ret)
{
    const char *path = cli_option(cli, "key");
    FILE *file = path ? fopen(path, "re") : NULL;
    EVP_PKEY *key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
    uint8_t *spki = NULL;
    int len = key ? i2d_PUBKEY(key, &spki) : -1;
    CK_RV rv = len > 0 ? public_key_of_spki(NULL, BYTES(spki, (size_t)len), ret) : CKR_DATA_INVALID;

    if (file)
        fclose(file);
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
    return !path || rv == CKR_OK ? CLI_DONE
                                 : cli_fail(cli, CLI_REFUSED, "It is the deployment's tls/audit.pem.",
                                            "%s: no public key in PEM form", path);
}

/* ----------------------------------------------------------------------------------- copies of the files */

static int verify_lines(struct cli *cli, const char *path, struct verification *verification)
{
    CLEANUP(free_string) char *line = NULL;
    FILE *file = fopen(path, "re");
    size_t capacity = 0;
    ssize_t len;

    if (!file)
        return -errno;
    while (!verification->why && (len = getline(&line, &capacity, file)) > 0)
        check_line(cli, NULL, BYTES(line, (size_t)len), verification);
    fclose(file);
    return 0;
}

static int verify_file(struct cli *cli, const char *path, const struct log_name *name,
                       const struct public_key *key, json_t *rows)
{
    struct verification verification = { .key = key };
    int r;

    if (audit_check_init(&verification.check, cli_option(cli, "realm"), name) < 0)
        return -ENOMEM;
    r = verify_lines(cli, path, &verification);
    json_array_append_new(rows, verification_row(path, &verification));
    return r;
}

static enum cli_exit verify_directory(struct cli *cli, const char *directory, const struct public_key *key)
{
    CLEANUP(json_decref) json_t *rows = json_array();
    CLEANUP(closedir) DIR *stream = opendir(directory);
    const struct dirent *entry;
    struct log_name name;
    uint32_t segment;
    char path[4096];

    if (!cli_option(cli, "realm"))
        return cli_fail(cli, CLI_USAGE, NULL,
                        "--dir needs --realm, the deployment's name: it is in every chain");
    if (!stream)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", directory, strerror(errno));
    while ((entry = readdir(stream))) {
        int r;

        if (!log_file_parse(entry->d_name, &name, &segment, NULL))
            continue;
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        r = verify_file(cli, path, &name, key, rows);
        if (r < 0)
            return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", path, strerror(-r));
    }
    if (json_array_size(rows) == 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s holds no log (PROXY.signer-0.log)", directory);
    return report(
        cli, rows,
        "This shows that no record was changed, or removed from the middle. Whether records are missing at\n"
        "the end, only the heads in the server's store can tell: `privyseal audit verify` without --dir.");
}

/* -------------------------------------------------------------------------------------------- the server */

static enum cli_exit verify_log(struct cli *cli, const struct audit_log *log, const struct public_key *key,
                                json_t *rows)
{
    struct verification verification = { .key = key, .log = *log };
    enum cli_exit status = CLI_DONE;
    char name[LOG_TEXT_MAX];

    if (audit_check_init(&verification.check, cli->deployment->realm, &log->name) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    if (log->endpoint != AUDIT_NOT_HERE)
        status = audit_log_walk(cli, log, 1, check_line, &verification, NULL);
    else
        verification.why = log->is_proxy_known ? "this log is missing" : "no endpoint of that proxy answered";
    log_name_text(&log->name, name);
    json_array_append_new(rows, verification_row(name, &verification));
    return status;
}

static enum cli_exit verify_server(struct cli *cli, const struct public_key *key)
{
    CLEANUP(json_decref) json_t *rows = json_array();
    CLEANUP(audit_logs_clear) struct audit_logs logs = { 0 };
    enum cli_exit status = audit_logs_find(cli, &logs);

    for (size_t i = 0; status == CLI_DONE && i < logs.count; i++)
        status = verify_log(cli, &logs.items[i], key, rows);
    if (status != CLI_DONE)
        return status;
    return report(
        cli, rows,
        "This shows that no record up to each log's stored head was changed, added or removed. What a lost\n"
        "disk held after its last stored head is not shown.");
}

enum cli_exit cmd_audit_verify(struct cli *cli)
{
    CLEANUP(public_key_free) struct public_key *key = NULL;
    const char *directory = cli_option(cli, "dir");
    enum cli_exit status = load_key(cli, &key);

    if (status != CLI_DONE)
        return status;
    return directory ? verify_directory(cli, directory, key) : verify_server(cli, key);
}
