/* SPDX-License-Identifier: Apache-2.0 */
/* test_session.c - sessions that no outage ends, and a login that belongs to the application. */
#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static void setup(void)
{
    fake_reset();
    host_configure(HOST_ONE_TOKEN);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
}

static void teardown(void)
{
    (void)C_Finalize(NULL);
    host_leave();
    fake_clear();
}

static CK_STATE state_of(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    ck_assert_uint_eq(C_GetSessionInfo(session, &info), CKR_OK);
    return info.state;
}

START_TEST(login_is_every_session_s)
{
    CK_SESSION_HANDLE rw = host_open(), ro;

    ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro), CKR_OK);
    ck_assert_uint_eq(state_of(rw), CKS_RW_PUBLIC_SESSION);
    ck_assert_uint_eq(state_of(ro), CKS_RO_PUBLIC_SESSION);
    ck_assert_uint_eq(host_login(ro, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(state_of(rw), CKS_RW_USER_FUNCTIONS);
    ck_assert_uint_eq(state_of(ro), CKS_RO_USER_FUNCTIONS);
    ck_assert_uint_eq(host_login(rw, FAKE_PIN), CKR_USER_ALREADY_LOGGED_IN);
    ck_assert_uint_eq(C_Logout(rw), CKR_OK);
    ck_assert_uint_eq(C_Logout(ro), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(state_of(ro), CKS_RO_PUBLIC_SESSION);
}
END_TEST

START_TEST(last_session_logs_out_and_no_other)
{
    CK_SESSION_HANDLE first = host_open(), second = host_open();

    ck_assert_uint_eq(host_login(first, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_CloseSession(first), CKR_OK);
    ck_assert_uint_eq(fake.logouts, 0);
    ck_assert_uint_eq(C_CloseSession(second), CKR_OK);
    ck_assert_uint_eq(fake.logouts, 1);
    ck_assert_uint_eq(C_CloseSession(second), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

START_TEST(closing_all_logs_out)
{
    CK_SESSION_HANDLE session = host_open();

    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_CloseAllSessions(0), CKR_OK);
    ck_assert_uint_eq(fake.logouts, 1);
    ck_assert_uint_eq(C_Logout(session), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

START_TEST(session_opens_and_closes_during_an_outage)
{
    CK_SESSION_HANDLE session = host_open();

    fake.snapshot_rv = CKR_DEVICE_REMOVED;
    ck_assert_uint_eq(C_CloseSession(session), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
    ck_assert_uint_eq(fake.snapshots, 1);
}
END_TEST

START_TEST(session_on_a_token_never_seen_is_refused)
{
    CK_SESSION_HANDLE session;

    fake.snapshot_rv = CKR_DEVICE_REMOVED;
    ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_TOKEN_NOT_PRESENT);
}
END_TEST

START_TEST(parallel_sessions_are_of_the_past)
{
    CK_SESSION_HANDLE session;

    ck_assert_uint_eq(C_OpenSession(0, CKF_RW_SESSION, NULL, NULL, &session),
                      CKR_SESSION_PARALLEL_NOT_SUPPORTED);
}
END_TEST

START_TEST(login_answers_are_those_of_the_standard)
{
    CK_SESSION_HANDLE session = host_open();
    static const struct {
        CK_RV server, application;
    } rows[] = {
        { CKR_PIN_LOCKED, CKR_PIN_LOCKED },
        { CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_PIN_NOT_INITIALIZED },
        { CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake.login_rv = rows[i].server;
        ck_assert_uint_eq(host_login(session, FAKE_PIN), rows[i].application);
    }
    fake.login_rv = CKR_OK;
    ck_assert_uint_eq(host_login(session, "wrong one"), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(host_login(session, ""), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(C_Login(session, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(nobody_but_the_user_logs_in)
{
    CK_SESSION_HANDLE session = host_open();
    CK_UTF8CHAR *pin = (CK_UTF8CHAR *)FAKE_PIN;

    ck_assert_uint_eq(C_Login(session, CKU_SO, pin, 6), CKR_USER_TYPE_INVALID);
    ck_assert_uint_eq(C_Login(session, 77, pin, 6), CKR_USER_TYPE_INVALID);
    ck_assert_uint_eq(C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 6), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_uint_eq(fake.logins, 0);
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_Login(session, CKU_SO, pin, 6), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
}
END_TEST

START_TEST(pin_is_changed_in_a_read_write_session)
{
    CK_SESSION_HANDLE rw = host_open(), ro;
    CK_UTF8CHAR *old_pin = (CK_UTF8CHAR *)FAKE_PIN, *new_pin = (CK_UTF8CHAR *)"abcdef";

    ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro), CKR_OK);
    ck_assert_uint_eq(C_SetPIN(ro, old_pin, 6, new_pin, 6), CKR_SESSION_READ_ONLY);
    ck_assert_uint_eq(C_SetPIN(rw, old_pin, 6, new_pin, 6), CKR_OK);
    ck_assert_uint_eq(C_SetPIN(rw, new_pin, 6, new_pin, 6), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(C_SetPIN(rw, old_pin, 6, new_pin, 2), CKR_PIN_LEN_RANGE);
    ck_assert_uint_eq(C_SetPIN(rw, NULL, 0, new_pin, 6), CKR_ARGUMENTS_BAD);
}
END_TEST

SUITE_WITH_FIXTURE("entry/session", setup, teardown, login_is_every_session_s,
                   last_session_logs_out_and_no_other, closing_all_logs_out,
                   session_opens_and_closes_during_an_outage, session_on_a_token_never_seen_is_refused,
                   parallel_sessions_are_of_the_past, login_answers_are_those_of_the_standard,
                   nobody_but_the_user_logs_in, pin_is_changed_in_a_read_write_session);
