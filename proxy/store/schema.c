/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - the tables of a store, one text per version. A text that was ever released is never edited: a change is
 * a new text at the end, which adds tables and indexes and alters none. Words in braces are the backend's (struct dialect).
 *
 * Enumerations and bits are stored by number, as store.h numbers them; times in ms since 1970; nothing is ever NULL.
 */
#include "proxy/store/schema.h"

#include <errno.h>
#include <string.h>

#include "include/log.h"
#include "include/table.h"

/* Ids are never used twice, so that an attempt settled late cannot meet another's row. */
static const char version_1[] =
    "CREATE TABLE tokens (id {id}, name {text} NOT NULL UNIQUE, serial {text} NOT NULL UNIQUE,"
    " custody {number} NOT NULL, home {number} NOT NULL, partition {text} NOT NULL, enabled {number} NOT "
    "NULL,"
    " locked {number} NOT NULL, pin_version {number} NOT NULL, version {number} NOT NULL,"
    " sequence {number} NOT NULL, created_ms {number} NOT NULL, activation {blob} NOT NULL,"
    " activation_until_ms {number} NOT NULL, failures_total {number} NOT NULL,"
    " failures_version {number} NOT NULL, failed_ms {number} NOT NULL, attempts {blob} NOT NULL,"
    " grants {blob} NOT NULL, memberships {blob} NOT NULL, second_factor {number} NOT NULL, device_secret "
    "{number} NOT NULL,"
    " always_authenticate {number} NOT NULL, idle_ms {number} NOT NULL, max_signatures {number} NOT NULL,"
    " mechanisms {number} NOT NULL, no_decrypt {number} NOT NULL, keys_need_permit {number} NOT NULL,"
    " key_permits {number} NOT NULL, recovery_bits {number} NOT NULL, recovery {blob} NOT NULL,"
    " retired_versions {number} NOT NULL,"
    " recovery_failures {number} NOT NULL, recovery_failed_ms {number} NOT NULL,"
    " factor {number} NOT NULL, factor_version {number} NOT NULL, factors {blob} NOT NULL,"
    " mac {blob} NOT NULL){strict};"

    "CREATE TABLE access_rows (id {id}, token_id {number} NOT NULL REFERENCES tokens (id),"
    " kind {number} NOT NULL, row_name {blob} NOT NULL, version {number} NOT NULL, kd_epoch {number} NOT "
    "NULL,"
    " nonce {blob} NOT NULL, sealed {blob} NOT NULL, check_value {blob} NOT NULL, blob {blob} NOT NULL,"
    " mac {blob} NOT NULL, UNIQUE (token_id, kind)){strict};"

    "CREATE TABLE keys (id {id}, token_id {number} NOT NULL REFERENCES tokens (id), name {blob} NOT NULL,"
    " label {text} NOT NULL, cka_id {blob} NOT NULL, usage {number} NOT NULL,"
    " always_authenticate {number} NOT NULL, key_type {number} NOT NULL, bits {number} NOT NULL,"
    " spki {blob} NOT NULL,"
    " kd_epoch {number} NOT NULL, kw_epoch {number} NOT NULL, nonce {blob} NOT NULL, sealed {blob} NOT NULL,"
    " created_ms {number} NOT NULL, expires_ms {number} NOT NULL, mac {blob} NOT NULL,"
    " UNIQUE (token_id, name), UNIQUE (token_id, cka_id)){strict};"

    "CREATE TABLE certificates (id {id}, token_id {number} NOT NULL, key_name {blob} NOT NULL,"
    " label {text} NOT NULL, der {blob} NOT NULL, chain {blob} NOT NULL, created_ms {number} NOT NULL,"
    " mac {blob} NOT NULL, UNIQUE (token_id, key_name),"
    " FOREIGN KEY (token_id, key_name) REFERENCES keys (token_id, name)){strict};"

    "CREATE TABLE principals (id {id}, name {text} NOT NULL UNIQUE, enabled {number} NOT NULL,"
    " created_ms {number} NOT NULL, sequence {number} NOT NULL, certificates {blob} NOT NULL,"
    " requests {blob} NOT NULL, device_code {blob} NOT NULL, device_code_until_ms {number} NOT NULL,"
    " device_secret {blob} NOT NULL, mac {blob} NOT NULL){strict};"

    "CREATE TABLE principal_certificates (hash {blob} NOT NULL PRIMARY KEY,"
    " principal_id {number} NOT NULL REFERENCES principals (id), role {number} NOT NULL,"
    " not_after_ms {number} NOT NULL, revoked {number} NOT NULL, label {text} NOT NULL,"
    " created_ms {number} NOT NULL, replaces {blob} NOT NULL){strict};"
    "CREATE INDEX principal_certificates_of ON principal_certificates (principal_id);"
    "CREATE INDEX principal_certificates_role ON principal_certificates (role, principal_id);"

    "CREATE TABLE grants (id {id}, principal_id {number} NOT NULL REFERENCES principals (id),"
    " token_id {number} NOT NULL REFERENCES tokens (id), bits {number} NOT NULL,"
    " UNIQUE (token_id, principal_id)){strict};"
    "CREATE INDEX grants_to ON grants (principal_id, id);"

    "CREATE TABLE attempts (id {id}, token_id {number} NOT NULL REFERENCES tokens (id),"
    " principal_id {number} NOT NULL REFERENCES principals (id), state {number} NOT NULL,"
    " at_ms {number} NOT NULL){strict};"
    "CREATE INDEX attempts_of ON attempts (token_id, id);"

    "CREATE TABLE token_groups (id {id}, name {text} NOT NULL UNIQUE, created_ms {number} NOT NULL,"
    " sequence {number} NOT NULL, grants {blob} NOT NULL, mac {blob} NOT NULL){strict};"

    "CREATE TABLE group_members (id {id}, group_id {number} NOT NULL REFERENCES token_groups (id),"
    " token_id {number} NOT NULL REFERENCES tokens (id), UNIQUE (token_id, group_id)){strict};"
    "CREATE INDEX group_members_of ON group_members (group_id, id);"

    "CREATE TABLE group_grants (id {id}, principal_id {number} NOT NULL REFERENCES principals (id),"
    " group_id {number} NOT NULL REFERENCES token_groups (id), bits {number} NOT NULL,"
    " UNIQUE (group_id, principal_id)){strict};"
    "CREATE INDEX group_grants_to ON group_grants (principal_id, id);"

    /* What operators look for among a million users is a few: found without reading the others. */
    "CREATE INDEX tokens_locked ON tokens (name) WHERE locked = 1;"
    "CREATE INDEX tokens_disabled ON tokens (name) WHERE enabled = 0;"
    "CREATE INDEX tokens_home ON tokens (home) WHERE home >= 0;"
    "CREATE UNIQUE INDEX tokens_partition ON tokens (partition) WHERE partition <> '';"
    "CREATE INDEX tokens_without_pin ON tokens (name) WHERE pin_version = 0;"

    "CREATE TABLE enrolment_attempts (slot {number} NOT NULL PRIMARY KEY, failures {number} NOT NULL,"
    " failed_ms {number} NOT NULL, sequence {number} NOT NULL, mac {blob} NOT NULL){strict};"

    "CREATE TABLE audit_heads (proxy {text} NOT NULL, signer {number} NOT NULL, sequence {number} NOT NULL,"
    " hash {blob} NOT NULL, PRIMARY KEY (proxy, signer)){strict};"

    "CREATE TABLE key_counts (proxy {text} NOT NULL, signer {number} NOT NULL, name {blob} NOT NULL,"
    " signatures {number} NOT NULL, sequence {number} NOT NULL,"
    " PRIMARY KEY (proxy, signer, name)){strict};"

    "CREATE TABLE issued (id {id}, authority {number} NOT NULL, serial {blob} NOT NULL UNIQUE,"
    " profile {number} NOT NULL, owner {text} NOT NULL, token_id {number} NOT NULL, key_name {blob} NOT NULL,"
    " hash {blob} NOT NULL, subject {text} NOT NULL, issued_ms {number} NOT NULL, not_after_ms {number} NOT "
    "NULL,"
    " revoked_ms {number} NOT NULL, crl_reason {number} NOT NULL, notice_days {number} NOT NULL,"
    " mac {blob} NOT NULL){strict};"
    "CREATE INDEX issued_of ON issued (token_id, id);"
    "CREATE INDEX issued_owner ON issued (owner, id);"
    "CREATE INDEX issued_ending ON issued (not_after_ms, id);"
    "CREATE INDEX issued_revoked ON issued (authority, not_after_ms) WHERE revoked_ms > 0;"

    "CREATE INDEX keys_kw ON keys (kw_epoch, usage);"
    "CREATE INDEX keys_kd ON keys (kd_epoch);"
    "CREATE INDEX access_kd ON access_rows (kd_epoch);"

    "CREATE TABLE authorities (authority {number} NOT NULL PRIMARY KEY, sequence {number} NOT NULL,"
    " as_of_ms {number} NOT NULL, revoked {blob} NOT NULL, crl_number {number} NOT NULL,"
    " crl_until_ms {number} NOT NULL, crl_hash {blob} NOT NULL, mac {blob} NOT NULL){strict};"

    "CREATE TABLE crls (authority {number} NOT NULL PRIMARY KEY, der {blob} NOT NULL){strict};"

    "CREATE TABLE requests (id {id}, name {blob} NOT NULL UNIQUE,"
    " principal_id {number} NOT NULL REFERENCES principals (id), certificate {blob} NOT NULL,"
    " method {text} NOT NULL, body {blob} NOT NULL, created_ms {number} NOT NULL,"
    " expires_ms {number} NOT NULL, state {number} NOT NULL, decided_by {text} NOT NULL){strict};"
    "CREATE INDEX requests_of ON requests (principal_id, id);"

    "CREATE TABLE quorums (id {id}, token_id {number} NOT NULL UNIQUE REFERENCES tokens (id),"
    " name {blob} NOT NULL, needed {number} NOT NULL, request {blob} NOT NULL,"
    " pin_version {number} NOT NULL, row_name {blob} NOT NULL, check_value {blob} NOT NULL,"
    " certificate {blob} NOT NULL, principal_id {number} NOT NULL, asked_ms {number} NOT NULL,"
    " from_ms {number} NOT NULL, until_ms {number} NOT NULL){strict};"
    "CREATE INDEX quorums_asked ON quorums (until_ms, id);"

    "CREATE TABLE quorum_shares (id {id}, token_id {number} NOT NULL REFERENCES tokens (id),"
    " number {number} NOT NULL, officer {blob} NOT NULL, name {text} NOT NULL, digest {blob} NOT NULL,"
    " sealed {blob} NOT NULL, given_by {number} NOT NULL, kd_epoch {number} NOT NULL,"
    " nonce {blob} NOT NULL, given {blob} NOT NULL, UNIQUE (token_id, number)){strict};"

    "CREATE TABLE factors (id {id}, token_id {number} NOT NULL REFERENCES tokens (id),"
    " kind {number} NOT NULL, row_name {blob} NOT NULL, kd_epoch {number} NOT NULL, nonce {blob} NOT NULL,"
    " sealed {blob} NOT NULL, confirmed {number} NOT NULL, last_step {number} NOT NULL,"
    " code {blob} NOT NULL, code_until_ms {number} NOT NULL, sent_ms {number} NOT NULL,"
    " created_ms {number} NOT NULL, UNIQUE (token_id, kind)){strict};"

    /* Of the store itself: store_move.h. At most one row. */
    "CREATE TABLE moves (id {blob} NOT NULL PRIMARY KEY, is_away {number} NOT NULL){strict};"

    /* A row for each signer of each proxy, written by that one alone. News, and so without a MAC: nothing decides by them. */
    "CREATE TABLE sightings (proxy {text} NOT NULL, signer {number} NOT NULL, state {number} NOT NULL,"
    " hsm {text} NOT NULL, model {text} NOT NULL, note {text} NOT NULL, version {text} NOT NULL,"
    " started_ms {number} NOT NULL, seen_ms {number} NOT NULL, leases {number} NOT NULL,"
    " PRIMARY KEY (proxy, signer)){strict};";

static const char *const texts[] = { version_1 };

const struct schema schema_current = { texts, ARRAY_SIZE(texts) };

static const char *dialect_word(const struct dialect *dialect, struct bytes name)
{
    const struct {
        const char *name, *word;
    } words[] = {
        { "id", dialect->id },     { "number", dialect->number }, { "text", dialect->text },
        { "blob", dialect->blob }, { "strict", dialect->strict },
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (bytes_equal(name, bytes_of_text(words[i].name)))
            return words[i].word;
    return NULL;
}

/* Copies @text with each {word} in the dialect's form. Errors: -EINVAL (a word that is none), -ENOMEM. */
static int expand(const struct dialect *dialect, const char *text, struct buffer *ret)
{
    for (const char *open; (open = strchr(text, '{')); text = strchr(open, '}') + 1) {
        const char *close = strchr(open, '}');
        const char *word = close ? dialect_word(dialect, BYTES(open + 1, close - open - 1)) : NULL;

        if (!word)
            return -EINVAL;
        buffer_append(ret, BYTES(text, open - text));
        buffer_append_text(ret, word);
    }
    buffer_append_text(ret, text);
    buffer_append_u8(ret, '\0');
    return ret->failed ? -ENOMEM : 0;
}

static int execute(struct store *store, const char *text)
{
    CLEANUP(buffer_clear) struct buffer script = { 0 };
    int r = expand(store->ops->dialect, text, &script);

    return r < 0 ? r : store->ops->execute(store, (const char *)script.data);
}

static int on_version(void *arg, struct values row)
{
    unsigned *version = arg;

    if (row.count != 1 || row.items[0].kind != VALUE_INTEGER || row.items[0].integer < 0)
        return -EPROTO;
    *version = (unsigned)row.items[0].integer;
    return 0;
}

static int read_version(struct store *store, const char *sql, unsigned *ret)
{
    unsigned version = 0;
    int r = store_run(store, sql, VALUES_NONE, on_version, &version, NULL);

    if (r < 0)
        return r;
    *ret = version;
    return 0;
}

int schema_read_version(struct store *store, unsigned *ret)
{
    return read_version(store, "SELECT version FROM schema_version", ret);
}

/* Until the transaction's end nobody else changes it. */
static int lock_version(struct store *store, unsigned *ret)
{
    return read_version(store, "SELECT version FROM schema_version" ROW_LOCK, ret);
}

int schema_check(const struct schema *schema, struct store *store, unsigned *ret_version)
{
    unsigned version;
    int r = schema_read_version(store, &version);

    if (r < 0)
        return r;
    *ret_version = version;
    if (version < schema->version) {
        log_event(LOG_LEVEL_ERROR, "store.older",
                  "version=%u this_program=%u do=\"run privyseal store upgrade; running daemons go on\"",
                  version, schema->version);
        return -EPROTO;
    }
    if (version > schema->version + SCHEMA_NEWER_MOST) {
        log_event(
            LOG_LEVEL_ERROR, "store.newer",
            "version=%u this_program=%u do=\"install the program that made it; for an older one restore a "
            "backup of its time\"",
            version, schema->version);
        return -EPROTO;
    }
    if (version > schema->version)
        log_event(LOG_LEVEL_NOTICE, "store.newer", "version=%u this_program=%u tolerated=yes", version,
                  schema->version);
    return 0;
}

static int write_version(struct store *store, unsigned version)
{
    if (version == 1)
        return store_run(store, "INSERT INTO schema_version (version) VALUES ($1)",
                         VALUES(value_integer(version)), NULL, NULL, NULL);
    return store_run(store, "UPDATE schema_version SET version = $1", VALUES(value_integer(version)), NULL,
                     NULL, NULL);
}

static int upgrade(const struct schema *schema, struct store *store, bool *ret_is_done)
{
    unsigned version = 0;
    int r = execute(store, "CREATE TABLE IF NOT EXISTS schema_version (version {number} NOT NULL){strict};");

    if (r == 0)
        r = lock_version(store, &version);
    if (r < 0)
        return r;
    *ret_is_done = version >= schema->version;
    if (*ret_is_done)
        return schema_check(schema, store, &version);
    r = execute(store, schema->texts[version]);
    if (r == 0)
        r = write_version(store, version + 1);
    if (r == 0)
        log_event(LOG_LEVEL_NOTICE, "store.upgraded", "version=%u", version + 1);
    return r;
}

int schema_upgrade_step(const struct schema *schema, struct store *store, bool *ret_is_done)
{
    int r = store_begin(store);

    if (r < 0)
        return r;
    r = upgrade(schema, store, ret_is_done);
    if (r == 0)
        return store_commit(store);
    store_rollback(store);
    return r;
}
