/* SPDX-License-Identifier: Apache-2.0 */
/* test_pack.c - messages go into a buffer whole, or the buffer says that they did not. */
#include "proto/pack.h"

#include <errno.h>

#include "proto/privyseal.pb-c.h"
#include "tests/support/failing_allocator.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

static uint8_t lease[] = { 1, 2, 3 };

static Privyseal__V1__Session borrowing(void)
{
    Privyseal__V1__Session session = PRIVYSEAL__V1__SESSION__INIT;

    session.lease = pack_borrow(BYTES_OF_ARRAY(lease));
    session.sequence = 5;
    return session;
}

START_TEST(a_message_is_appended_to_what_is_there)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };
    Privyseal__V1__Session session = borrowing();

    buffer_append_u8(&buffer, 0xaa);
    ck_assert_int_eq(pack_append(&session.base, &buffer), 0);
    assert_hex(buffer_bytes(&buffer), "aa0a030102031005");
}
END_TEST

START_TEST(a_field_lends_what_it_borrowed)
{
    Privyseal__V1__Session session = borrowing();

    ck_assert(bytes_equal(pack_lend(&session.lease), BYTES_OF_ARRAY(lease)));
    ck_assert_uint_eq(pack_lend(&session.ciphertext).len, 0);
}
END_TEST

START_TEST(a_message_beyond_the_limit_is_an_error)
{
    CLEANUP(buffer_clear) struct buffer buffer = { .limit = 6 };
    Privyseal__V1__Session session = borrowing();

    ck_assert_int_eq(pack_append(&session.base, &buffer), -ENOMEM);
}
END_TEST

START_TEST(an_allocation_that_fails_is_an_error)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };
    Privyseal__V1__Session session = borrowing();
    int r;

    fail_allocation(0);
    r = pack_append(&session.base, &buffer);
    ck_assert(stop_failing());
    ck_assert_int_eq(r, -ENOMEM);
}
END_TEST

SUITE("pack", a_message_is_appended_to_what_is_there, a_field_lends_what_it_borrowed,
      a_message_beyond_the_limit_is_an_error, an_allocation_that_fails_is_an_error);
