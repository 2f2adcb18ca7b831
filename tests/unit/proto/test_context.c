/* SPDX-License-Identifier: Apache-2.0 */
/* test_context.c - no two lists of fields give the same bytes. */
#include "proto/context.h"

#include <errno.h>

#include "tests/support/failing_allocator.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

START_TEST(label_and_fields_have_their_length_before_them)
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 x");
    struct bytes bytes;

    context_text(&context, "ab");
    context_bytes(&context, BYTES("\xff", 1));
    context_number(&context, 0x0102);
    ck_assert_int_eq(context_end(&context, &bytes), 0);
    assert_hex(bytes, "0000000e"
                      "70726976797365616c2076312078"
                      "00000002"
                      "6162"
                      "00000001"
                      "ff"
                      "00000008"
                      "0000000000000102");
}
END_TEST

static bool same(struct context *a, struct context *b)
{
    struct bytes a_bytes, b_bytes;

    ck_assert_int_eq(context_end(a, &a_bytes), 0);
    ck_assert_int_eq(context_end(b, &b_bytes), 0);
    return bytes_equal(a_bytes, b_bytes);
}

START_TEST(moving_a_byte_from_one_field_to_the_next_changes_the_context)
{
    CLEANUP(context_clear) struct context a = context_of("privyseal v1 x");
    CLEANUP(context_clear) struct context b = context_of("privyseal v1 x");

    context_text(&a, "ab");
    context_text(&a, "c");
    context_text(&b, "a");
    context_text(&b, "bc");
    ck_assert(!same(&a, &b));
}
END_TEST

START_TEST(an_empty_field_is_not_the_same_as_none)
{
    CLEANUP(context_clear) struct context a = context_of("privyseal v1 x");
    CLEANUP(context_clear) struct context b = context_of("privyseal v1 x");

    context_text(&b, "");
    ck_assert(!same(&a, &b));
}
END_TEST

START_TEST(a_field_cannot_stand_in_for_a_longer_label)
{
    CLEANUP(context_clear) struct context a = context_of("privyseal v1 x");
    CLEANUP(context_clear) struct context b = context_of("privyseal v1 xy");

    context_text(&a, "y");
    ck_assert(!same(&a, &b));
}
END_TEST

START_TEST(a_field_beyond_every_limit_fails_the_context)
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 x");
    struct bytes bytes;

    context_bytes(&context, BYTES("x", (size_t)UINT32_MAX + 5)); /* would read as a field of four bytes */
    ck_assert_int_eq(context_end(&context, &bytes), -ENOMEM);
}
END_TEST

/* What context_end() says when the allocation after @successes others fails. */
static int make_one(int successes, bool *ret_has_failed)
{
    struct context context;
    struct bytes bytes;
    int r;

    fail_allocation(successes);
    context = context_of("privyseal v1 a label that fills the first piece of memory by itself");
    for (int i = 0; i < 100; i++)
        context_number(&context, 1);
    r = context_end(&context, &bytes);
    *ret_has_failed = stop_failing();
    context_clear(&context);
    return r;
}

START_TEST(every_allocation_that_fails_fails_the_context)
{
    bool has_failed = true;
    int n = 0;

    while (has_failed)
        ck_assert((make_one(n++, &has_failed) == -ENOMEM) == has_failed);
    ck_assert_int_gt(n, 2);
}
END_TEST

SUITE("context", label_and_fields_have_their_length_before_them,
      moving_a_byte_from_one_field_to_the_next_changes_the_context, an_empty_field_is_not_the_same_as_none,
      a_field_cannot_stand_in_for_a_longer_label, a_field_beyond_every_limit_fails_the_context,
      every_allocation_that_fails_fails_the_context);
