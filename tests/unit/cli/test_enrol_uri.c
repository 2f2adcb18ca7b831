/* SPDX-License-Identifier: Apache-2.0 */
/* test_enrol_uri.c - the line a new device is given: read whole or not at all. */
#include "cli/enrol_uri.h"

#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"

#define CA "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

START_TEST(what_was_written_is_read)
{
    struct enrol_uri uri = { .server = "sign.example.org:7444",
                             .realm = "The Realm",
                             .user = "Zo\xc3\xab",
                             .has_ca = true,
                             .has_code = true,
                             .ca = { 1, 2, 3 },
                             .code = { 4, 5, 6 } },
                     read;
    char text[ENROL_URI_MAX + 1];
    const char *why;

    ck_assert_int_eq(enrol_uri_format(&uri, text), 0);
    ck_assert_ptr_nonnull(strstr(text, "/The%20Realm/Zo%C3%AB?ca=010203"));
    ck_assert_int_eq(enrol_uri_parse(text, &read, &why), 0);
    ck_assert_str_eq(read.server, uri.server);
    ck_assert_str_eq(read.realm, uri.realm);
    ck_assert_str_eq(read.user, uri.user);
    ck_assert(read.has_ca && read.has_code);
    ck_assert_mem_eq(read.ca, uri.ca, sizeof(uri.ca));
    ck_assert_mem_eq(read.code, uri.code, sizeof(uri.code));
}
END_TEST

START_TEST(code_may_be_left_out_and_unknown_parameters_are_skipped)
{
    struct enrol_uri uri;
    const char *why;

    ck_assert_int_eq(enrol_uri_parse("privyseal://host/r/u?ca=" CA "&later=1", &uri, &why), 0);
    ck_assert_str_eq(uri.server, "host:" ENROL_PORT_DEFAULT);
    ck_assert(uri.has_ca && !uri.has_code);
}
END_TEST

START_TEST(what_is_no_uri_is_refused_with_a_reason)
{
    static const char *const wrong[] = {
        "",
        "https://host/r/u",
        "privyseal://",
        "privyseal:///r/u",
        "privyseal://host:/r/u",
        "privyseal://host:999999/r/u",
        "privyseal://host:1x/r/u",
        "privyseal://a b/r/u",
        "privyseal://host",
        "privyseal://host/r",
        "privyseal://host//u",
        "privyseal://host/r/",
        "privyseal://host/r/u%2",
        "privyseal://host/r/u%zz",
        "privyseal://host/r/a%2Fb",
        "privyseal://host/r/u%0A",
        "privyseal://host/r/0123456789012345678901234567890123",
        "privyseal://host/r/u?ca=00",
        "privyseal://host/r/u?ca=" CA "0",
        "privyseal://host/r/u?ca=" CA "&code=1234",
        "privyseal://host/r/u/more",
    };
    struct enrol_uri uri;

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        const char *why = NULL;

        ck_assert_msg(enrol_uri_parse(wrong[i], &uri, &why) == -EINVAL, "%s", wrong[i]);
        ck_assert_ptr_nonnull(why);
    }
}
END_TEST

START_TEST(server_gets_a_port_and_keeps_its_brackets)
{
    static const struct {
        const char *text, *server; /* NULL: refused */
    } rows[] = {
        { "host", "host:7444" },
        { "host:1", "host:1" },
        { "[::1]", "[::1]:7444" },
        { "[::1]:2", "[::1]:2" },
        { "192.0.2.1", "192.0.2.1:7444" },
        { "[::1", NULL },
        { ":1", NULL },
        { "a/b", NULL },
    };
    char server[ENROL_SERVER_MAX + 1];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r = enrol_server_parse(rows[i].text, server);

        ck_assert_msg(r == (rows[i].server ? 0 : -EINVAL), "%s", rows[i].text);
        if (rows[i].server)
            ck_assert_str_eq(server, rows[i].server);
    }
}
END_TEST

START_TEST(fingerprint_is_read_as_openssl_prints_it)
{
    uint8_t hash[HASH_LEN];

    ck_assert_int_eq(enrol_fingerprint_parse(CA, hash), 0);
    ck_assert_uint_eq(hash[31], 0x1f);
    ck_assert_int_eq(enrol_fingerprint_parse("00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
                                             "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
                                             hash),
                     0);
    ck_assert_int_eq(enrol_fingerprint_parse("00:01", hash), -EINVAL);
}
END_TEST

SUITE("enrol_uri", what_was_written_is_read, code_may_be_left_out_and_unknown_parameters_are_skipped,
      what_is_no_uri_is_refused_with_a_reason, server_gets_a_port_and_keeps_its_brackets,
      fingerprint_is_read_as_openssl_prints_it);
