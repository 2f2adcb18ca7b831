/* SPDX-License-Identifier: Apache-2.0 */
/* test_partition_serial.c - slot ids that would be the same, and PINs that would be too long, before it is too late. */
#include "proxy/hsm/partition_serial.h"

#include <string.h>

#include "tests/support/suite.h"

/* A token as a library lists it: its serial number padded with blanks. */
static struct library_token plant(const char *serial, CK_FLAGS flags)
{
    struct library_token token = { .info.flags = flags };

    memset(token.info.serialNumber, ' ', sizeof(token.info.serialNumber));
    memcpy(token.info.serialNumber, serial, strlen(serial));
    return token;
}

START_TEST(slot_id_is_31_bits_of_the_last_eight_digits)
{
    ck_assert_uint_eq(serial_slot("0123456789abcdef"), 0x09abcdef);
    ck_assert_uint_eq(serial_slot("0123456700000001"), 1);
    ck_assert_uint_eq(serial_slot("7"), 7);
}
END_TEST

START_TEST(same_last_digits_collide_whatever_stands_before)
{
    const struct library_token tokens[] = { plant("1111111112345678", CKF_TOKEN_INITIALIZED),
                                            plant("2222222287654321", CKF_TOKEN_INITIALIZED) };

    ck_assert(serial_collides("3333333312345678", tokens, 2));
    ck_assert(serial_collides("3333333387654321", tokens, 2));
    ck_assert(!serial_collides("3333333312345679", tokens, 2));
}
END_TEST

START_TEST(highest_bit_makes_no_difference)
{
    const struct library_token tokens[] = { plant("1111111180000005", CKF_TOKEN_INITIALIZED) };

    ck_assert(serial_collides("3333333300000005", tokens, 1));
}
END_TEST

START_TEST(token_does_not_collide_with_itself_or_with_a_blank_one)
{
    const struct library_token tokens[] = { plant("3333333312345678", CKF_TOKEN_INITIALIZED),
                                            plant("1111111112345678", 0), plant("", 0) };

    ck_assert(!serial_collides("3333333312345678", tokens, 3));
}
END_TEST

START_TEST(token_whose_pins_are_short_takes_no_pin_of_ours)
{
    ck_assert(!library_takes_pin(&(CK_TOKEN_INFO){ .ulMaxPinLen = 8 }, 43));
    ck_assert(!library_takes_pin(&(CK_TOKEN_INFO){ .ulMaxPinLen = 42 }, 43));
    ck_assert(library_takes_pin(&(CK_TOKEN_INFO){ .ulMaxPinLen = 43 }, 43));
    ck_assert(library_takes_pin(&(CK_TOKEN_INFO){ .ulMaxPinLen = 255 }, 43));
    ck_assert(library_takes_pin(&(CK_TOKEN_INFO){ .ulMaxPinLen = CK_EFFECTIVELY_INFINITE }, 43));
    ck_assert(library_takes_pin(&(CK_TOKEN_INFO){ .ulMaxPinLen = CK_UNAVAILABLE_INFORMATION }, 43));
}
END_TEST

SUITE("partition serial", slot_id_is_31_bits_of_the_last_eight_digits,
      same_last_digits_collide_whatever_stands_before, highest_bit_makes_no_difference,
      token_does_not_collide_with_itself_or_with_a_blank_one,
      token_whose_pins_are_short_takes_no_pin_of_ours);
