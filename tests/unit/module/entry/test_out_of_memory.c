/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_out_of_memory.c - each allocation made to fail in turn: the call says so, and the next works.
 *
 * A guest must not bring its host down, not even a host that is short of memory.
 */
#include "module/core/object_set.h"
#include "tests/support/failing_allocator.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;

static void setup(void)
{
    fake_reset();
    host_configure(HOST_ONE_TOKEN);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    key = host_find(session, CKO_PRIVATE_KEY, "rsa");
}

static void teardown(void)
{
    (void)C_Finalize(NULL);
    host_leave();
    fake_clear();
}

/* Calls @function until none of its allocations failed; until then it must have said CKR_HOST_MEMORY. */
static void fail_each_allocation_of(CK_RV (*function)(void))
{
    bool has_failed;
    CK_RV rv;
    int n = 0;

    do {
        fail_allocation(n++);
        rv = function();
        has_failed = stop_failing();
        ck_assert_uint_eq(rv, has_failed ? CKR_HOST_MEMORY : CKR_OK);
    } while (has_failed);
    ck_assert_int_gt(n, 1);
}

static CK_RV open_one(void)
{
    CK_SESSION_HANDLE another;
    CK_RV rv = C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &another);

    return rv == CKR_OK ? C_CloseSession(another) : rv;
}

START_TEST(session_that_cannot_be_kept_is_not_opened)
{
    for (int i = 1; i < 16; i++)
        host_open(); /* the table is full to the point of growing */
    fail_each_allocation_of(open_one);
}
END_TEST

static CK_RV find_all(void)
{
    CK_RV rv = C_FindObjectsInit(session, NULL, 0);

    return rv == CKR_OK ? C_FindObjectsFinal(session) : rv;
}

START_TEST(search_that_cannot_be_kept_does_not_begin)
{
    fail_each_allocation_of(find_all);
}
END_TEST

static CK_RV sign_in_parts(void)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_RV rv = C_SignInit(session, &mechanism, key);

    if (rv == CKR_OK)
        rv = C_SignUpdate(session, (CK_BYTE *)"abc", 3);
    if (rv == CKR_OK)
        rv = C_SessionCancel(session, CKF_SIGN);
    return rv;
}

START_TEST(signature_whose_data_cannot_be_kept_ends)
{
    fail_each_allocation_of(sign_in_parts);
}
END_TEST

/* An object may be left out for want of memory; what there is must be whole. A sanitizer finds leaks. */
START_TEST(objects_are_made_whole_or_not_at_all)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    struct remote_token *token;
    struct remote_error error;
    bool has_failed;
    int n = 0;

    ck_assert_int_eq(remote_token_new(NULL, FAKE_TOKEN, &token), 0);
    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    do {
        CLEANUP(object_set_unref) struct object_set *set = NULL;
        const struct object *object;
        CK_RV rv;

        fail_allocation(n++);
        rv = object_set_new(NULL, snapshot, NULL, &set);
        has_failed = stop_failing();
        ck_assert(rv == CKR_OK || (has_failed && rv == CKR_HOST_MEMORY && !set));
        for (size_t i = 0; set && (object = object_set_at(set, i)); i++)
            ck_assert(object->kind == PROFILE || object->public_key_info.len > 0);
    } while (has_failed);
    remote_token_free(token);
}
END_TEST

SUITE_WITH_FIXTURE("entry/out_of_memory", setup, teardown, session_that_cannot_be_kept_is_not_opened,
                   search_that_cannot_be_kept_does_not_begin, signature_whose_data_cannot_be_kept_ends,
                   objects_are_made_whole_or_not_at_all);
