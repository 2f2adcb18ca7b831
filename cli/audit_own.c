/* SPDX-License-Identifier: Apache-2.0 */
/* audit_own.c - checking what `audit mine` exported: offline, with nothing but the HSM's public audit key. */
#include "cli/audit_own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "include/table.h"
#include "proto/audit_record.h"
#include "proto/audit_tree.h"

/* One log of the file. */
struct own {
    const struct public_key *key;
    const char *realm, *token;
    struct log_name log;
    uint64_t first; /* the first record that the proxy still had */
    const json_t *checkpoints;
    json_t *counts; /* of each key: the last that was seen */
    uint64_t proved, waiting;
    uint64_t sequence; /* of the record that was looked at last */
    const char *why;   /* NULL: sound so far */
};

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

/* ---------------------------------------------------------------------------------------------- checkpoints */

static bool read_checkpoint(const struct own *own, const char *line, struct audit_checkpoint *ret)
{
    CLEANUP(json_decref) json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    uint8_t signature[AUDIT_SIGNATURE_LEN], hash[HASH_LEN];

    *ret = (struct audit_checkpoint){ .last = audit_line_sequence(bytes_of_text(line)) - 1 };
    return record && strcmp(text_of(record, "event"), "checkpoint") == 0 &&
           audit_checkpoint_parse(text_of(record, "note"), ret, signature) == 0 &&
           hex_decode(text_of(record, "digest"), ret->head, HASH_LEN) == 0 &&
           audit_checkpoint_hash(own->realm, &own->log, ret, hash) == 0 &&
           public_key_verify(NULL, own->key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(hash),
                             BYTES_OF_ARRAY(signature)) == CKR_OK;
}

/* The checkpoint whose record has @sequence, signed. */
static bool find_checkpoint(const struct own *own, uint64_t sequence, struct audit_checkpoint *ret)
{
    const json_t *line;
    size_t i;

    json_array_foreach (own->checkpoints, i, line)
        if (json_is_string(line) && audit_line_sequence(bytes_of_text(json_string_value(line))) == sequence)
            return read_checkpoint(own, json_string_value(line), ret);
    return false;
}

static bool is_under(const struct audit_checkpoint *checkpoint, const char *line, uint64_t sequence,
                     const char *path_text)
{
    uint8_t path[AUDIT_TREE_DEPTH * HASH_LEN], leaf[HASH_LEN];
    size_t len = strlen(path_text) / 2;

    return sequence >= checkpoint->first && sequence <= checkpoint->last && len <= sizeof(path) &&
           hex_decode(path_text, path, len) == 0 && audit_leaf(bytes_of_text(line), leaf) == 0 &&
           audit_tree_check(leaf, sequence - checkpoint->first, checkpoint->last + 1 - checkpoint->first,
                            BYTES(path, len), checkpoint->root) == 0;
}

/* --------------------------------------------------------------------------------------------------- records */

/* Every signature has its number, so one that is left out leaves a gap. */
static const char *check_count(struct own *own, const json_t *record)
{
    uint64_t count = (uint64_t)json_integer_value(json_object_get(record, "key_count"));
    uint64_t before = (uint64_t)json_integer_value(json_object_get(own->counts, text_of(record, "key")));

    if (count == 0)
        return NULL;
    json_object_set_new(own->counts, text_of(record, "key"), json_integer((json_int_t)count));
    if (before == 0 && own->first > 1)
        return NULL; /* the earlier ones are in files that the proxy has no more */
    return count == before + 1 ? NULL : "signatures of this key are left out before this one";
}

static const char *check_record(struct own *own, const json_t *entry)
{
    const char *line = text_of(entry, "line");
    CLEANUP(json_decref) json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    uint64_t covered = (uint64_t)json_integer_value(json_object_get(entry, "checkpoint"));
    uint64_t sequence = audit_line_sequence(bytes_of_text(line));
    struct audit_checkpoint checkpoint;

    if (!record || sequence <= own->sequence)
        return "not a record, or not in its order";
    own->sequence = sequence;
    if (strcmp(text_of(record, "token"), own->token) != 0)
        return "a record about another token";
    if (covered == 0) {
        own->waiting++;
        return check_count(own, record);
    }
    if (!find_checkpoint(own, covered, &checkpoint))
        return "its checkpoint is missing, or the deployment's HSM did not sign it";
    if (!is_under(&checkpoint, line, sequence, text_of(entry, "path")))
        return "not the record that the checkpoint covers";
    own->proved++;
    return check_count(own, record);
}

static json_t *check_log(struct own *own, const json_t *log)
{
    const json_t *entry;
    char name[LOG_TEXT_MAX], finding[160] = "";
    size_t i;

    json_array_foreach (json_object_get(log, "records"), i, entry) {
        own->why = check_record(own, entry);
        if (own->why)
            break;
    }
    log_name_text(&own->log, name);
    if (own->why)
        snprintf(finding, sizeof(finding), "at record %" PRIu64 ": %s", own->sequence, own->why);
    return json_pack("{s:s, s:I, s:I, s:b, s:s}", "log", name, "proved", (json_int_t)own->proved, "waiting",
                     (json_int_t)own->waiting, "sound", own->why == NULL, "finding", finding);
}

/* ------------------------------------------------------------------------------------------------------ file */

static bool add_log(const json_t *file, const json_t *log, const struct public_key *key, json_t *rows)
{
    CLEANUP(json_decref) json_t *counts = json_object();
    struct own own = {
        .key = key,
        .realm = text_of(file, "realm"),
        .token = text_of(file, "token"),
        .first = (uint64_t)json_integer_value(json_object_get(log, "first")),
        .checkpoints = json_object_get(log, "checkpoints"),
        .counts = counts,
    };

    if (log_name_set(&own.log, text_of(log, "proxy"),
                     (uint32_t)json_integer_value(json_object_get(log, "signer"))) < 0)
        return false;
    json_array_append_new(rows, check_log(&own, log));
    return own.why == NULL;
}

enum cli_exit audit_own_verify(struct cli *cli, const char *path, const struct public_key *key)
{
    static const struct column columns[] = { { "log", "LOG" },
                                             { "proved", "PROVED" },
                                             { "waiting", "WAITING" },
                                             { "sound", "SOUND" },
                                             { "finding", "FINDING" } };
    CLEANUP(json_decref) json_t *rows = json_array();
    CLEANUP(json_decref) json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const json_t *log;
    bool is_sound = true;
    size_t i;

    if (!key)
        return cli_fail(cli, CLI_USAGE, "It is the deployment's tls/audit.pem.", "--mine needs --key");
    if (!json_is_array(json_object_get(file, "logs")))
        return cli_fail(cli, CLI_REFUSED, "`privyseal audit mine --export FILE` writes one.",
                        "%s: not an export of `audit mine`", path);
    json_array_foreach (json_object_get(file, "logs"), i, log)
        is_sound &= add_log(file, log, key, rows);
    output_table(cli, rows, columns, ARRAY_SIZE(columns));
    if (!is_sound)
        return cli_fail(cli, CLI_REFUSED, "Show it to an auditor.",
                        "%s: not what the deployment's HSM signed", path);
    output_say(
        cli,
        "\nEvery proved record is in its log as the deployment's HSM signed it, and no signature is left "
        "out before\nthe last one of its key. Waiting ones came after the last checkpoint; whether the "
        "newest are all here, and\nrecords that are no signatures, this cannot show.");
    return CLI_DONE;
}
