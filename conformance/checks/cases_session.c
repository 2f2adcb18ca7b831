/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_session.c - sessions, login, and the states between them.
 *
 * A wrong PIN costs a real token an attempt: exactly one case gives one, and the right one straight after it.
 * Nothing is ever tried as CKU_SO that could reach a check of the PIN.
 *
 * Source: PKCS#11 v3.1 5.6.1 (C_OpenSession), 5.6.2 (C_CloseSession), 5.6.3 (C_CloseAllSessions),
 *         5.6.4 (C_GetSessionInfo), 5.6.8 (C_Login), 5.6.10 (C_Logout); session states: Usage Guide v2.40 2.6.
 */
#include <pthread.h>
#include <string.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/key.h"

#define MANY    200
#define AT_ONCE 8

static CK_SESSION_HANDLE open_rw(struct check *check)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    if (check->token.flags & CKF_WRITE_PROTECTED)
        check_skip(check, "the token is write protected");
    REQUIRE(check, C_OpenSession(check->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
    return session;
}

static void expect_state(struct check *check, CK_SESSION_HANDLE session, CK_STATE wanted, const char *when)
{
    CK_STATE got = check_state(check, session);

    expect_true(check, got == wanted, "%s the session's state is %lu, wanted %lu", when, got, wanted);
}

static void opening_parallel(struct check *check)
{
    CK_SESSION_HANDLE session;

    EXPECT(check, C_OpenSession(check->slot, 0, NULL, NULL, &session), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    EXPECT(check, C_OpenSession(check->slot, CKF_RW_SESSION, NULL, NULL, &session),
           CKR_SESSION_PARALLEL_NOT_SUPPORTED);
}

static void opening_read_only(struct check *check)
{
    CK_SESSION_INFO info;

    REQUIRE(check, C_GetSessionInfo(check->session, &info));
    expect_true(check, info.slotID == check->slot, "slot %lu, wanted %lu", info.slotID, check->slot);
    expect_true(check, info.flags == CKF_SERIAL_SESSION, "flags 0x%lx", info.flags);
    expect_state(check, check->session, CKS_RO_PUBLIC_SESSION, "before login");
}

/* OpenSSH opens nothing else, so even a token that nobody may write to has to allow it or say why. */
static void opening_read_write(struct check *check)
{
    CK_SESSION_HANDLE session = open_rw(check);
    CK_SESSION_INFO info;

    REQUIRE(check, C_GetSessionInfo(session, &info));
    expect_true(check, info.flags == (CKF_SERIAL_SESSION | CKF_RW_SESSION), "flags 0x%lx", info.flags);
    expect_state(check, session, CKS_RW_PUBLIC_SESSION, "before login");
    expect_true(check, session != check->session, "two sessions have one handle");
}

static CK_RV notified(CK_SESSION_HANDLE session, CK_NOTIFICATION event, void *application)
{
    (void)session;
    (void)event;
    (void)application;
    return CKR_OK;
}

static void opening_with_callback(struct check *check)
{
    CK_SESSION_HANDLE session;

    EXPECT(check, C_OpenSession(check->slot, CKF_SERIAL_SESSION, check, notified, &session), CKR_OK);
}

static void opening_many(struct check *check)
{
    CK_SESSION_HANDLE sessions[MANY];
    CK_ULONG limit = check->token.ulMaxSessionCount;
    size_t count = limit && limit != CK_UNAVAILABLE_INFORMATION && limit < MANY ? limit - 1 : MANY;

    for (size_t i = 0; i < count; i++) {
        sessions[i] = check_open(check);
        for (size_t j = 0; j < i; j++)
            expect_true(check, sessions[j] != sessions[i], "sessions %zu and %zu have one handle", j, i);
    }
    for (size_t i = 0; i < count; i++)
        REQUIRE(check, C_CloseSession(sessions[i]));
}

static void closing_twice(struct check *check)
{
    REQUIRE(check, C_CloseSession(check->session));
    EXPECT(check, C_CloseSession(check->session), CKR_SESSION_HANDLE_INVALID);
}

static void closing_last_logs_out(struct check *check)
{
    REQUIRE(check, C_CloseSession(check->session));
    expect_state(check, check_open(check), CKS_RO_PUBLIC_SESSION, "after the last session was closed");
}

static void closing_one_of_two(struct check *check)
{
    CK_SESSION_HANDLE other = check_open(check);

    REQUIRE(check, C_CloseSession(check->session));
    expect_state(check, other, CKS_RO_USER_FUNCTIONS, "after another was closed");
}

static void closing_all(struct check *check)
{
    CK_SESSION_HANDLE other = check_open(check);
    CK_SESSION_INFO info;

    EXPECT(check, C_CloseAllSessions(check->slot), CKR_OK);
    EXPECT(check, C_GetSessionInfo(check->session, &info), CKR_SESSION_HANDLE_INVALID);
    EXPECT(check, C_GetSessionInfo(other, &info), CKR_SESSION_HANDLE_INVALID);
    expect_state(check, check_open(check), CKS_RO_PUBLIC_SESSION, "after C_CloseAllSessions");
    EXPECT(check, C_CloseAllSessions(check->slot), CKR_OK);
}

static void login_moves_all(struct check *check)
{
    CK_SESSION_HANDLE rw = open_rw(check), later;

    if (!check->settings->pin)
        check_skip(check, "no PIN was given");
    expect_rv(check, "C_Login", check_login(check, rw), (const CK_RV[]){ CKR_OK }, 1);
    later = check_open(check);
    expect_state(check, rw, CKS_RW_USER_FUNCTIONS, "after login");
    expect_state(check, check->session, CKS_RO_USER_FUNCTIONS, "after a login by another");
    expect_state(check, later, CKS_RO_USER_FUNCTIONS, "opened after login");
    EXPECT(check, C_Logout(check->session), CKR_OK);
    expect_state(check, rw, CKS_RW_PUBLIC_SESSION, "after logout by another");
    expect_state(check, later, CKS_RO_PUBLIC_SESSION, "after logout by another");
}

static void login_twice(struct check *check)
{
    expect_rv(check, "a second C_Login", check_login(check, check->session),
              (const CK_RV[]){ CKR_USER_ALREADY_LOGGED_IN }, 1);
    expect_state(check, check->session, CKS_RO_USER_FUNCTIONS, "after a second login");
}

static void login_again(struct check *check)
{
    for (int round = 0; round < 3; round++) {
        REQUIRE(check, C_Logout(check->session));
        expect_rv(check, "C_Login after C_Logout", check_login(check, check->session),
                  (const CK_RV[]){ CKR_OK }, 1);
    }
}

static void wrong_pin(struct check *check)
{
    CK_UTF8CHAR pin[256];
    size_t len;

    if (!check->settings->pin)
        check_skip(check, "no PIN was given");
    len = strlen(check->settings->pin);
    if (!len || len > sizeof(pin))
        check_skip(check, "no wrong PIN can be made of this one");
    memcpy(pin, check->settings->pin, len);
    pin[len - 1] = pin[len - 1] == '0' ? '1' : '0';
    EXPECT(check, C_Login(check->session, CKU_USER, pin, len), CKR_PIN_INCORRECT);
    expect_state(check, check->session, CKS_RO_PUBLIC_SESSION, "after a wrong PIN");
    expect_rv(check, "C_Login with the right PIN", check_login(check, check->session),
              (const CK_RV[]){ CKR_OK }, 1);
}

/* Longer than the token takes: wrong either way, and no reason to fail otherwise. */
static void pin_too_long(struct check *check)
{
    CK_UTF8CHAR pin[4096];
    CK_ULONG longest = check->token.ulMaxPinLen;

    if (longest >= sizeof(pin))
        check_skip(check, "the token takes PINs of %lu bytes", longest);
    memset(pin, '1', sizeof(pin));
    EXPECT(check, C_Login(check->session, CKU_USER, pin, longest + 1), CKR_PIN_INCORRECT, CKR_PIN_LEN_RANGE,
           CKR_PIN_INVALID);
    expect_state(check, check->session, CKS_RO_PUBLIC_SESSION, "after a PIN too long");
}

static void *login_in_thread(void *argument)
{
    struct check *check = argument;
    const char *pin = check->settings->pin;

    return (void *)check->p11->C_Login(check->session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin));
}

static void login_at_once(struct check *check)
{
    pthread_t threads[AT_ONCE];
    unsigned won = 0, late = 0;

    if (!check->settings->pin)
        check_skip(check, "no PIN was given");
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_create(&threads[i], NULL, login_in_thread, check);
    for (size_t i = 0; i < AT_ONCE; i++) {
        void *rv;

        pthread_join(threads[i], &rv);
        won += (CK_RV)rv == CKR_OK;
        late += (CK_RV)rv == CKR_USER_ALREADY_LOGGED_IN;
    }
    expect_true(check, won == 1 && late == AT_ONCE - 1,
                "of %d threads in C_Login %u got CKR_OK, %u CKR_USER_ALREADY_LOGGED_IN", AT_ONCE, won, late);
    expect_state(check, check->session, CKS_RO_USER_FUNCTIONS, "after these logins");
}

static void unknown_user(struct check *check)
{
    CK_UTF8CHAR pin[] = "739151";

    EXPECT(check, C_Login(check->session, 99, pin, sizeof(pin) - 1), CKR_USER_TYPE_INVALID);
}

/* With a read-only session open the security officer is refused before the PIN matters. v3.1 5.6.8 (C_Login). */
static void security_officer(struct check *check)
{
    CK_UTF8CHAR pin[] = "739151";

    EXPECT(check, C_Login(check->session, CKU_SO, pin, sizeof(pin) - 1), CKR_SESSION_READ_ONLY_EXISTS,
           CKR_USER_TYPE_INVALID);
    expect_state(check, check->session, CKS_RO_PUBLIC_SESSION, "after the security officer was refused");
}

static void security_officer_beside_user(struct check *check)
{
    CK_UTF8CHAR pin[] = "739151";

    EXPECT(check, C_Login(check->session, CKU_SO, pin, sizeof(pin) - 1), CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
           CKR_SESSION_READ_ONLY_EXISTS, CKR_USER_TYPE_INVALID);
    expect_state(check, check->session, CKS_RO_USER_FUNCTIONS, "after the security officer was refused");
}

static void consent_to_nothing(struct check *check)
{
    const char *pin = check->settings->pin;

    EXPECT(check, C_Login(check->session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)pin, strlen(pin)),
           CKR_OPERATION_NOT_INITIALIZED, CKR_USER_TYPE_INVALID);
}

static void logout_without_login(struct check *check)
{
    EXPECT(check, C_Logout(check->session), CKR_USER_NOT_LOGGED_IN);
}

static void logout_closes_keys(struct check *check)
{
    struct mechanism_use use;

    mechanism_use_init(&use, check->mechanism, mechanism_digest_len(check->mechanism));
    REQUIRE(check, C_Logout(check->session));
    EXPECT(check, C_SignInit(check->session, &use.ck, check->key.handle), CKR_USER_NOT_LOGGED_IN,
           CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID);
}

static void logout_ends_signature(struct check *check)
{
    CK_BYTE data[512] = { 0 }, signature[2048];
    CK_ULONG len = sizeof(signature);

    expect_rv(check, "C_SignInit", sign_init(check, check->session, check->mechanism, check->key.handle),
              (const CK_RV[]){ CKR_OK }, 1);
    REQUIRE(check, C_Logout(check->session));
    EXPECT(check, C_Sign(check->session, data, 32, signature, &len), CKR_OPERATION_NOT_INITIALIZED,
           CKR_USER_NOT_LOGGED_IN, CKR_KEY_HANDLE_INVALID);
}

const struct check_case cases_session[] = {
    { "a session that is not serial is refused", TOKEN, opening_parallel },
    { "a read-only session says that it is one", SESSION, opening_read_only },
    { "a read-write session says that it is one", SESSION, opening_read_write },
    { "a session with a callback is opened", TOKEN, opening_with_callback },
    { "many sessions are opened and closed, each with a handle of its own", TOKEN, opening_many },
    { "closing a session twice is refused", SESSION, closing_twice },
    { "closing the last session logs out", LOGIN, closing_last_logs_out },
    { "closing one session of two leaves the user logged in", LOGIN, closing_one_of_two },
    { "C_CloseAllSessions closes all and logs out", LOGIN, closing_all },
    { "login and logout move every session of the application", SESSION, login_moves_all },
    { "a second login is refused as one, and leaves the user logged in", LOGIN, login_twice },
    { "logging out and in again works", LOGIN, login_again },
    { "a wrong PIN is refused as one, then the right one is taken", SESSION, wrong_pin },
    { "a PIN that is too long is refused", SESSION, pin_too_long },
    { "of eight logins at once one succeeds", SESSION, login_at_once },
    { "a user type that does not exist is refused", SESSION, unknown_user },
    { "a security officer is refused while a read-only session is open", SESSION, security_officer },
    { "a security officer is refused while the user is logged in", LOGIN, security_officer_beside_user },
    { "consent to a signature that was not begun is refused", LOGIN, consent_to_nothing },
    { "logout without login is refused", SESSION, logout_without_login },
    { "after logout a private key cannot be used by its old handle", KEY, logout_closes_keys },
    { "logout ends a signature under way", KEY, logout_ends_signature },
    { 0 },
};
