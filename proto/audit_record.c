/* SPDX-License-Identifier: Apache-2.0 */
/* audit_record.c - records as lines of JSON, each hashed together with the one before it. */
#include "proto/audit_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "include/table.h"
#include "proto/context.h"
#include "proto/digest.h"
#include "proto/utf8.h"

#define HASH_MEMBER   ",\"hash\":\"" /* what stands between a record and its hash */
#define HASH_TEXT_LEN ((size_t)2 * HASH_LEN)
#define LINE_END      "\"}"
#define FIRST_MEMBER  "{\"sequence\":"
#define SECOND_MEMBER "\"time_us\":"

/* SHA-256 of context("privyseal v1 audit", previous hash, record): @record ends with its closing brace. */
static int chain_hash(const uint8_t previous[HASH_LEN], struct bytes record, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 audit");

    context_bytes(&context, BYTES(previous, HASH_LEN));
    return context_hash(&context, record, ret);
}

int audit_first_hash(const char *realm, const struct log_name *log, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 audit log");
    struct bytes input;
    int r;

    context_text(&context, realm);
    context_text(&context, log->proxy);
    context_number(&context, log->signer);
    r = context_end(&context, &input);
    return r < 0 ? r : digest_sha256(NULL, input, ret);
}

/* ------------------------------------------------------------------------------------------------ writing */

/* How many bytes at the front stand for themselves: all of a name, a number, a hash. */
static size_t plain_len(struct bytes text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] >= 0x20 && text.data[len] < 0x7f && text.data[len] != '"' &&
           text.data[len] != '\\')
        len++;
    return len;
}

/* One character that is not plain. Returns how many bytes it took. */
static size_t append_character(struct buffer *line, struct bytes rest)
{
    uint32_t character;
    size_t len = utf8_next(rest, &character);
    char escaped[8];

    if (len == 0)
        character = 0xfffd; /* the replacement character, for one byte that is no UTF-8 */
    if (len == 0 || character < 0x20 || character == 0x7f || character == '"' || character == '\\') {
        snprintf(escaped, sizeof(escaped), "\\u%04" PRIx32, character);
        buffer_append_text(line, escaped);
    } else {
        buffer_append(line, BYTES(rest.data, len));
    }
    return len ? len : 1;
}

/* RFC 8259 7 (Strings): a peer's words can neither end a string or a line nor break the file's encoding. */
static void append_quoted(struct buffer *line, const char *text)
{
    struct bytes rest = bytes_of_text(text);

    buffer_append_u8(line, '"');
    while (rest.len) {
        size_t len = plain_len(rest);

        if (len)
            buffer_append(line, BYTES(rest.data, len));
        else
            len = append_character(line, rest);
        rest = BYTES(rest.data + len, rest.len - len);
    }
    buffer_append_u8(line, '"');
}

static void append_text(struct buffer *line, const char *name, const char *value)
{
    buffer_append_text(line, ",\"");
    buffer_append_text(line, name);
    buffer_append_text(line, "\":");
    append_quoted(line, value);
}

static void append_number(struct buffer *line, const char *name, uint64_t value)
{
    char text[64];

    snprintf(text, sizeof(text), ",\"%s\":%" PRIu64, name, value);
    buffer_append_text(line, text);
}

/* The record without its hash. */
static void append_record(struct buffer *line, const struct audit_record *record)
{
    char first[64];

    snprintf(first, sizeof(first), FIRST_MEMBER "%" PRIu64, record->sequence);
    buffer_append_text(line, first);
    append_number(line, "time_us", record->time_us);
    append_text(line, "event", record->event);
    append_text(line, "result", record->result);
    append_text(line, "request_id", record->request_id);
    append_text(line, "client_request_id", record->client_request_id);
    if (record->trace_id && *record->trace_id)
        append_text(line, "trace_id", record->trace_id);
    append_text(line, "principal", record->principal);
    append_text(line, "certificate", record->certificate);
    append_text(line, "peer", record->peer);
    append_text(line, "token", record->token);
    append_text(line, "key", record->key);
    append_text(line, "mechanism", record->mechanism);
    append_text(line, "digest", record->digest);
    append_number(line, "key_count", record->key_count);
    append_number(line, "latency_us", record->latency_us);
    append_text(line, "note", record->note);
    buffer_append_text(line, "}");
}

/* @line ends with the record, which begins at @start; the brace makes room for the hash, and comes back after it. */
static int append_hash(struct buffer *line, size_t start, const uint8_t previous[HASH_LEN],
                       uint8_t ret_hash[HASH_LEN])
{
    char hash_text[HASH_TEXT_LEN + 1];
    int r;

    if (line->failed)
        return -ENOMEM;
    r = chain_hash(previous, BYTES(line->data + start, line->len - start), ret_hash);
    if (r < 0)
        return r;
    line->len--;
    hex_encode(BYTES(ret_hash, HASH_LEN), hash_text);
    buffer_append_text(line, HASH_MEMBER);
    buffer_append_text(line, hash_text);
    buffer_append_text(line, LINE_END "\n");
    return line->failed ? -ENOMEM : 0;
}

int audit_record_line(const struct audit_record *record, const uint8_t previous[HASH_LEN], struct buffer *ret,
                      uint8_t ret_hash[HASH_LEN])
{
    size_t start = ret->len;
    uint8_t hash[HASH_LEN];
    int r;

    append_record(ret, record);
    r = append_hash(ret, start, previous, hash);
    if (r == 0 && ret->len - start > AUDIT_LINE_MAX)
        r = -ENAMETOOLONG;
    if (r < 0) {
        ret->len = start;
        return r;
    }
    memcpy(ret_hash, hash, sizeof(hash));
    return 0;
}

/* ----------------------------------------------------------------------------------------------- checking */

int audit_check_init(struct audit_check *check, const char *realm, const struct log_name *log)
{
    check->next_sequence = 1;
    return audit_first_hash(realm, log, check->hash);
}

/* Takes @text off the front; false: something else stands there. */
static bool take_text(struct reader *reader, const char *text)
{
    struct bytes wanted = bytes_of_text(text);

    return bytes_equal(reader_run(reader, wanted.len), wanted);
}

/* Takes a member's number, and the comma behind it, off the front; 0: something else stands there. */
static uint64_t take_number(struct reader *reader, const char *member)
{
    uint64_t value = 0;

    if (!take_text(reader, member))
        return 0;
    for (;;) {
        uint8_t digit = reader_u8(reader);

        if (digit == ',' && !reader->failed)
            return value;
        if (digit < '0' || digit > '9' || value > (UINT64_MAX - 9) / 10)
            return 0;
        value = value * 10 + (digit - '0');
    }
}

uint64_t audit_line_sequence(struct bytes record)
{
    struct reader reader = reader_of(record);

    return take_number(&reader, FIRST_MEMBER);
}

uint64_t audit_line_time_us(struct bytes record)
{
    struct reader reader = reader_of(record);

    return take_number(&reader, FIRST_MEMBER) ? take_number(&reader, SECOND_MEMBER) : 0;
}

/* A line's two halves: the record without its closing brace, and the text of the hash behind it. */
static bool split_line(struct bytes line, struct bytes *record, struct bytes *hash_text)
{
    struct reader reader = reader_of(line);
    size_t tail = strlen(HASH_MEMBER) + HASH_TEXT_LEN + strlen(LINE_END);

    if (line.len < tail)
        return false;
    *record = reader_run(&reader, line.len - tail);
    if (!take_text(&reader, HASH_MEMBER))
        return false;
    *hash_text = reader_run(&reader, HASH_TEXT_LEN);
    return take_text(&reader, LINE_END);
}

/* The hash that @record must have after @previous. */
static int expected_hash(const uint8_t previous[HASH_LEN], struct bytes record, uint8_t ret[HASH_LEN])
{
    CLEANUP(buffer_clear) struct buffer whole = { 0 };

    buffer_append(&whole, record);
    buffer_append_text(&whole, "}");
    return whole.failed ? -ENOMEM : chain_hash(previous, buffer_bytes(&whole), ret);
}

int audit_check_line(struct audit_check *check, struct bytes line, const char **why)
{
    struct bytes record, hash_text;
    char expected_text[HASH_TEXT_LEN + 1];
    uint8_t expected[HASH_LEN];
    int r;

    if (line.len && line.data[line.len - 1] == '\n')
        line.len--;
    *why = "this line is not a record";
    if (line.len >= AUDIT_LINE_MAX || !split_line(line, &record, &hash_text) ||
        audit_line_sequence(record) == 0)
        return -EBADMSG;
    *why = "records are missing before this one, or it stands twice";
    if (audit_line_sequence(record) != check->next_sequence)
        return -EBADMSG;
    *why = "this record, or one before it, was altered";
    r = expected_hash(check->hash, record, expected);
    if (r < 0)
        return r;
    hex_encode(BYTES_OF_ARRAY(expected), expected_text);
    if (!bytes_equal(hash_text, bytes_of_text(expected_text)))
        return -EBADMSG;
    memcpy(check->hash, expected, sizeof(check->hash));
    check->next_sequence++;
    return 0;
}
