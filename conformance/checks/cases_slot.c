/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_slot.c - slots, tokens, mechanisms.
 *
 * Source: PKCS#11 v3.1 5.2 (Conventions for functions returning output in a variable-length buffer),
 *         5.5.1 (C_GetSlotList), 5.5.2 (C_GetSlotInfo), 5.5.3 (C_GetTokenInfo), 5.5.5 (C_GetMechanismList),
 *         5.5.6 (C_GetMechanismInfo).
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/mechanism.h"
#include "conformance/checks/text.h"

#define LIST_MAX 512

static CK_ULONG slots_load(struct check *check, CK_BBOOL is_present, CK_SLOT_ID *slots)
{
    CK_ULONG count = LIST_MAX;

    REQUIRE(check, C_GetSlotList(is_present, slots, &count));
    return count;
}

static void slot_list_lengths(struct check *check)
{
    CK_SLOT_ID slots[LIST_MAX];
    CK_ULONG count = 0, room;

    EXPECT(check, C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    if (!expect_true(check, count && count <= LIST_MAX, "there are %lu slots with a token", count))
        return;
    room = count - 1;
    EXPECT(check, C_GetSlotList(CK_TRUE, slots, &room), CKR_BUFFER_TOO_SMALL);
    expect_true(check, room == count, "the number needed is said to be %lu, not %lu", room, count);
    room = LIST_MAX;
    EXPECT(check, C_GetSlotList(CK_TRUE, slots, &room), CKR_OK);
    expect_true(check, room == count, "with much room there are %lu slots, not %lu", room, count);
}

static void slots_agree(struct check *check)
{
    CK_SLOT_ID all[LIST_MAX], present[LIST_MAX];
    CK_ULONG all_count = slots_load(check, CK_FALSE, all),
             present_count = slots_load(check, CK_TRUE, present);

    for (CK_ULONG i = 0; i < all_count; i++) {
        CK_SLOT_INFO info;
        bool is_listed = false;

        REQUIRE(check, C_GetSlotInfo(all[i], &info));
        expect_padded(check, "slotDescription", info.slotDescription, sizeof(info.slotDescription));
        expect_padded(check, "manufacturerID", info.manufacturerID, sizeof(info.manufacturerID));
        for (CK_ULONG j = 0; j < present_count; j++)
            is_listed = is_listed || present[j] == all[i];
        expect_true(check, is_listed == !!(info.flags & CKF_TOKEN_PRESENT),
                    "slot %lu: CKF_TOKEN_PRESENT and the list of slots with a token disagree", all[i]);
        for (CK_ULONG j = 0; j < i; j++)
            expect_true(check, all[j] != all[i], "slot %lu is listed twice", all[i]);
    }
    expect_true(check, present_count <= all_count, "%lu slots, but %lu with a token", all_count,
                present_count);
}

static void slots_stay(struct check *check)
{
    CK_SLOT_ID first[LIST_MAX], second[LIST_MAX];
    CK_ULONG count = slots_load(check, CK_FALSE, first);

    expect_true(
        check, slots_load(check, CK_FALSE, second) == count && !memcmp(first, second, count * sizeof(*first)),
        "two lists of slots differ");
}

/* Which token is in which slot: what applications that name slots by number rely on. */
struct places {
    CK_ULONG count;
    CK_SLOT_ID slots[LIST_MAX];
    CK_BYTE serials[LIST_MAX][16]; /* all zero: no token */
};

static void places_load(struct check *check, struct places *places)
{
    memset(places, 0, sizeof(*places));
    places->count = slots_load(check, CK_FALSE, places->slots);
    for (CK_ULONG i = 0; i < places->count; i++) {
        CK_TOKEN_INFO info;

        if (check->p11->C_GetTokenInfo(places->slots[i], &info) == CKR_OK)
            memcpy(places->serials[i], info.serialNumber, sizeof(info.serialNumber));
    }
}

/* Read by a process of its own, which has ended when this returns. */
static void places_load_apart(struct check *check, struct places *places)
{
    pid_t child = fork();

    if (child == 0) {
        check_reach(check, INITIALIZED);
        places_load(check, places);
        check_end(check);
    }
    expect_true(check, child > 0 && waitpid(child, NULL, 0) == child, "no process of its own");
}

static void places_stay(struct check *check)
{
    CK_C_INITIALIZE_ARGS os_locking = { .flags = CKF_OS_LOCKING_OK };
    struct places *apart =
        mmap(NULL, 3 * sizeof(*apart), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct places *first = apart + 1, *again = apart + 2;

    if (!expect_true(check, apart != MAP_FAILED, "no shared memory"))
        return;
    places_load_apart(check, apart);
    check_reach(check, INITIALIZED);
    places_load(check, first);
    expect_true(check, first->count && !memcmp(first, apart, sizeof(*first)),
                "in another process the tokens were in other slots");
    REQUIRE(check, C_Finalize(NULL));
    REQUIRE(check, C_Initialize(&os_locking));
    places_load(check, again);
    expect_true(check, !memcmp(first, again, sizeof(*first)),
                "after C_Finalize and C_Initialize the tokens are in other slots");
    munmap(apart, 3 * sizeof(*apart));
}

static void token_is_sane(struct check *check)
{
    const CK_TOKEN_INFO *token = &check->token;
    size_t pin_len = check->settings->pin ? strlen(check->settings->pin) : 0;

    expect_padded(check, "label", token->label, sizeof(token->label));
    expect_padded(check, "manufacturerID", token->manufacturerID, sizeof(token->manufacturerID));
    expect_padded(check, "model", token->model, sizeof(token->model));
    expect_padded(check, "serialNumber", token->serialNumber, sizeof(token->serialNumber));
    expect_true(check, !(token->flags & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_TO_BE_CHANGED)),
                "the PIN is locked or must be changed: flags 0x%lx", token->flags);
    expect_true(check, !(token->flags & CKF_LOGIN_REQUIRED) || (token->flags & CKF_USER_PIN_INITIALIZED),
                "a login is required but there is no PIN: flags 0x%lx", token->flags);
    if (pin_len)
        expect_true(check, pin_len >= token->ulMinPinLen && pin_len <= token->ulMaxPinLen,
                    "the PIN has %zu bytes, the token wants %lu to %lu", pin_len, token->ulMinPinLen,
                    token->ulMaxPinLen);
}

static CK_ULONG mechanisms_load(struct check *check, CK_MECHANISM_TYPE *types)
{
    CK_ULONG count = LIST_MAX;

    REQUIRE(check, C_GetMechanismList(check->slot, types, &count));
    return count;
}

static void mechanism_list_lengths(struct check *check)
{
    CK_MECHANISM_TYPE types[LIST_MAX];
    CK_ULONG count = 0, room;

    EXPECT(check, C_GetMechanismList(check->slot, NULL, &count), CKR_OK);
    if (!expect_true(check, count && count <= LIST_MAX, "there are %lu mechanisms", count))
        return;
    room = count - 1;
    EXPECT(check, C_GetMechanismList(check->slot, types, &room), CKR_BUFFER_TOO_SMALL);
    expect_true(check, room == count, "the number needed is said to be %lu, not %lu", room, count);
    EXPECT(check, C_GetMechanismList(check->slot, types, &room), CKR_OK);
}

static void mechanisms_are_sane(struct check *check)
{
    CK_MECHANISM_TYPE types[LIST_MAX];
    CK_ULONG count = mechanisms_load(check, types);

    for (CK_ULONG i = 0; i < count; i++) {
        CK_MECHANISM_INFO info;

        REQUIRE(check, C_GetMechanismInfo(check->slot, types[i], &info));
        expect_true(check, info.flags & ~CKF_HW, "mechanism 0x%lx does nothing: flags 0x%lx", types[i],
                    info.flags);
        expect_true(check, info.ulMinKeySize <= info.ulMaxKeySize, "mechanism 0x%lx takes keys of %lu to %lu",
                    types[i], info.ulMinKeySize, info.ulMaxKeySize);
        for (CK_ULONG j = 0; j < i; j++)
            expect_true(check, types[j] != types[i], "mechanism 0x%lx is listed twice", types[i]);
    }
}

static void unlisted_mechanisms(struct check *check)
{
    static const CK_MECHANISM_TYPE unknown[] = { 0x7ffffff1UL, CKM_VENDOR_DEFINED | 0x1234567, ~0UL };
    CK_MECHANISM_TYPE types[LIST_MAX];
    CK_ULONG count = mechanisms_load(check, types);
    CK_MECHANISM_INFO info;

    for (size_t i = 0; i < COUNT(unknown); i++)
        EXPECT(check, C_GetMechanismInfo(check->slot, unknown[i], &info), CKR_MECHANISM_INVALID);
    for (size_t i = 0; i < mechanism_count; i++) {
        bool is_listed = false;

        for (CK_ULONG j = 0; j < count; j++)
            is_listed = is_listed || types[j] == mechanisms[i].type;
        if (!is_listed &&
            !EXPECT(check, C_GetMechanismInfo(check->slot, mechanisms[i].type, &info), CKR_MECHANISM_INVALID))
            check_note(check, "of %s, which is not listed", mechanisms[i].name);
    }
}

const struct check_case cases_slot[] = {
    { "C_GetSlotList gives its length and keeps to it", INITIALIZED, slot_list_lengths },
    { "every slot has padded texts and tells whether a token is present", INITIALIZED, slots_agree },
    { "the list of slots stays the same", INITIALIZED, slots_stay },
    { "each token keeps its slot in another process and after C_Finalize", NOTHING, places_stay },
    { "the token has padded texts and sensible flags", TOKEN, token_is_sane },
    { "C_GetMechanismList gives its length and keeps to it", TOKEN, mechanism_list_lengths },
    { "every listed mechanism tells what it does", TOKEN, mechanisms_are_sane },
    { "C_GetMechanismInfo of a mechanism that is not listed is refused", TOKEN, unlisted_mechanisms },
    { 0 },
};
