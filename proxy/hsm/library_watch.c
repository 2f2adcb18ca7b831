/* SPDX-License-Identifier: Apache-2.0 */
/* library_watch.c - a wrapper around each function that we call, made by one macro. */
#include "proxy/hsm/library_watch.h"

#include <time.h>

#include "include/table.h"

static struct {
    CK_FUNCTION_LIST *real;
    struct library_watch *watch;
} watched;

/* v3.1 5.1 (Function return values); what is not here is about the request. */
static const struct {
    CK_RV rv;
    enum library_grade grade;
} grades[] = {
    { CKR_HOST_MEMORY, LIBRARY_SUSPECT },           { CKR_GENERAL_ERROR, LIBRARY_SUSPECT },
    { CKR_FUNCTION_FAILED, LIBRARY_SUSPECT },       { CKR_DEVICE_ERROR, LIBRARY_SUSPECT },
    { CKR_DEVICE_MEMORY, LIBRARY_SUSPECT },         { CKR_KEY_HANDLE_INVALID, LIBRARY_SUSPECT },
    { CKR_OBJECT_HANDLE_INVALID, LIBRARY_SUSPECT }, { CKR_DEVICE_REMOVED, LIBRARY_LOST },
    { CKR_SESSION_CLOSED, LIBRARY_LOST },           { CKR_SESSION_HANDLE_INVALID, LIBRARY_LOST },
    { CKR_TOKEN_NOT_PRESENT, LIBRARY_LOST },        { CKR_TOKEN_NOT_RECOGNIZED, LIBRARY_LOST },
    { CKR_USER_NOT_LOGGED_IN, LIBRARY_LOST },       { CKR_CRYPTOKI_NOT_INITIALIZED, LIBRARY_LOST },
};

enum library_grade library_grade(CK_RV rv)
{
    for (size_t i = 0; rv != CKR_OK && i < ARRAY_SIZE(grades); i++)
        if (grades[i].rv == rv)
            return grades[i].grade;
    return LIBRARY_WELL;
}

/* Coarse: a tick of the kernel is precise enough, and costs no more than reading memory. */
uint64_t library_watch_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void begin(unsigned at_least_ms)
{
    struct library_watch *watch = watched.watch;
    unsigned most_ms = watch->hang_ms > at_least_ms ? watch->hang_ms : at_least_ms;

    watch->calls++;
    __atomic_store_n(watch->due_ms, library_watch_now_ms() + most_ms, __ATOMIC_RELAXED);
}

static CK_RV end(CK_RV rv)
{
    __atomic_store_n(watched.watch->due_ms, 0, __ATOMIC_RELAXED);
    if (library_grade(rv) != LIBRARY_WELL)
        watched.watch->trouble = rv;
    return rv;
}

/* ------------------------------------------------------------------------------------------------ the functions */

#define WATCH(name, at_least_ms, parameters, arguments)                                                      \
    static CK_RV watch_##name parameters                                                                     \
    {                                                                                                        \
        begin(at_least_ms);                                                                                  \
        return end(watched.real->name arguments);                                                            \
    }

#define WATCH_INIT(name)                                                                                     \
    WATCH(name, 0, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key),            \
          (session, mechanism, key))
#define WATCH_CRYPT(name)                                                                                    \
    WATCH(                                                                                                   \
        name, 0,                                                                                             \
        (CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out, CK_ULONG_PTR out_len), \
        (session, in, in_len, out, out_len))

WATCH_INIT(C_SignInit)
WATCH_INIT(C_EncryptInit)
WATCH_INIT(C_DecryptInit)
WATCH_CRYPT(C_Sign)
WATCH_CRYPT(C_Encrypt)
WATCH_CRYPT(C_Decrypt)
WATCH(C_OpenSession, 0,
      (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
       CK_SESSION_HANDLE_PTR session),
      (slot, flags, application, notify, session))
WATCH(C_CloseSession, 0, (CK_SESSION_HANDLE session), (session))
WATCH(C_Login, LIBRARY_SLOW_MS,
      (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len),
      (session, user, pin, pin_len))
WATCH(C_Logout, 0, (CK_SESSION_HANDLE session), (session))
WATCH(C_SetPIN, LIBRARY_SLOW_MS,
      (CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old, CK_ULONG old_len, CK_UTF8CHAR_PTR new,
       CK_ULONG new_len),
      (session, old, old_len, new, new_len))
WATCH(C_InitToken, LIBRARY_SLOW_MS,
      (CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len, CK_UTF8CHAR_PTR label),
      (slot, pin, pin_len, label))
WATCH(C_InitPIN, LIBRARY_SLOW_MS, (CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len),
      (session, pin, pin_len))
WATCH(C_GetSlotList, 0, (CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count), (present, slots, count))
WATCH(C_GetTokenInfo, 0, (CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info), (slot, info))
WATCH(C_CreateObject, 0,
      (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count, CK_OBJECT_HANDLE_PTR object),
      (session, template, count, object))
WATCH(C_DestroyObject, 0, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object))
WATCH(C_GetAttributeValue, 0,
      (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template, CK_ULONG count),
      (session, object, template, count))
WATCH(C_FindObjectsInit, 0, (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count),
      (session, template, count))
WATCH(C_FindObjects, 0,
      (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max, CK_ULONG_PTR count),
      (session, objects, max, count))
WATCH(C_GenerateKey, LIBRARY_SLOW_MS,
      (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR template, CK_ULONG count,
       CK_OBJECT_HANDLE_PTR key),
      (session, mechanism, template, count, key))
WATCH(C_GenerateKeyPair, LIBRARY_SLOW_MS,
      (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR public, CK_ULONG public_count,
       CK_ATTRIBUTE_PTR private, CK_ULONG private_count, CK_OBJECT_HANDLE_PTR public_key,
       CK_OBJECT_HANDLE_PTR private_key),
      (session, mechanism, public, public_count, private, private_count, public_key, private_key))
WATCH(C_DeriveKey, 0,
      (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base,
       CK_ATTRIBUTE_PTR template, CK_ULONG count, CK_OBJECT_HANDLE_PTR key),
      (session, mechanism, base, template, count, key))
WATCH(C_WrapKey, 0,
      (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
       CK_BYTE_PTR out, CK_ULONG_PTR out_len),
      (session, mechanism, wrapping, key, out, out_len))
WATCH(C_UnwrapKey, 0,
      (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE unwrapping,
       CK_BYTE_PTR wrapped, CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR template, CK_ULONG count,
       CK_OBJECT_HANDLE_PTR key),
      (session, mechanism, unwrapping, wrapped, wrapped_len, template, count, key))
WATCH(C_GenerateRandom, 0, (CK_SESSION_HANDLE session, CK_BYTE_PTR random, CK_ULONG len),
      (session, random, len))

CK_FUNCTION_LIST *library_watch(CK_FUNCTION_LIST *real, struct library_watch *watch)
{
    static CK_FUNCTION_LIST list;

#define USE(name) list.name = watch_##name
    list = *real; /* what is used at start alone, or by tests, is not watched */
    USE(C_SignInit), USE(C_EncryptInit), USE(C_DecryptInit), USE(C_Sign), USE(C_Encrypt), USE(C_Decrypt);
    USE(C_OpenSession), USE(C_CloseSession), USE(C_Login), USE(C_Logout), USE(C_SetPIN), USE(C_InitToken);
    USE(C_InitPIN), USE(C_GetSlotList), USE(C_GetTokenInfo), USE(C_CreateObject), USE(C_DestroyObject);
    USE(C_GetAttributeValue), USE(C_FindObjectsInit), USE(C_FindObjects), USE(C_GenerateKey);
    USE(C_GenerateKeyPair), USE(C_DeriveKey), USE(C_WrapKey), USE(C_UnwrapKey), USE(C_GenerateRandom);
#undef USE
    watched.real = real;
    watched.watch = watch;
    return &list;
}
