/* SPDX-License-Identifier: Apache-2.0 */
/* audit_verify.c - the check of one log. */
#include "cli/audit_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_TEXT_LEN ((size_t)2 * KEY_NAME_LEN)

struct count {
    char key[KEY_TEXT_LEN + 1];
    uint64_t signatures;
};

int audit_verification_init(struct audit_verification *verification, const char *realm,
                            const struct log_name *log, const struct public_key *key)
{
    *verification = (struct audit_verification){ .key = key, .realm = realm, .log = *log };
    return audit_check_init(&verification->check, realm, log);
}

void audit_verification_clear(struct audit_verification *verification)
{
    tdestroy(verification->counts, free);
    verification->counts = NULL;
}

static void find(struct audit_verification *verification, uint64_t at, const char *why)
{
    verification->why = why;
    verification->at = at;
}

static const char *text_of(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    return text ? text : "";
}

static uint64_t number_of(const json_t *record, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(record, name));
}

/* ----------------------------------------------------------------------------------------------- beginning */

/* A log whose older files were taken away begins with the record of a file, which says what the chain's hash was. */
static bool enter_late(struct audit_verification *verification, const json_t *record, uint64_t sequence)
{
    if (strcmp(text_of(record, "event"), "segment") != 0 ||
        hex_decode(text_of(record, "digest"), verification->check.hash, HASH_LEN) < 0)
        return false;
    verification->check.next_sequence = sequence;
    return true;
}

static bool begin(struct audit_verification *verification, const json_t *record, uint64_t sequence)
{
    if (sequence > 1 && !enter_late(verification, record, sequence)) {
        find(verification, 1, "records are missing at the beginning");
        return false;
    }
    verification->first = sequence;
    verification->tree_first = sequence;
    return true;
}

/* --------------------------------------------------------------------------------------------- checkpoints */

static bool is_signed(const struct audit_verification *verification,
                      const struct audit_checkpoint *checkpoint, const uint8_t signature[AUDIT_SIGNATURE_LEN])
{
    uint8_t hash[HASH_LEN];

    return !verification->key ||
           (audit_checkpoint_hash(verification->realm, &verification->log, checkpoint, hash) == 0 &&
            public_key_verify(NULL, verification->key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(hash),
                              BYTES(signature, AUDIT_SIGNATURE_LEN)) == CKR_OK);
}

/* The tree is looked at where all of it was seen: not in an interval that began before the first file that is here. */
static bool has_root(const struct audit_verification *verification, const struct audit_checkpoint *checkpoint)
{
    uint8_t root[HASH_LEN];

    if (checkpoint->first != verification->tree_first)
        return true;
    return audit_tree_root(&verification->tree, root) == 0 && memcmp(root, checkpoint->root, HASH_LEN) == 0;
}

/* @before: the chain's hash as we have it. */
static void check_checkpoint(struct audit_verification *verification, const json_t *record, uint64_t sequence,
                             const uint8_t before[HASH_LEN])
{
    struct audit_checkpoint checkpoint = { .last = sequence - 1 };
    uint8_t signature[AUDIT_SIGNATURE_LEN];

    if (audit_checkpoint_parse(text_of(record, "note"), &checkpoint, signature) < 0 ||
        hex_decode(text_of(record, "digest"), checkpoint.head, HASH_LEN) < 0 ||
        memcmp(checkpoint.head, before, HASH_LEN) != 0 || !has_root(verification, &checkpoint))
        find(verification, sequence, "a checkpoint over other records than these");
    else if (!is_signed(verification, &checkpoint, signature))
        find(verification, sequence, "a checkpoint that the deployment's HSM did not sign");
    verification->tree = (struct audit_tree){ 0 };
    verification->tree_first = sequence;
    if (verification->why || !verification->key)
        return;
    verification->checkpoints++;
    verification->covered = checkpoint.last;
}

/* -------------------------------------------------------------------------------------------------- counts */

static int compare_counts(const void *a, const void *b)
{
    return strcmp(((const struct count *)a)->key, ((const struct count *)b)->key);
}

/* The key's count, zero where it was not seen yet. NULL: out of memory. */
static struct count *count_of(struct audit_verification *verification, const char *key)
{
    struct count wanted = { .signatures = 0 }, *made;
    struct count *const *found;

    memcpy(wanted.key, key, KEY_TEXT_LEN);
    found = tfind(&wanted, &verification->counts, compare_counts);
    if (found)
        return *found;
    made = malloc(sizeof(*made));
    if (!made)
        return NULL;
    *made = wanted;
    if (tsearch(made, &verification->counts, compare_counts))
        return made;
    free(made);
    return NULL;
}

/* A signature that is left out leaves a gap in its key's count, even if somebody made the chain anew around it. */
static void check_count(struct audit_verification *verification, const json_t *record, uint64_t sequence)
{
    uint64_t signatures = number_of(record, "key_count");
    const char *key = text_of(record, "key");
    struct count *count;
    bool is_first_seen;

    if (signatures == 0)
        return;
    count = strlen(key) == KEY_TEXT_LEN ? count_of(verification, key) : NULL;
    if (!count) {
        find(verification, sequence, "a signature without its key");
        return;
    }
    is_first_seen = count->signatures == 0 && verification->first > 1;
    if (!is_first_seen && signatures != count->signatures + 1)
        find(verification, sequence,
             "signatures of this key are missing before this one, or it stands twice");
    count->signatures = signatures;
}

/* --------------------------------------------------------------------------------------------------- lines */

static void meet(struct audit_verification *verification, struct audit_known_head *head, uint64_t sequence,
                 const char *why)
{
    if (head->sequence != sequence)
        return;
    head->is_met = memcmp(head->hash, verification->check.hash, HASH_LEN) == 0;
    if (!head->is_met)
        find(verification, sequence, why);
}

static void grow_tree(struct audit_verification *verification, struct bytes line)
{
    uint8_t leaf[HASH_LEN];

    if (line.len && line.data[line.len - 1] == '\n')
        line.len--;
    if (audit_leaf(line, leaf) < 0 || audit_tree_add(&verification->tree, leaf) < 0)
        find(verification, verification->check.next_sequence, "out of memory");
}

static void check_record(struct audit_verification *verification, const json_t *record, struct bytes line)
{
    uint64_t sequence = audit_line_sequence(line);
    uint8_t before[HASH_LEN];
    const char *why;

    if (!verification->first && !begin(verification, record, sequence))
        return;
    memcpy(before, verification->check.hash, HASH_LEN);
    if (audit_check_line(&verification->check, line, &why) < 0) {
        find(verification, verification->check.next_sequence, why);
        return;
    }
    verification->records++;
    if (strcmp(text_of(record, "event"), "checkpoint") == 0)
        check_checkpoint(verification, record, sequence, before);
    if (strcmp(text_of(record, "event"), "restore") == 0)
        verification->restored = sequence;
    check_count(verification, record, sequence);
    grow_tree(verification, line);
    meet(verification, &verification->store, sequence, "the chain is another one than the store remembers");
    meet(verification, &verification->earlier, sequence,
         "the chain is another one than at the earlier check");
}

void audit_verify_line(struct audit_verification *verification, struct bytes line)
{
    json_t *record;

    if (verification->why)
        return;
    record = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
    if (record && audit_line_sequence(line))
        check_record(verification, record, line);
    else
        find(verification, verification->check.next_sequence, "this line is not a record");
    json_decref(record);
}

/* A head before the first file that is here cannot be looked at. */
static bool is_missed(const struct audit_verification *verification, const struct audit_known_head *head)
{
    return head->sequence && !head->is_met && (!verification->first || head->sequence >= verification->first);
}

void audit_verify_end(struct audit_verification *verification)
{
    uint64_t next = verification->check.next_sequence;

    if (verification->why)
        return;
    if (is_missed(verification, &verification->store))
        find(verification, next, "records are missing at the end: the store remembers a later head");
    else if (is_missed(verification, &verification->earlier))
        find(verification, next, "records are missing at the end: an earlier check saw more");
}

json_t *audit_verification_row(const struct audit_verification *verification)
{
    char name[LOG_TEXT_MAX], absent[32] = "", finding[160] = "";
    char hash[2 * HASH_LEN + 1] = "";

    log_name_text(&verification->log, name);
    if (verification->first > 1)
        snprintf(absent, sizeof(absent), "1-%" PRIu64, verification->first - 1);
    if (verification->why)
        snprintf(finding, sizeof(finding), "at record %" PRIu64 ": %s", verification->at, verification->why);
    else if (verification->restored)
        snprintf(finding, sizeof(finding), "record %" PRIu64 ": goes on from a backup, event restore",
                 verification->restored);
    if (verification->records)
        hex_encode(BYTES_OF_ARRAY(verification->check.hash), hash);
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:s, s:b, s:s}", "log", name, "proxy",
                     verification->log.proxy, "signer", (json_int_t)verification->log.signer, "records",
                     (json_int_t)verification->records, "absent", absent, "checkpoints",
                     (json_int_t)verification->checkpoints, "covered", (json_int_t)verification->covered,
                     "last", (json_int_t)(verification->check.next_sequence - 1), "hash", hash, "sound",
                     verification->why == NULL, "finding", finding);
}
