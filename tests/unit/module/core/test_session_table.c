/* SPDX-License-Identifier: Apache-2.0 */
/* test_session_table.c - handles that name one session and no other. */
#include "module/core/session_table.h"

#include "tests/support/suite.h"

static struct session_table table;
static struct slot slot, other_slot;
static CK_SESSION_HANDLE handle;

static void setup(void)
{
    session_table_init(&table);
    ck_assert_uint_eq(session_table_open(&table, &slot, true, &handle), CKR_OK);
}

static void teardown(void)
{
    session_table_clear(&table);
}

static void close_session(CK_SESSION_HANDLE which)
{
    bool is_last;

    ck_assert_uint_eq(session_table_close(&table, which, &is_last), CKR_OK);
}

START_TEST(open_handle_finds_its_session)
{
    struct session *session = NULL;

    ck_assert_uint_ne(handle, CK_INVALID_HANDLE);
    ck_assert_uint_eq(session_table_get(&table, handle, &session), CKR_OK);
    ck_assert_ptr_eq(session->slot, &slot);
    ck_assert(session->is_rw);
    session_unref(session);
}
END_TEST

START_TEST(closed_handle_is_refused)
{
    struct session *session = NULL;
    bool is_last;

    close_session(handle);
    ck_assert_uint_eq(session_table_get(&table, handle, &session), CKR_SESSION_HANDLE_INVALID);
    ck_assert_ptr_null(session);
    ck_assert_uint_eq(session_table_close(&table, handle, &is_last), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

START_TEST(stale_handle_does_not_name_a_newer_session)
{
    CK_SESSION_HANDLE newer;
    struct session *session;

    close_session(handle);
    ck_assert_uint_eq(session_table_open(&table, &slot, false, &newer), CKR_OK);
    ck_assert_uint_ne(newer, handle);
    ck_assert_uint_eq(session_table_get(&table, handle, &session), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

START_TEST(invented_handles_are_refused)
{
    const CK_SESSION_HANDLE invented[] = { 0, handle + 1, handle + (1UL << 17), handle ^ (1UL << 40), ~0UL };
    struct session *session;

    for (size_t i = 0; i < sizeof(invented) / sizeof(invented[0]); i++)
        ck_assert_uint_eq(session_table_get(&table, invented[i], &session), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

START_TEST(session_in_use_outlives_its_handle)
{
    struct session *session;

    ck_assert_uint_eq(session_table_get(&table, handle, &session), CKR_OK);
    close_session(handle);
    ck_assert_ptr_eq(session->slot, &slot);
    session_unref(session);
}
END_TEST

START_TEST(last_session_of_a_slot_is_told)
{
    CK_SESSION_HANDLE second, elsewhere;
    bool is_last;

    ck_assert_uint_eq(session_table_open(&table, &slot, false, &second), CKR_OK);
    ck_assert_uint_eq(session_table_open(&table, &other_slot, false, &elsewhere), CKR_OK);
    ck_assert_uint_eq(session_table_close(&table, handle, &is_last), CKR_OK);
    ck_assert(!is_last);
    ck_assert_uint_eq(session_table_close(&table, second, &is_last), CKR_OK);
    ck_assert(is_last);
}
END_TEST

START_TEST(closing_a_slot_leaves_others_open)
{
    CK_SESSION_HANDLE elsewhere;
    struct session *session;
    CK_ULONG all, rw;

    ck_assert_uint_eq(session_table_open(&table, &other_slot, true, &elsewhere), CKR_OK);
    session_table_close_slot(&table, &slot);
    ck_assert_uint_eq(session_table_get(&table, handle, &session), CKR_SESSION_HANDLE_INVALID);
    ck_assert_uint_eq(session_table_get(&table, elsewhere, &session), CKR_OK);
    session_unref(session);
    session_table_count(&table, &slot, &all, &rw);
    ck_assert_uint_eq(all, 0);
    session_table_count(&table, &other_slot, &all, &rw);
    ck_assert_uint_eq(all, 1);
    ck_assert_uint_eq(rw, 1);
}
END_TEST

START_TEST(table_is_full_at_its_limit_and_not_before)
{
    CK_SESSION_HANDLE more;

    for (size_t i = 1; i < SESSIONS_MAX; i++)
        ck_assert_uint_eq(session_table_open(&table, &slot, false, &more), CKR_OK);
    ck_assert_uint_eq(session_table_open(&table, &slot, false, &more), CKR_SESSION_COUNT);
    close_session(handle);
    ck_assert_uint_eq(session_table_open(&table, &slot, false, &more), CKR_OK);
}
END_TEST

SUITE_WITH_FIXTURE("session_table", setup, teardown, open_handle_finds_its_session, closed_handle_is_refused,
                   stale_handle_does_not_name_a_newer_session, invented_handles_are_refused,
                   session_in_use_outlives_its_handle, last_session_of_a_slot_is_told,
                   closing_a_slot_leaves_others_open, table_is_full_at_its_limit_and_not_before);
