/* SPDX-License-Identifier: Apache-2.0 */
/* test_slot_token.c - slots that keep their place, tokens that come and go. */
#include "include/table.h"
#include "proto/pkcs11_more.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

#define HOST_ALL_TOKENS "[client]\ntokens = all\n" HOST_ONE_TOKEN

static void setup(void)
{
    fake_reset();
    host_configure(HOST_ONE_TOKEN "[token bob]\n");
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
}

static void teardown(void)
{
    (void)C_Finalize(NULL);
    host_leave();
    fake_clear();
}

static void begin_with(const char *configuration)
{
    (void)C_Finalize(NULL);
    host_leave();
    host_configure(configuration);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
}

static CK_ULONG count_slots(CK_BBOOL is_present)
{
    CK_ULONG count = 99;

    ck_assert_uint_eq(C_GetSlotList(is_present, NULL, &count), CKR_OK);
    return count;
}

START_TEST(all_slots_are_listed_without_a_server)
{
    CK_SLOT_ID slots[2];
    CK_ULONG count = 2;

    fake.snapshot_rv = CKR_DEVICE_REMOVED;
    ck_assert_uint_eq(C_GetSlotList(CK_FALSE, slots, &count), CKR_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(slots[0], 0);
    ck_assert_uint_eq(slots[1], 1);
    ck_assert_uint_eq(fake.snapshots, 0);
}
END_TEST

START_TEST(unreachable_token_is_not_present)
{
    CK_TOKEN_INFO token;
    CK_SLOT_INFO slot;

    fake.snapshot_rv = CKR_DEVICE_REMOVED;
    ck_assert_uint_eq(count_slots(CK_TRUE), 0);
    ck_assert_uint_eq(C_GetSlotInfo(0, &slot), CKR_OK);
    ck_assert_uint_eq(slot.flags, 0);
    ck_assert_uint_eq(C_GetTokenInfo(0, &token), CKR_TOKEN_NOT_PRESENT);
}
END_TEST

START_TEST(dead_server_is_asked_once_for_all_its_tokens)
{
    fake.snapshot_rv = CKR_DEVICE_REMOVED;
    count_slots(CK_TRUE);
    count_slots(CK_TRUE);
    ck_assert_uint_eq(fake.snapshots, 1);
}
END_TEST

START_TEST(present_token_says_who_it_is)
{
    CK_TOKEN_INFO token;
    CK_SLOT_INFO slot;

    ck_assert_uint_eq(count_slots(CK_TRUE), 2);
    ck_assert_uint_eq(C_GetSlotInfo(0, &slot), CKR_OK);
    ck_assert_uint_eq(slot.flags, CKF_TOKEN_PRESENT);
    ck_assert_uint_eq(C_GetTokenInfo(0, &token), CKR_OK);
    ck_assert_mem_eq(token.label, "alice                           ", 32);
    ck_assert_mem_eq(token.manufacturerID, "Privyseal                       ", 32);
    ck_assert_mem_eq(token.model, "Privyseal v1    ", 16);
    ck_assert_mem_eq(token.serialNumber, "0123456789abcdef", 16);
    ck_assert_uint_eq(token.flags, CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED);
}
END_TEST

START_TEST(state_of_the_pin_is_told_by_flags)
{
    static const struct {
        Privyseal__V1__PinState state;
        CK_FLAGS flags;
    } rows[] = {
        { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW, CKF_USER_PIN_COUNT_LOW },
        { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_FINAL_TRY, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY },
        { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED, CKF_USER_PIN_LOCKED },
        { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED },
    };
    const CK_FLAGS all = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CK_TOKEN_INFO token;

        fake.pin_state = rows[i].state;
        begin_with(HOST_ONE_TOKEN);
        ck_assert_uint_eq(C_GetTokenInfo(0, &token), CKR_OK);
        ck_assert_uint_eq(token.flags & all, rows[i].flags);
    }
}
END_TEST

START_TEST(wrong_pin_shows_in_the_flags_at_once)
{
    CK_SESSION_HANDLE session = host_open();
    CK_TOKEN_INFO token;

    ck_assert_uint_eq(host_login(session, "654321"), CKR_PIN_INCORRECT);
    fake.pin_state = PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW;
    ck_assert_uint_eq(C_GetTokenInfo(0, &token), CKR_OK);
    ck_assert(token.flags & CKF_USER_PIN_COUNT_LOW);
}
END_TEST

START_TEST(mechanisms_are_listed_hashing_ones_first)
{
    CK_MECHANISM_TYPE list[64];
    CK_MECHANISM_INFO info;
    CK_ULONG count = ARRAY_SIZE(list);

    ck_assert_uint_eq(C_GetMechanismList(0, list, &count), CKR_OK);
    ck_assert_uint_eq(list[0], CKM_SHA256_RSA_PKCS);
    for (CK_ULONG i = 0; i < count; i++)
        ck_assert_uint_eq(C_GetMechanismInfo(0, list[i], &info), CKR_OK);
    ck_assert_uint_eq(C_GetMechanismInfo(0, CKM_ECDSA, &info), CKR_OK);
    ck_assert_uint_eq(info.flags, CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY |
                                      CKF_MULTI_MESSAGE | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS);
    ck_assert_uint_eq(C_GetMechanismInfo(0, CKM_SHA256, &info), CKR_OK);
    ck_assert_uint_eq(info.flags, CKF_DIGEST);
    ck_assert_uint_eq(C_GetMechanismInfo(0, CKM_MD5_RSA_PKCS, &info), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(fake.snapshots, 1);
}
END_TEST

/* -------------------------------------------------------------------------------- places, and tokens = all */

static void check_slot(CK_SLOT_ID slot, const char *name)
{
    char expected[64];
    CK_SLOT_INFO info;

    snprintf(expected, sizeof(expected), "Privyseal: %s ", name);
    ck_assert_uint_eq(C_GetSlotInfo(slot, &info), CKR_OK);
    ck_assert_mem_eq(info.slotDescription, expected, strlen(expected));
}

START_TEST(token_that_the_configuration_gains_takes_the_slot_behind)
{
    check_slot(0, "alice");
    check_slot(1, "bob");
    begin_with(HOST_ONE_TOKEN "[token bob]\n[token aaron]\n");
    ck_assert_uint_eq(count_slots(CK_FALSE), 3);
    check_slot(0, "alice");
    check_slot(1, "bob");
    check_slot(2, "aaron");
}
END_TEST

START_TEST(granted_tokens_follow_the_configured_ones)
{
    fake.granted[0] = "zoe";
    fake.granted[1] = "alice"; /* has a section already */
    begin_with(HOST_ALL_TOKENS);
    ck_assert_uint_eq(fake.lists, 0);
    ck_assert_uint_eq(count_slots(CK_FALSE), 2);
    check_slot(0, "alice");
    check_slot(1, "zoe");
}
END_TEST

START_TEST(granted_tokens_keep_their_place_over_runs_and_outages)
{
    fake.granted[0] = "zoe";
    begin_with(HOST_ALL_TOKENS);
    count_slots(CK_FALSE);
    fake.granted[0] = "bob";
    fake.granted[1] = "zoe";
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(count_slots(CK_FALSE), 3);
    check_slot(1, "zoe");
    check_slot(2, "bob");

    fake.snapshot_rv = CKR_DEVICE_REMOVED;
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(count_slots(CK_FALSE), 3);
    check_slot(2, "bob");
}
END_TEST

/* As `pkcs11-tool -L` looks at each: one question for all names, and one for each token. */
START_TEST(thousand_tokens_are_listed_with_a_question_each)
{
    CK_SLOT_ID slots[1001];
    CK_ULONG count = ARRAY_SIZE(slots);

    fake.granted_more = 1000;
    begin_with(HOST_ALL_TOKENS);
    ck_assert_uint_eq(count_slots(CK_TRUE), 1001);
    fake.snapshots = 0; /* of the token that has a section, which no list names */
    ck_assert_uint_eq(C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    ck_assert_uint_eq(fake.lists, 1);
    ck_assert_uint_eq(fake.snapshots, 0);
    for (unsigned round = 0; round < 2; round++)
        for (CK_ULONG i = 0; i < count; i++) {
            CK_SLOT_INFO slot;
            CK_TOKEN_INFO token;

            ck_assert_uint_eq(C_GetSlotInfo(slots[i], &slot), CKR_OK);
            ck_assert_uint_eq(C_GetTokenInfo(slots[i], &token), CKR_OK);
        }
    ck_assert_uint_eq(fake.lists, 1);
    ck_assert_uint_eq(fake.snapshots, 1000);
}
END_TEST

START_TEST(granted_tokens_are_opt_in)
{
    fake.granted[0] = "zoe";
    ck_assert_uint_eq(count_slots(CK_FALSE), 2);
    ck_assert_uint_eq(fake.lists, 0);
}
END_TEST

START_TEST(nothing_ever_happens_at_a_slot)
{
    CK_SLOT_ID slot;

    ck_assert_uint_eq(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    ck_assert_uint_eq(C_WaitForSlotEvent(0, &slot, NULL), CKR_FUNCTION_NOT_SUPPORTED);
}
END_TEST

SUITE_WITH_FIXTURE("entry/slot_token", setup, teardown, all_slots_are_listed_without_a_server,
                   unreachable_token_is_not_present, dead_server_is_asked_once_for_all_its_tokens,
                   present_token_says_who_it_is, state_of_the_pin_is_told_by_flags,
                   wrong_pin_shows_in_the_flags_at_once, mechanisms_are_listed_hashing_ones_first,
                   token_that_the_configuration_gains_takes_the_slot_behind,
                   granted_tokens_follow_the_configured_ones,
                   granted_tokens_keep_their_place_over_runs_and_outages, granted_tokens_are_opt_in,
                   thousand_tokens_are_listed_with_a_question_each, nothing_ever_happens_at_a_slot);
