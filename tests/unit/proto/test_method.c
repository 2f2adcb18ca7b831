/* SPDX-License-Identifier: Apache-2.0 */
/* test_method.c - methods found by their path, and the signer that a message names. */
#include "proto/method.h"

#include "proto/pack.h"
#include "proto/privyseal.pb-c.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

START_TEST(a_path_leads_to_its_method)
{
    const struct method *sign = method_by_path("/privyseal.v1.Tokens/Sign");

    ck_assert_ptr_eq(sign, method_by_id(METHOD_Sign));
    ck_assert_int_eq(sign->proof, PROOF_SESSION);
    ck_assert_int_eq(sign->permission, PERM_USE_KEY);
    ck_assert_ptr_eq(sign->request, &privyseal__v1__sign_request__descriptor);
    ck_assert_ptr_eq(sign->reply, &privyseal__v1__sign_response__descriptor);
}
END_TEST

START_TEST(any_other_path_leads_nowhere)
{
    static const char *const paths[] = { "",
                                         "/",
                                         "Sign",
                                         "/privyseal.v1.Tokens/sign",
                                         "/privyseal.v1.Tokens/Sign/",
                                         "/privyseal.v1.Operators/Sign",
                                         "/privyseal.v2.Tokens/Sign" };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        ck_assert_ptr_null(method_by_path(paths[i]));
}
END_TEST

/* Where a message goes that is spelled in hexadecimal. */
static int route(enum method_id method, const char *text)
{
    uint8_t memory[128];

    return method_route(method_by_id(method), hex_bytes(text, memory));
}

START_TEST(a_lease_names_its_signer)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    Privyseal__V1__Session session = PRIVYSEAL__V1__SESSION__INIT;

    session.lease = pack_borrow(bytes_of_text("\x01\x02 the rest ..."));
    session.sequence = 7;
    session.ciphertext = pack_borrow(bytes_of_text("anything"));
    ck_assert_int_eq(pack_append(&session.base, &message), 0);
    ck_assert_int_eq(method_route(method_by_id(METHOD_Sign), buffer_bytes(&message)), 0x0102);
}
END_TEST

START_TEST(a_challenge_names_its_signer)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    Privyseal__V1__Sealed sealed = PRIVYSEAL__V1__SEALED__INIT;

    sealed.seal_key_id = pack_borrow(bytes_of_text("some other field that comes first"));
    sealed.challenge = pack_borrow(BYTES("\x00\x03 the rest ...", 15));
    ck_assert_int_eq(pack_append(&sealed.base, &message), 0);
    ck_assert_int_eq(method_route(method_by_id(METHOD_Unlock), buffer_bytes(&message)), 3);
    ck_assert_int_eq(method_route(method_by_id(METHOD_AddUser), buffer_bytes(&message)), 3);
}
END_TEST

START_TEST(a_plain_request_goes_to_any_signer)
{
    ck_assert_int_eq(route(METHOD_GetToken, "0a020001"), -1);
}
END_TEST

START_TEST(of_two_leases_the_last_one_counts)
{
    ck_assert_int_eq(route(METHOD_Sign, "0a020001"
                                        "0a020002"),
                     2);
}
END_TEST

START_TEST(fields_of_every_wire_type_are_skipped)
{
    ck_assert_int_eq(route(METHOD_Sign, "10ffffffffffffffffff01" /* 2: the largest varint */
                                        "190102030405060708"     /* 3: 64 bits */
                                        "2501020304"             /* 4: 32 bits */
                                        "2a03010203"             /* 5: a run */
                                        "0a020005"),
                     5);
}
END_TEST

START_TEST(what_is_cut_or_malformed_goes_to_any_signer)
{
    static const char *const bad[] = {
        "",       /* nothing */
        "0a",     /* a tag and no length */
        "0a0200", /* shorter than it says */
        "0a0100", /* too short for a signer */
        "0a020001"
        "0a", /* a good field, then half of one */
        "0a020001"
        "0b", /* groups: not in proto3 */
        "0affffffffffffffffff01"
        "00", /* a length beyond everything */
        "0affffffffffffffffffff01"
        "00",     /* a varint of eleven bytes */
        "080a",   /* the lease as a number */
        "190102", /* half a 64-bit field */
        "250102", /* half a 32-bit field */
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(route(METHOD_Sign, bad[i]) == -1, "%s", bad[i]);
}
END_TEST

SUITE("method", a_path_leads_to_its_method, any_other_path_leads_nowhere, a_lease_names_its_signer,
      a_challenge_names_its_signer, a_plain_request_goes_to_any_signer, of_two_leases_the_last_one_counts,
      fields_of_every_wire_type_are_skipped, what_is_cut_or_malformed_goes_to_any_signer);
