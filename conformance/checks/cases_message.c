/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_message.c - message signing of 3.0: one beginning, then messages whole or in parts, then an end.
 *
 * Source: PKCS#11 v3.1 5.14.1 (C_MessageSignInit), 5.14.2 (C_SignMessage), 5.14.3 (C_SignMessageBegin),
 *         5.14.4 (C_SignMessageNext), 5.14.5 (C_MessageSignFinal).
 */
#include "conformance/checks/cases.h"
#include "conformance/checks/interface.h"
#include "conformance/checks/key.h"
#include "conformance/checks/message.h"

/* Of CK_MECHANISM_INFO. */
#define MESSAGE_SIGN  0x08UL
#define MULTI_MESSAGE 0x20UL

struct signing {
    CK_RV (*init)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
    CK_RV(*whole)
    (CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *data, CK_ULONG len,
     CK_BYTE *signature, CK_ULONG *signature_len);
    CK_RV (*begin)(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len);
    CK_RV(*next)
    (CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *part, CK_ULONG len,
     CK_BYTE *signature, CK_ULONG *signature_len);
    CK_RV (*final)(CK_SESSION_HANDLE session);
};

static struct signing functions(struct check *check, CK_FLAGS flags)
{
    struct signing module;

    *(void **)&module.init = interface_function(check, MESSAGE_SIGN_INIT);
    *(void **)&module.whole = interface_function(check, SIGN_MESSAGE);
    *(void **)&module.begin = interface_function(check, SIGN_MESSAGE_BEGIN);
    *(void **)&module.next = interface_function(check, SIGN_MESSAGE_NEXT);
    *(void **)&module.final = interface_function(check, MESSAGE_SIGN_FINAL);
    if (!mechanism_does(check, check->mechanism->type, flags))
        check_skip(check, "the token does not offer this with %s", check->mechanism->name);
    return module;
}

/* EXPECT, for a function that is not of the 2.40 list. */
#define EXPECT_3_0(check, call, wanted)                                                                      \
    expect_rv((check), #call, (expect_begin((check), #call), call), (const CK_RV[]){ wanted }, 1)

static CK_RV init(struct check *check, struct signing module)
{
    struct mechanism_use use;

    mechanism_use_init(&use, check->mechanism, mechanism_digest_len(check->mechanism));
    return module.init(check->session, &use.ck, check->key.handle);
}

static void begin(struct check *check, struct signing module)
{
    if (!EXPECT_3_0(check, init(check, module), CKR_OK))
        check_end(check);
}

static void sign_whole(struct check *check, struct signing module, struct message *message)
{
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    if (EXPECT_3_0(check, module.whole(check->session, NULL, 0, message->data, message->len, signature, &len),
                   CKR_OK))
        expect_signature(check, message, signature, len);
}

static void sign_parts(struct check *check, struct signing module, struct message *message)
{
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = 0;

    EXPECT_3_0(check, module.begin(check->session, NULL, 0), CKR_OK);
    EXPECT_3_0(check, module.next(check->session, NULL, 0, message->data, 1, NULL, NULL), CKR_OK);
    EXPECT_3_0(check, module.next(check->session, NULL, 0, message->data + 1, 9, NULL, NULL), CKR_OK);
    EXPECT_3_0(check, module.next(check->session, NULL, 0, message->data + 10, message->len - 10, NULL, &len),
               CKR_OK);
    expect_true(check, len == check->key.signature_len, "the length is said to be %lu, wanted %lu", len,
                check->key.signature_len);
    len = sizeof(signature);
    if (EXPECT_3_0(
            check,
            module.next(check->session, NULL, 0, message->data + 10, message->len - 10, signature, &len),
            CKR_OK))
        expect_signature(check, message, signature, len);
}

static void expect_not_begun(struct check *check, struct signing module)
{
    CK_BYTE data[32] = { 0 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    EXPECT_3_0(check, module.whole(check->session, NULL, 0, data, sizeof(data), signature, &len),
               CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_3_0(check, module.begin(check->session, NULL, 0), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_3_0(check, module.next(check->session, NULL, 0, data, sizeof(data), signature, &len),
               CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_3_0(check, module.final(check->session), CKR_OPERATION_NOT_INITIALIZED);
}

static void many_messages(struct check *check)
{
    struct signing module = functions(check, MESSAGE_SIGN);
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = 0;

    message_init(check, &message);
    begin(check, module);
    EXPECT_3_0(check, module.whole(check->session, NULL, 0, message.data, message.len, NULL, &len), CKR_OK);
    expect_true(check, len == check->key.signature_len, "the length is said to be %lu, wanted %lu", len,
                check->key.signature_len);
    len--;
    EXPECT_3_0(check, module.whole(check->session, NULL, 0, message.data, message.len, signature, &len),
               CKR_BUFFER_TOO_SMALL);
    for (int i = 0; i < 3; i++) {
        sign_whole(check, module, &message);
        message.data[message.len - 1] ^= 1;
    }
    EXPECT_3_0(check, module.final(check->session), CKR_OK);
    expect_not_begun(check, module);
    begin(check, module);
    sign_whole(check, module, &message);
}

static void messages_in_parts(struct check *check)
{
    struct signing module = functions(check, MESSAGE_SIGN | MULTI_MESSAGE);
    struct message message;

    needs_parts(check);
    message_init(check, &message);
    begin(check, module);
    sign_parts(check, module, &message);
    message.data[0] ^= 1;
    sign_parts(check, module, &message);
    sign_whole(check, module, &message);
    EXPECT_3_0(check, module.final(check->session), CKR_OK);
    expect_not_begun(check, module);
}

static void order_is_kept(struct check *check)
{
    struct signing module = functions(check, MESSAGE_SIGN | MULTI_MESSAGE);
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    needs_parts(check);
    message_init(check, &message);
    expect_not_begun(check, module);
    begin(check, module);
    EXPECT_3_0(check, init(check, module), CKR_OPERATION_ACTIVE);
    EXPECT_3_0(check, module.next(check->session, NULL, 0, message.data, message.len, signature, &len),
               CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_3_0(check, module.begin(check->session, NULL, 0), CKR_OK);
    EXPECT_3_0(check, module.begin(check->session, NULL, 0), CKR_OPERATION_ACTIVE);
    EXPECT_3_0(check, module.whole(check->session, NULL, 0, message.data, message.len, signature, &len),
               CKR_OPERATION_ACTIVE);
    EXPECT_3_0(check, module.next(check->session, NULL, 0, message.data, message.len, signature, &len),
               CKR_OK);
    expect_signature(check, &message, signature, len);
}

static void session_closed(struct check *check)
{
    struct signing module = functions(check, MESSAGE_SIGN);
    CK_SESSION_HANDLE session = check->session;
    CK_BYTE data[32] = { 0 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    check_open(check);
    begin(check, module);
    REQUIRE(check, C_CloseSession(session));
    EXPECT_3_0(check, module.whole(session, NULL, 0, data, sizeof(data), signature, &len),
               CKR_SESSION_HANDLE_INVALID);
}

const struct check_case cases_message[] = {
    { "one C_MessageSignInit signs many messages, until C_MessageSignFinal", KEY, many_messages },
    { "message signing takes messages in parts, and whole ones after them", KEY, messages_in_parts },
    { "message signing out of order is refused, the message under way goes on", KEY, order_is_kept },
    { "message signing in a closed session is refused", KEY, session_closed },
    { 0 },
};
