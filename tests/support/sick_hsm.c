/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sick_hsm.c - SoftHSM as a PKCS#11 library that falls ill when told: slow, hanging, crashing, refusing, or gone.
 *
 * What to suffer from stands in the file named by SOFTHSM2_CONF with ".sick" behind it, so that each of several HSMs has
 * an illness of its own. It is read anew at every call; no file, or an empty one: well. One word or pair a line:
 *
 *     delay_us 20000        each operation takes so much longer
 *     parallel 2            no more than so many processes are in an operation at once; the others wait
 *     fail 0x30             operations return this CK_RV
 *     one_in 3              but only each third does (of one process)
 *     hang                  operations never return
 *     crash                 the process ends in them
 *     gone                  the token is not there: no slot, no session, and operations say CKR_DEVICE_REMOVED
 *
 * "Operation" is what makes an HSM work: signing, ciphers, keys made, derived, wrapped and unwrapped. With
 * "parallel", processes wait on files in the directory of that name with ".slots" behind it, which all may write in
 * (mode 1777).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <p11-kit/pkcs11.h>

#include "include/cleanup.h"
#include "include/table.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

struct illness {
    unsigned long delay_us, parallel, fail, one_in;
    bool hangs, crashes, is_gone;
};

/* PKCS#11 functions have no context: what they stand before is the one static thing. Set by C_GetFunctionList. */
static CK_FUNCTION_LIST *healthy;

/* ---------------------------------------------------------------------------------------------------- the file */

static void take_word(struct illness *illness, const char *word, unsigned long value)
{
    const struct {
        const char *word;
        unsigned long *number;
        bool *flag;
    } rows[] = {
        { "delay_us", &illness->delay_us, NULL }, { "parallel", &illness->parallel, NULL },
        { "fail", &illness->fail, NULL },         { "one_in", &illness->one_in, NULL },
        { "hang", NULL, &illness->hangs },        { "crash", NULL, &illness->crashes },
        { "gone", NULL, &illness->is_gone },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].word, word) != 0)
            continue;
        if (rows[i].number)
            *rows[i].number = value;
        else
            *rows[i].flag = true;
    }
}

static void path_beside(const char *suffix, char ret[PATH_MAX])
{
    const char *base = getenv("SOFTHSM2_CONF");

    snprintf(ret, PATH_MAX, "%s%s", base ? base : "softhsm2.conf", suffix);
}

static struct illness diagnose(void)
{
    struct illness illness = { 0 };
    char path[PATH_MAX], line[128], word[32], value[32];
    FILE *file;

    path_beside(".sick", path);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        int words = sscanf(line, "%31s %31s", word, value);

        if (words > 0)
            take_word(&illness, word, words > 1 ? strtoul(value, NULL, 0) : 0);
    }
    if (file)
        fclose(file);
    return illness;
}

/* ------------------------------------------------------------------------------------------------- suffering */

/* One of @count files, locked until the descriptor is closed, by whatever end its process finds; -1: none of them. */
static int take_slot(unsigned long count)
{
    char slots[PATH_MAX], path[PATH_MAX + 32];
    int fd = -1;

    path_beside(".slots", slots);
    for (unsigned long i = 0; i <= count; i++) {
        bool is_last = i == count; /* all are taken: wait for one */

        snprintf(path, sizeof(path), "%s/%lu", slots, is_last ? (unsigned long)getpid() % count : i);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0 || flock(fd, is_last ? LOCK_EX : LOCK_EX | LOCK_NB) == 0)
            return fd;
        close(fd);
    }
    return -1;
}

static void leave_slot(int *slot)
{
    if (*slot >= 0)
        close(*slot);
}

static CK_RV suffer(void)
{
    static unsigned long calls;
    struct illness illness = diagnose();
    __attribute__((cleanup(leave_slot))) int slot = illness.parallel ? take_slot(illness.parallel) : -1;

    if (illness.one_in && ++calls % illness.one_in != 0)
        return CKR_OK;
    if (illness.crashes)
        abort();
    while (illness.hangs)
        pause();
    if (illness.delay_us)
        usleep((useconds_t)illness.delay_us);
    return illness.is_gone ? CKR_DEVICE_REMOVED : illness.fail;
}

/* ------------------------------------------------------------------------------------------------ the functions */

#define SICK(name, parameters, arguments)                                                                    \
    static CK_RV sick_##name parameters                                                                      \
    {                                                                                                        \
        CK_RV rv = suffer();                                                                                 \
                                                                                                             \
        return rv == CKR_OK ? healthy->name arguments : rv;                                                  \
    }

/* Well or not, the operation is over: SoftHSM has to do it, even when nobody gets to see the result. */
#define SICK_CRYPT(name)                                                                                     \
    static CK_RV sick_##name(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out,    \
                             CK_ULONG_PTR out_len)                                                           \
    {                                                                                                        \
        CK_RV rv = suffer(), done = healthy->name(session, in, in_len, out, out_len);                        \
                                                                                                             \
        return rv == CKR_OK ? done : rv;                                                                     \
    }

SICK_CRYPT(C_Sign)
SICK_CRYPT(C_Encrypt)
SICK_CRYPT(C_Decrypt)
SICK(C_GenerateKey,
     (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR template, CK_ULONG count,
      CK_OBJECT_HANDLE_PTR key),
     (session, mechanism, template, count, key))
SICK(C_GenerateKeyPair,
     (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR public, CK_ULONG public_count,
      CK_ATTRIBUTE_PTR private, CK_ULONG private_count, CK_OBJECT_HANDLE_PTR public_key,
      CK_OBJECT_HANDLE_PTR private_key),
     (session, mechanism, public, public_count, private, private_count, public_key, private_key))
SICK(C_DeriveKey,
     (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base, CK_ATTRIBUTE_PTR template,
      CK_ULONG count, CK_OBJECT_HANDLE_PTR key),
     (session, mechanism, base, template, count, key))
SICK(C_WrapKey,
     (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
      CK_BYTE_PTR out, CK_ULONG_PTR out_len),
     (session, mechanism, wrapping, key, out, out_len))
SICK(C_UnwrapKey,
     (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE unwrapping, CK_BYTE_PTR wrapped,
      CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR template, CK_ULONG count, CK_OBJECT_HANDLE_PTR key),
     (session, mechanism, unwrapping, wrapped, wrapped_len, template, count, key))

static CK_RV sick_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count)
{
    if (!diagnose().is_gone)
        return healthy->C_GetSlotList(present, slots, count);
    *count = 0;
    return CKR_OK;
}

static CK_RV sick_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                                CK_SESSION_HANDLE_PTR session)
{
    return diagnose().is_gone ? CKR_TOKEN_NOT_PRESENT
                              : healthy->C_OpenSession(slot, flags, application, notify, session);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret)
{
    static CK_FUNCTION_LIST list;
    void *library = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;

    if (!get || get(&healthy) != CKR_OK)
        return CKR_GENERAL_ERROR;
    list = *healthy;
    list.C_GetFunctionList = C_GetFunctionList;
    list.C_GetSlotList = sick_C_GetSlotList;
    list.C_OpenSession = sick_C_OpenSession;
    list.C_Sign = sick_C_Sign;
    list.C_Encrypt = sick_C_Encrypt;
    list.C_Decrypt = sick_C_Decrypt;
    list.C_GenerateKey = sick_C_GenerateKey;
    list.C_GenerateKeyPair = sick_C_GenerateKeyPair;
    list.C_DeriveKey = sick_C_DeriveKey;
    list.C_WrapKey = sick_C_WrapKey;
    list.C_UnwrapKey = sick_C_UnwrapKey;
    *ret = &list;
    return CKR_OK;
}
