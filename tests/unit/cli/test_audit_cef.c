/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_cef.c - what people may be called can end no field, forge no other, and begin no line. */
#include "cli/audit_cef.h"

#include <string.h>

#include "tests/support/suite.h"

static const struct log_name log_name = { "web1", 2 };

/* The line of a record with @member = @value besides an event; lent until the next call. */
static const char *line_with(const char *member, const char *value)
{
    static struct buffer line;
    json_t *record = json_pack("{s:s, s:s, s:I, s:s}", "event", "sign", "result", "OK", "time_us",
                               (json_int_t)1700000000123456, member, value);

    buffer_clear(&line);
    audit_cef_append(record, &log_name, &line);
    buffer_append_u8(&line, '\0');
    ck_assert(!line.failed);
    json_decref(record);
    return (const char *)line.data;
}

static void ck_assert_has(const char *line, const char *part)
{
    ck_assert_msg(strstr(line, part) != NULL, "no \"%s\" in %s", part, line);
}

START_TEST(record_is_a_line_of_the_format)
{
    const char *line = line_with("principal", "ann");

    ck_assert_int_eq(strncmp(line, "CEF:0|Privyseal|privyseald|", 27), 0);
    ck_assert_has(line, "|sign|sign|3|dvchost=web1 deviceExternalId=2 rt=1700000000123 ");
    ck_assert_has(line, " suser=ann ");
    ck_assert_has(line, " cn1=0 cn1Label=sequence");
}
END_TEST

START_TEST(refusals_are_more_severe_and_broken_rows_most)
{
    ck_assert_has(line_with("result", "PIN_INCORRECT"), "|sign|6|");
    ck_assert_has(line_with("result", "INTEGRITY"), "|sign|9|");
}
END_TEST

START_TEST(name_with_equals_and_backslash_cannot_forge_a_field)
{
    ck_assert_has(line_with("principal", "ann suser=bob"), " suser=ann suser\\=bob ");
    ck_assert_has(line_with("principal", "ann\\"), " suser=ann\\\\ ");
    ck_assert_has(line_with("principal", "ann\\="), " suser=ann\\\\\\= ");
}
END_TEST

START_TEST(line_end_in_a_name_begins_no_line)
{
    const char *line = line_with("client_request_id", "a\nCEF:0|x|y|z|1|2|3|\r");

    ck_assert_ptr_null(strchr(line, '\n'));
    ck_assert_ptr_null(strchr(line, '\r'));
    ck_assert_has(line, " cs4=a\\nCEF:0|x|y|z|1|2|3|\\r cs4Label=clientRequest");
}
END_TEST

START_TEST(pipe_in_a_header_is_escaped)
{
    ck_assert_has(line_with("event", "si|gn\\"), "|si\\|gn\\\\|si\\|gn\\\\|");
}
END_TEST

START_TEST(address_of_the_sixth_version_has_a_field_of_its_own)
{
    ck_assert_has(line_with("peer", "192.0.2.1"), " src=192.0.2.1 ");
    ck_assert_has(line_with("peer", "2001:db8::1"), " c6a2=2001:db8::1 c6a2Label=Source IPv6 Address ");
}
END_TEST

START_TEST(what_is_empty_is_left_out)
{
    const char *line = line_with("principal", "");

    ck_assert_ptr_null(strstr(line, "suser"));
    ck_assert_ptr_null(strstr(line, "cs1Label"));
}
END_TEST

SUITE("audit_cef", record_is_a_line_of_the_format, refusals_are_more_severe_and_broken_rows_most,
      name_with_equals_and_backslash_cannot_forge_a_field, line_end_in_a_name_begins_no_line,
      pipe_in_a_header_is_escaped, address_of_the_sixth_version_has_a_field_of_its_own,
      what_is_empty_is_left_out);
