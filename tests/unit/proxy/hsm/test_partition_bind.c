/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_partition_bind.c - a token that softhsm2-util made, of whose files our code knows nothing, becomes a user's
 * partition; and what its maker can do with it afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "include/table.h"
#include "proxy/hsm/hsm_state.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

#define TRANSPORT BYTES("transport-4711", 14)
#define SO_PIN    BYTES("so-of-the-hsm", 13)
#define OTHER     BYTES("something else", 14)

static const struct custody_ops *const partition = &custody_partition;
static const uint8_t right[STRETCHED_PIN_LEN] = { 1, 2, 3 }, next[STRETCHED_PIN_LEN] = { 1, 2, 4 };

static struct custody *custody;
static struct token_row alice;
static struct access_row row;
static struct binding binding;
static const char *why;

static void setup(void)
{
    const struct custody_config config = { .realm = "test", .key_life_days = 365 };
    struct custody_config with_hsm = config;
    struct library_token token;
    char *reason = NULL;

    softhsm_make();
    ck_assert_uint_eq(hsm_provision(&fixture.config, &reason), CKR_OK);
    setenv("SOFTHSM2_CONF", strchr(fixture.environment, '=') + 1, 1);
    ck_assert_int_eq(system("softhsm2-util --init-token --free --label theirs --so-pin so-of-the-hsm "
                            "--pin transport-4711 >&2"),
                     0);
    softhsm_open();
    with_hsm.hsm = fixture.hsm;
    ck_assert_uint_eq(partition->new (&with_hsm, &custody), CKR_OK);
    alice = (struct token_row){ .name = "alice", .custody = TOKEN_PARTITION };
    row = (struct access_row){ .version = 1 };
    ck_assert_uint_eq(library_find_label(fixture.hsm->library, "theirs", &token), CKR_OK);
    library_text(token.info.serialNumber, sizeof(token.info.serialNumber), alice.partition);
    binding = (struct binding){ .s = BYTES_OF_ARRAY(right), .pin = TRANSPORT, .so_pin = SO_PIN };
    why = NULL;
}

static void teardown(void)
{
    binding_clear(&binding);
    access_row_clear(&row);
    partition->free(custody);
    softhsm_teardown();
}

static CK_RV bind(void)
{
    return partition->bind(custody, &alice, &binding, &row, &why);
}

static CK_RV opens(struct bytes s, struct custody_token **ret)
{
    return partition->authorise(custody, &alice, &row, s, ret);
}

/* What the HSM's administrator does with a tool of his own. */
static CK_RV log_in_as(CK_USER_TYPE user, struct bytes pin, CK_SESSION_HANDLE *ret)
{
    CK_FUNCTION_LIST *p11 = fixture.hsm->library->p11;
    struct library_token token;
    CK_RV rv;

    ck_assert_uint_eq(library_find_serial(fixture.hsm->library, alice.partition, &token), CKR_OK);
    ck_assert_uint_eq(p11->C_OpenSession(token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, ret),
                      CKR_OK);
    rv = p11->C_Login(*ret, user, (CK_UTF8CHAR *)pin.data, pin.len);
    if (rv != CKR_OK)
        p11->C_CloseSession(*ret);
    return rv;
}

static void log_out(CK_SESSION_HANDLE session)
{
    fixture.hsm->library->p11->C_Logout(session);
    fixture.hsm->library->p11->C_CloseSession(session);
}

START_TEST(bound_partition_opens_to_s_and_signs)
{
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    struct custody_token *token = NULL;

    ck_assert_uint_eq(partition->check_bound(custody, alice.partition, &why), CKR_OK);
    ck_assert_uint_eq(bind(), CKR_OK);
    ck_assert_uint_eq(opens(BYTES_OF_ARRAY(right), &token), CKR_OK);
    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &key), CKR_OK);
    ck_assert_uint_eq(partition->sign(token, &key, CKM_ECDSA, NULL, softhsm_digest(7), &signature), CKR_OK);
    ck_assert(softhsm_verifies(&key, CKM_ECDSA, NULL, softhsm_digest(7), buffer_bytes(&signature)));
    partition->close(token);
}
END_TEST

START_TEST(neither_pin_that_came_along_is_good_afterwards)
{
    CK_SESSION_HANDLE session;

    ck_assert_uint_eq(bind(), CKR_OK);
    ck_assert_uint_eq(log_in_as(CKU_USER, TRANSPORT, &session), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(log_in_as(CKU_SO, SO_PIN, &session), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(alice.recovery_bits, 0);
}
END_TEST

START_TEST(officer_who_keeps_the_so_pin_is_written_down)
{
    CK_SESSION_HANDLE session;

    binding.so_pin = BYTES_NONE;
    ck_assert_uint_eq(bind(), CKR_OK);
    ck_assert_uint_eq(alice.recovery_bits, RECOVERY_HSM);
    ck_assert_uint_eq(log_in_as(CKU_SO, SO_PIN, &session), CKR_OK);
    log_out(session);
}
END_TEST

START_TEST(wrong_transport_pin_changes_nothing)
{
    CK_SESSION_HANDLE session;

    binding.pin = OTHER;
    ck_assert_uint_eq(bind(), CKR_PIN_INCORRECT);
    ck_assert_ptr_nonnull(why);
    ck_assert_uint_eq(log_in_as(CKU_USER, TRANSPORT, &session), CKR_OK);
    log_out(session);
}
END_TEST

START_TEST(wrong_so_pin_gives_the_user_pin_back)
{
    CK_SESSION_HANDLE session;

    binding.so_pin = OTHER;
    ck_assert_uint_eq(bind(), CKR_PIN_INCORRECT);
    ck_assert_ptr_nonnull(why);
    ck_assert_uint_eq(log_in_as(CKU_USER, TRANSPORT, &session), CKR_OK);
    log_out(session);
}
END_TEST

START_TEST(rows_that_were_not_stored_give_both_pins_back)
{
    CK_SESSION_HANDLE session;

    ck_assert_uint_eq(bind(), CKR_OK);
    partition->unbind(custody, &alice, &binding);
    ck_assert_uint_eq(log_in_as(CKU_USER, TRANSPORT, &session), CKR_OK);
    log_out(session);
    ck_assert_uint_eq(log_in_as(CKU_SO, SO_PIN, &session), CKR_OK);
    log_out(session);
}
END_TEST

/* The process died before the rows were stored: nothing gave anything back. */
START_TEST(binding_that_was_cut_off_goes_on_when_asked_again)
{
    struct custody_token *token = NULL;

    binding.so_pin = BYTES_NONE;
    ck_assert_uint_eq(bind(), CKR_OK);
    binding.has_user = false;
    alice.recovery_bits = 0;
    ck_assert_uint_eq(bind(), CKR_OK);
    ck_assert_uint_eq(opens(BYTES_OF_ARRAY(right), &token), CKR_OK);
    partition->close(token);
}
END_TEST

START_TEST(partition_with_a_key_in_it_is_refused)
{
    CK_FUNCTION_LIST *p11 = fixture.hsm->library->p11;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
                                { CKA_KEY_TYPE, &type, sizeof(type) },
                                { CKA_TOKEN, &yes, sizeof(yes) },
                                { CKA_VALUE, "planted", 7 } };
    CK_OBJECT_HANDLE planted;
    CK_SESSION_HANDLE session;

    ck_assert_uint_eq(log_in_as(CKU_USER, TRANSPORT, &session), CKR_OK);
    ck_assert_uint_eq(p11->C_CreateObject(session, template, ARRAY_SIZE(template), &planted), CKR_OK);
    log_out(session);
    ck_assert_uint_eq(bind(), CKR_TOKEN_NOT_RECOGNIZED);
    ck_assert_ptr_nonnull(strstr(why, "has keys in it"));
    ck_assert_uint_eq(log_in_as(CKU_USER, TRANSPORT, &session), CKR_OK); /* as it was */
    log_out(session);
}
END_TEST

START_TEST(master_keys_token_and_unknown_ones_are_refused)
{
    char master[SERIAL_LEN + 1];

    library_text(fixture.hsm->token.info.serialNumber, SERIAL_LEN, master);
    ck_assert_uint_eq(partition->check_bound(custody, master, &why), CKR_TOKEN_NOT_PRESENT);
    ck_assert_uint_eq(partition->check_bound(custody, "0000000000000000", &why), CKR_TOKEN_NOT_PRESENT);
    ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(nothing_is_made_where_partitions_are_bound)
{
    struct token_row bob = { .name = "bob", .custody = TOKEN_PARTITION };

    ck_assert_uint_eq(partition->create(custody, &bob, BYTES_OF_ARRAY(right), &row), CKR_TOKEN_NOT_PRESENT);
    ck_assert_str_eq(bob.partition, "");
}
END_TEST

/* There is no copy to put back: the same change, again, finds the partition at its second S. */
START_TEST(change_of_pin_that_was_cut_off_is_resumed)
{
    CLEANUP(access_row_clear) struct access_row new_row = { .version = 2 };
    struct custody_token *token = NULL;

    ck_assert_uint_eq(bind(), CKR_OK);
    ck_assert_uint_eq(opens(BYTES_OF_ARRAY(right), &token), CKR_OK);
    ck_assert_uint_eq(partition->change_secret(token, BYTES_OF_ARRAY(right), BYTES_OF_ARRAY(next), &new_row),
                      CKR_OK);
    partition->close(token); /* and its row was never stored */
    token = NULL;
    ck_assert_uint_eq(opens(BYTES_OF_ARRAY(right), &token), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(partition->resume(custody, &alice, BYTES_OF_ARRAY(right), BYTES_OF_ARRAY(next)),
                      CKR_OK);
    ck_assert_uint_eq(opens(BYTES_OF_ARRAY(right), &token), CKR_OK);
    partition->close(token);
}
END_TEST

SUITE_WITH_FIXTURE("partition bind", setup, teardown, bound_partition_opens_to_s_and_signs,
                   neither_pin_that_came_along_is_good_afterwards,
                   officer_who_keeps_the_so_pin_is_written_down, wrong_transport_pin_changes_nothing,
                   wrong_so_pin_gives_the_user_pin_back, rows_that_were_not_stored_give_both_pins_back,
                   binding_that_was_cut_off_goes_on_when_asked_again, partition_with_a_key_in_it_is_refused,
                   master_keys_token_and_unknown_ones_are_refused, nothing_is_made_where_partitions_are_bound,
                   change_of_pin_that_was_cut_off_is_resumed);
