/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_record.c - a log proves that nothing in it was changed, left out or put in. */
#include "proto/audit_record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/hex.h"
#include "tests/support/suite.h"

#define REALM "example"
#define LINES 4

static const struct log_name log_name = { "web1", 2 };
static struct buffer lines[LINES];
static uint8_t hashes[LINES + 1][HASH_LEN];

static struct audit_record record(uint64_t sequence)
{
    return (struct audit_record){
        .sequence = sequence,
        .time_us = 1700000000000000 + sequence,
        .event = "sign",
        .result = "OK",
        .request_id = "0123456789abcdef",
        .client_request_id = "an application's own",
        .principal = "anna",
        .peer = "192.0.2.1",
        .token = "anna",
        .mechanism = "CKM_RSA_PKCS",
        .key_count = sequence,
        .latency_us = 1500,
    };
}

static void write_log(void)
{
    ck_assert_int_eq(audit_first_hash(REALM, &log_name, hashes[0]), 0);
    for (size_t i = 0; i < LINES; i++) {
        struct audit_record one = record(i + 1);

        ck_assert_int_eq(audit_record_line(&one, hashes[i], &lines[i], hashes[i + 1]), 0);
    }
}

static void clear_log(void)
{
    for (size_t i = 0; i < LINES; i++)
        buffer_clear(&lines[i]);
}

static struct audit_check begin(void)
{
    struct audit_check check;

    ck_assert_int_eq(audit_check_init(&check, REALM, &log_name), 0);
    return check;
}

static int check_line(struct audit_check *check, struct bytes line)
{
    const char *why = NULL;
    int r = audit_check_line(check, line, &why);

    ck_assert_ptr_nonnull(why);
    return r;
}

START_TEST(a_whole_log_checks_up_to_its_head)
{
    struct audit_check check = begin();

    for (size_t i = 0; i < LINES; i++)
        ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[i])), 0);
    ck_assert_uint_eq(check.next_sequence, LINES + 1);
    ck_assert_mem_eq(check.hash, hashes[LINES], HASH_LEN);
}
END_TEST

/* What docs/protocol.md promises to whoever has no program of ours. */
START_TEST(a_line_is_the_documented_object)
{
    char hash_text[2 * HASH_LEN + 1], expected[1024];

    hex_encode(BYTES_OF_ARRAY(hashes[1]), hash_text);
    snprintf(
        expected, sizeof(expected),
        "{\"sequence\":1,\"time_us\":1700000000000001,\"event\":\"sign\",\"result\":\"OK\","
        "\"request_id\":\"0123456789abcdef\",\"client_request_id\":\"an application's own\","
        "\"principal\":\"anna\",\"certificate\":\"\",\"peer\":\"192.0.2.1\",\"token\":\"anna\",\"key\":\"\","
        "\"mechanism\":\"CKM_RSA_PKCS\",\"digest\":\"\",\"key_count\":1,\"latency_us\":1500,\"note\":\"\","
        "\"hash\":\"%s\"}\n",
        hash_text);
    ck_assert(bytes_equal(buffer_bytes(&lines[0]), bytes_of_text(expected)));
}
END_TEST

START_TEST(the_newline_may_be_left_away)
{
    struct audit_check check = begin();

    ck_assert_int_eq(check_line(&check, BYTES(lines[0].data, lines[0].len - 1)), 0);
}
END_TEST

START_TEST(every_changed_byte_is_noticed)
{
    struct audit_check check = begin();
    struct audit_check before = check;

    for (size_t i = 0; i + 1 < lines[0].len; i++) {
        lines[0].data[i] ^= 0x20; /* so that letters only change their case, the smallest change there is */
        ck_assert_msg(check_line(&check, buffer_bytes(&lines[0])) == -EBADMSG, "byte %zu", i);
        lines[0].data[i] ^= 0x20;
    }
    ck_assert_mem_eq(&check, &before, sizeof(check));
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[0])), 0);
}
END_TEST

START_TEST(a_line_left_out_repeated_or_moved_is_noticed)
{
    struct audit_check check = begin();

    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[1])), -EBADMSG);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[0])), 0);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[0])), -EBADMSG);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[2])), -EBADMSG);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[1])), 0);
}
END_TEST

/* A record that never was: the hashes fit, the numbers do not. */
START_TEST(a_number_left_out_is_noticed)
{
    CLEANUP(buffer_clear) struct buffer line = { 0 };
    struct audit_check check = begin();
    struct audit_record second = record(2);
    uint8_t hash[HASH_LEN];

    ck_assert_int_eq(audit_record_line(&second, hashes[0], &line, hash), 0);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&line)), -EBADMSG);
}
END_TEST

START_TEST(a_rewritten_history_needs_every_later_line_rewritten)
{
    CLEANUP(buffer_clear) struct buffer forged = { 0 };
    struct audit_check check = begin();
    struct audit_record one = record(1);
    uint8_t hash[HASH_LEN];

    one.principal = "bert";
    ck_assert_int_eq(audit_record_line(&one, hashes[0], &forged, hash), 0);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&forged)), 0);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[1])), -EBADMSG);
}
END_TEST

START_TEST(the_log_of_another_signer_proxy_or_realm_does_not_check)
{
    const struct log_name signer = { "web1", 3 }, proxy = { "web2", 2 };
    struct audit_check check;

    ck_assert_int_eq(audit_check_init(&check, REALM, &signer), 0);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[0])), -EBADMSG);
    ck_assert_int_eq(audit_check_init(&check, REALM, &proxy), 0);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[0])), -EBADMSG);
    ck_assert_int_eq(audit_check_init(&check, "another", &log_name), 0);
    ck_assert_int_eq(check_line(&check, buffer_bytes(&lines[0])), -EBADMSG);
}
END_TEST

START_TEST(what_a_peer_says_cannot_break_a_line)
{
    CLEANUP(buffer_clear) struct buffer line = { 0 };
    struct audit_check check = begin();
    struct audit_record one = record(1);
    uint8_t hash[HASH_LEN];

    one.client_request_id = "\",\"result\":\"OK\"}\n{\\\x01\x7f\xff M\xc3\xbcller";
    ck_assert_int_eq(audit_record_line(&one, hashes[0], &line, hash), 0);
    ck_assert_ptr_eq(memchr(line.data, '\n', line.len), line.data + line.len - 1);
    buffer_append_u8(&line, 0);
    ck_assert_ptr_nonnull(
        strstr((const char *)line.data,
               "\"client_request_id\":\"\\u0022,\\u0022result\\u0022:\\u0022OK\\u0022}\\u000a{"
               "\\u005c\\u0001\\u007f\\ufffd M\xc3\xbcller\""));
    ck_assert_int_eq(check_line(&check, BYTES(line.data, line.len - 1)), 0);
}
END_TEST

START_TEST(a_record_too_long_for_a_line_is_refused)
{
    CLEANUP(buffer_clear) struct buffer line = { 0 };
    struct audit_record one = record(1);
    char note[AUDIT_LINE_MAX];
    uint8_t hash[HASH_LEN];

    memset(note, 'x', sizeof(note));
    note[sizeof(note) - 1] = '\0';
    one.note = note;
    ck_assert_int_eq(audit_record_line(&one, hashes[0], &line, hash), -ENAMETOOLONG);
    ck_assert_uint_eq(line.len, 0);
}
END_TEST

START_TEST(what_is_no_record_is_refused)
{
    static const char *const bad[] = {
        "", "\n", "{}", "{\"sequence\":1}", "{\"sequence\":99999999999999999999999,", "\"hash\":\"\"}"
    };
    struct audit_check check = begin();

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(check_line(&check, bytes_of_text(bad[i])), -EBADMSG);
}
END_TEST

SUITE_WITH_FIXTURE("audit_record", write_log, clear_log, a_whole_log_checks_up_to_its_head,
                   a_line_is_the_documented_object, the_newline_may_be_left_away,
                   every_changed_byte_is_noticed, a_line_left_out_repeated_or_moved_is_noticed,
                   a_number_left_out_is_noticed, a_rewritten_history_needs_every_later_line_rewritten,
                   the_log_of_another_signer_proxy_or_realm_does_not_check,
                   what_a_peer_says_cannot_break_a_line, a_record_too_long_for_a_line_is_refused,
                   what_is_no_record_is_refused);
