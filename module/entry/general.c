/* SPDX-License-Identifier: Apache-2.0 */
/*
 * general.c - beginning, end, and who we are; random numbers.
 *
 * Source: PKCS#11 v3.1 5.4 (General-purpose functions), 5.22 (Random number generation functions).
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/random.h>

#include "module/entry/entry.h"

#define RANDOM_STEP 4096 /* what one getrandom() is asked for: it may be interrupted */

/* What call_enter() and call_done() do for the others: what OpenSSL queues as errors meanwhile goes with the call. */
static bool mark_errors(void)
{
    if (!module_has_openssl())
        return false;
    ERR_set_mark(); /* of an empty queue there is none, and none is needed */
    return true;
}

ENTRY CK_RV C_Initialize(CK_VOID_PTR pInitArgs)
{
    bool is_marked = mark_errors();
    CK_RV rv = module_initialize(pInitArgs);

    if (is_marked)
        ERR_pop_to_mark();
    return rv;
}

ENTRY CK_RV C_Finalize(CK_VOID_PTR pReserved)
{
    bool is_marked = mark_errors();
    /* Reserved for later versions, which would tell what a non-NULL one means. */
    CK_RV rv = pReserved ? CKR_ARGUMENTS_BAD : module_finalize();

    if (is_marked)
        ERR_pop_to_mark();
    return rv;
}

ENTRY CK_RV C_GetInfo(CK_INFO_PTR pInfo)
{
    static const CK_INFO info = {
        .cryptokiVersion = { 3, 0 },
        .manufacturerID = "Privyseal                       ",
        .libraryDescription = "Privyseal remote signing        ",
        .libraryVersion = { 0, 1 },
    };
    struct call call;
    CK_RV rv = check_arguments(call_enter(&call, __func__), pInfo);

    if (rv == CKR_OK)
        *pInfo = info;
    return call_done(&call, rv);
}

static CK_RV fill_random(CK_BYTE *data, size_t len)
{
    while (len) {
        ssize_t n = getrandom(data, len < RANDOM_STEP ? len : RANDOM_STEP, 0);

        if (n < 0 && errno != EINTR)
            return CKR_FUNCTION_FAILED;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return CKR_OK;
}

/* From this machine: the token's would cost a round trip, and NSS draws some whenever it loads a module. */
ENTRY CK_RV C_GenerateRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pRandomData, CK_ULONG ulRandomLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(pRandomData, ulRandomLen));
    if (rv == CKR_OK)
        rv = fill_random(pRandomData, ulRandomLen);
    return call_done(&call, rv);
}

ENTRY CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSeed, CK_ULONG ulSeedLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(pSeed, ulSeedLen));
    return call_done(&call, rv == CKR_OK ? CKR_RANDOM_SEED_NOT_SUPPORTED : rv);
}
