/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_every_call.c - each function of the list without C_Initialize, with no such slot, with no such session.
 *
 * Source: PKCS#11 v3.1 5.1.1 (Universal Cryptoki function return values), 5.1.2 (... that use a session handle),
 *         5.4.1 (C_Initialize), 5.20 (Parallel function management functions).
 */
#include <string.h>

#include "conformance/checks/cases.h"

#define NO_SUCH_SLOT    0x7ffffff1UL
#define NO_SUCH_SESSION 0x7ffffff1UL

/* Valid room for every argument of every call. */
struct scratch {
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_INFO info;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token_info;
    CK_MECHANISM_INFO mechanism_info;
    CK_SESSION_INFO session_info;
    CK_MECHANISM mechanism;
    CK_ATTRIBUTE attribute;
    CK_OBJECT_HANDLE handle;
    CK_OBJECT_CLASS class;
    CK_BYTE bytes[64];
    CK_ULONG len;
};

enum subject { FOR_MODULE, FOR_SLOT, FOR_SESSION };
enum status { MANDATORY, OPTIONAL, LEGACY /* CKR_FUNCTION_NOT_PARALLEL at any time */ };

struct call {
    const char *name;
    enum subject subject;
    enum status status;
    CK_RV (*make)(CK_FUNCTION_LIST *p11, struct scratch *v);
};

#define CALL(function, subject, status, ...)                                                                 \
    static CK_RV make_##function(CK_FUNCTION_LIST *p11, struct scratch *v)                                   \
    {                                                                                                        \
        (void)v;                                                                                             \
        return p11->function(__VA_ARGS__);                                                                   \
    }
#include "conformance/checks/calls.def"
#undef CALL

#define CALL(function, subject, status, ...) { #function, subject, status, make_##function },
static const struct call calls[] = {
#include "conformance/checks/calls.def"
};
#undef CALL

static void expect_refusal(struct check *check, const struct call *call, struct scratch *v, CK_RV wanted)
{
    CK_RV codes[3] = { wanted };
    size_t count = 1;
    CK_RV rv;

    if (call->status == LEGACY)
        codes[count++] = CKR_FUNCTION_NOT_PARALLEL;
    if (call->status != MANDATORY)
        codes[count++] = CKR_FUNCTION_NOT_SUPPORTED;
    v->class = CKO_DATA;
    v->attribute = (CK_ATTRIBUTE){ CKA_CLASS, &v->class, sizeof(v->class) };
    v->mechanism.mechanism = CKM_RSA_PKCS;
    memset(v->bytes, '1', sizeof(v->bytes));
    v->len = sizeof(v->bytes);
    expect_begin(check, call->name);
    rv = call->make(check->p11, v);
    expect_rv(check, call->name, rv, codes, count);
}

static void before_initialize(struct check *check)
{
    struct scratch v = { .slot = 0, .session = 1 };

    expect_refusal(check, check->data, &v, CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void after_finalize(struct check *check)
{
    struct scratch v = { .slot = check->slot, .session = check->session };

    REQUIRE(check, C_Finalize(NULL));
    for (size_t i = 0; i < COUNT(calls); i++)
        expect_refusal(check, &calls[i], &v, CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void no_such_slot(struct check *check)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct scratch v = { .slot = NO_SUCH_SLOT };

        if (calls[i].subject == FOR_SLOT)
            expect_refusal(check, &calls[i], &v, CKR_SLOT_ID_INVALID);
    }
}

/* A session that never was, one that is no handle at all, and one that has been closed. */
static void no_such_session(struct check *check)
{
    const struct call *call = check->data;
    CK_SESSION_HANDLE closed = check_open(check);
    CK_SESSION_HANDLE handles[] = { NO_SUCH_SESSION, CK_INVALID_HANDLE, closed };

    REQUIRE(check, C_CloseSession(closed));
    for (size_t i = 0; i < COUNT(handles); i++) {
        struct scratch v = { .session = handles[i] };

        expect_refusal(check, call, &v, CKR_SESSION_HANDLE_INVALID);
    }
}

/* v3.1 5.20 (Parallel function management functions): kept for old applications, and always the same answer. */
static void not_parallel(struct check *check)
{
    EXPECT(check, C_GetFunctionStatus(check->session), CKR_FUNCTION_NOT_PARALLEL);
    EXPECT(check, C_CancelFunction(check->session), CKR_FUNCTION_NOT_PARALLEL);
}

#define CALL_INDEX(function) CALL_##function
enum {
#define CALL(function, ...) CALL_INDEX(function),
#include "conformance/checks/calls.def"
#undef CALL
};

const struct check_case cases_every_call[] = {
#define CALL(function, ...)                                                                                  \
    { #function " before C_Initialize is refused", LOADED, before_initialize, &calls[CALL_INDEX(function)] },
#include "conformance/checks/calls.def"
#undef CALL
    { "every function after C_Finalize is refused", SESSION, after_finalize },
    { "a slot that does not exist is refused by every function", INITIALIZED, no_such_slot },
#define CALL(function, subject, ...) CALL_##subject(function)
#define CALL_FOR_MODULE(function)
#define CALL_FOR_SLOT(function)
#define CALL_FOR_SESSION(function)                                                                           \
    { #function " with a session that is not open is refused", SESSION, no_such_session,                     \
      &calls[CALL_INDEX(function)] },
#include "conformance/checks/calls.def"
#undef CALL
    { "C_GetFunctionStatus and C_CancelFunction answer CKR_FUNCTION_NOT_PARALLEL", SESSION, not_parallel },
    { 0 },
};
